"""Processor time and memory of process trees, interleaved runs, tables and JSON."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

_TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
_SHARED_INTERVAL = 2.0
Row = dict[str, Any]


@dataclass
class Cost:
    """wall and cpu: seconds; cpu is user and system time of all threads of all processes looked at."""

    wall: float = 0.0
    cpu: float = 0.0


def tree(root: int, without: Iterable[int] = ()) -> set[int]:
    """The process and all its descendants, less the trees of `without`."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(name))
    left_out, found, line = set(without), set(), [root]
    while line:
        pid = line.pop()
        if pid not in left_out:
            found.add(pid)
            line += children.get(pid, [])
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time used so far."""
    total = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / _TICKS


def own_memory(pids: Iterable[int]) -> float:
    """Megabytes (2**20) that are each process's own."""
    pages = 0
    for pid in pids:
        try:
            resident, shared = map(int, Path(f"/proc/{pid}/statm").read_text().split()[1:3])
        except OSError:
            continue
        pages += resident - shared
    return pages * _PAGE / 2**20


def shared_memory(pids: Iterable[int]) -> float:
    """Megabytes (2**20) of files and regions in use, of what others use too a share (proportional set size).

    Dear: the kernel looks at every page, which takes up to 20 ms for a process.
    """
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith(("Pss_File:", "Pss_Shmem:")))
    return total / 1024


@contextmanager
def costing(pids: Callable[[], Iterable[int]]) -> Iterator[Cost]:
    """What the block takes."""
    cost = Cost()
    wall, cpu = time.perf_counter(), cpu_seconds(pids())
    yield cost
    cost.wall, cost.cpu = time.perf_counter() - wall, cpu_seconds(pids()) - cpu


@contextmanager
def neighbours(count: int) -> Iterator[list[int]]:
    """Processes, by number, that multiply matrices while the block runs."""
    work = "import numpy as np\na = np.ones((64, 64), np.float32)\nwhile True: a @ a"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    processes = [subprocess.Popen([sys.executable, "-c", work], env=environment) for _ in range(count)]
    try:
        time.sleep(1)
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@contextmanager
def peak_memory(
    groups: Mapping[str, Callable[[], Iterable[int]]], interval: float = 0.25
) -> Iterator[dict[str, float]]:
    """Largest memory of each group of processes while the block runs, MB; known when it has ended.

    Sampling should not slow the processes it samples: only their private memory is read every `interval`
    seconds, what is shared every two seconds and behind the block.
    """
    own, shared, peaks = dict.fromkeys(groups, 0.0), dict.fromkeys(groups, 0.0), dict.fromkeys(groups, 0.0)
    done = threading.Event()

    def look(thoroughly: bool) -> None:
        for name, pids in groups.items():
            found = list(pids())
            own[name] = max(own[name], own_memory(found))
            if thoroughly:
                shared[name] = max(shared[name], shared_memory(found))

    def watch() -> None:
        looks = 0
        while not done.wait(interval):
            looks += 1
            look(looks % max(round(_SHARED_INTERVAL / interval), 1) == 0)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()
        look(True)
        peaks.update({name: own[name] + shared[name] for name in groups})


def interleaved(cases: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Results of every case, `rounds` times in turn (A B C A B C ...): a busy spell of the machine hits all alike."""
    results: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            results[name].append(case())
    return results


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def show(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a table; their keys are the columns."""
    table = Table(title=title, title_justify="left")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    for column in columns:
        table.add_column(column, justify="left" if isinstance(rows[0].get(column), str) else "right")
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    Console(width=150).print(table)


def save(path: Path | None, results: Mapping[str, Any]) -> None:
    """Write results with what they were measured on."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **results}, indent=2) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "",
    )
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
    }


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
