"""How soon the service answers while it works: `/health` for many clients beside two jobs, and cancelling a job.

python -m benchmarks.responsiveness [--clients 50] [--rounds 3] [--seconds 30] [--neighbours 0] [--json FILE]

One of the two jobs finds its template in the store, the other has a new one. Every client asks twice a second.
Cancelling is timed from the call to its answer, which comes when nothing of the job is left. `--neighbours` starts that
many processes that keep a processor busy each.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np

from benchmarks import media_fixture
from benchmarks.measure import Row, neighbours, save, show
from benchmarks.service_fixture import Service, serving

PAUSE = 0.5
"""Seconds between two calls of a client."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    media_fixture.add_arguments(parser, ("512",))
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=30.0, help="of speech in each job")
    parser.add_argument("--neighbours", type=int, default=0)
    arguments = parser.parse_args()
    results: dict[str, list[Row]] = {}
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as name, serving(Path(name), max_jobs=2) as service:
            folder = Path(name)
            video = media_fixture.template(media_fixture.clip_of(arguments, size), size, folder)
            speech = media_fixture.speech(arguments.audio, arguments.seconds, folder)
            service.generate(speech, video, folder / "warm.mp4")
            with neighbours(arguments.neighbours):
                rows = [_round(service, arguments.clients, speech, video, number) for number in range(arguments.rounds)]
        show(f"{size}, {arguments.clients} clients, {arguments.neighbours} neighbours", rows)
        results[size] = rows
    save(arguments.json, results)


def _round(service: Service, clients: int, speech: Path, video: Path, number: int) -> Row:
    new = Path(shutil.copy(video, video.with_name(f"new-{number}.mp4")))
    with new.open("ab") as file:
        file.write(bytes([0, 0, 0, 9]) + b"free" + bytes([number]))  # another file with the same picture
    ids = [_submit(service, speech, template) for template in (video, new)]
    times = np.array(_health_times(service, clients, ids)) * 1000
    cancelled = _submit(service, speech, video)
    while _task(service, cancelled)["stage"] != "render":
        time.sleep(0.02)
    started = time.perf_counter()
    service.client.delete(f"/human/tasks/{cancelled}").raise_for_status()
    return {
        "calls": len(times),
        "p50 ms": float(np.percentile(times, 50)),
        "p99 ms": float(np.percentile(times, 99)),
        "slowest ms": float(times.max()),
        "cancelled after s": time.perf_counter() - started,
    }


def _submit(service: Service, speech: Path, video: Path) -> str:
    body = {"audio_path": str(speech), "video_path": str(video), "mode": "async"}
    task_id: str = service.client.post("/human/generate", json=body).raise_for_status().json()["data"]["task_id"]
    return task_id


def _task(service: Service, task_id: str) -> dict[str, object]:
    task: dict[str, object] = service.client.get(f"/human/tasks/{task_id}").raise_for_status().json()["data"]
    if task["state"] == "failed":
        raise RuntimeError(f"the job failed: {task['error']}")
    return task


def _health_times(service: Service, count: int, ids: list[str]) -> list[float]:
    """Seconds that each call of `/health` took while these tasks ran."""
    times: list[float] = []
    stop = threading.Event()
    # Made beforehand: setting one up costs this process more than what is measured.
    clients = [httpx.Client(base_url=service.client.base_url, timeout=60, verify=False) for _ in range(count)]

    def ask(number: int) -> None:
        stop.wait(PAUSE * number / count)
        with clients[number] as client:
            while not stop.is_set():
                started = time.perf_counter()
                client.get("/health").raise_for_status()
                times.append(time.perf_counter() - started)
                stop.wait(PAUSE)

    with ThreadPoolExecutor(count) as pool:
        asking = [pool.submit(ask, number) for number in range(count)]
        try:
            while not all(_task(service, task_id)["ended"] for task_id in ids):
                time.sleep(0.2)
        finally:
            stop.set()
        for asked in asking:
            asked.result()
    return times


if __name__ == "__main__":
    main()
