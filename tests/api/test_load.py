"""Many callers at a time."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest

from digital_human.media import read_speech
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live
from tests.media.factory import write_sound

CLIENTS, ROUNDS, LIMIT = 50, 3, 0.1


def health_times(live: Live, ids: list[str]) -> list[float]:
    """Seconds that each `/health` of fifty clients took while these tasks ran. None may fail."""
    times: list[float] = []
    stop = threading.Event()
    # Made beforehand: setting one up costs this process more than what is measured.
    clients = [httpx.Client(base_url=f"http://127.0.0.1:{live.port}", timeout=30, verify=False) for _ in range(CLIENTS)]

    def client(number: int) -> int:
        asked = 0
        time.sleep(number / CLIENTS)
        with clients[number] as http:
            while not stop.is_set():
                started = time.perf_counter()
                answer = http.get("/health")
                times.append(time.perf_counter() - started)
                assert answer.status_code == 200
                asked += 1
                if number % 10 == 0:
                    assert http.get(f"/human/tasks/{ids[0]}").status_code == 200
                time.sleep(0.5)
        return asked

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [pool.submit(client, number) for number in range(CLIENTS)]
        while any(live.task(task_id)["state"] == "running" for task_id in ids):
            time.sleep(0.2)
        stop.set()
        assert all(asked.result() > 3 for asked in answers), "no request was lost"
    return times


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["passthrough", "default"])
def test_fifty_clients_are_served_while_two_jobs_run(own_media: Path, triton: TritonServer, engine: str) -> None:
    """With the default engine, one of the jobs has a template that must be analysed first.

    What else the machine does at the time is not the service's doing, so the best of a few rounds counts.
    """
    settings = {"engine": engine, "max_jobs": 2, "passthrough_delay": 0.03, "log_level": "WARNING"}
    p99 = []
    # Long enough that every client asks several times, however quick the machine is.
    speech = np.tile(read_speech(own_media / "long.wav"), 4)
    write_sound(own_media / "longer.wav", speech[None], 16000)
    with Live(own_media, triton_url=triton.url, **settings) as live:
        live.until(live.submit().json()["data"]["task_id"], "succeeded")
        for number in range(ROUNDS):
            fresh = shutil.copy(own_media / "template.mkv", own_media / f"fresh-{number}.mkv")
            with open(fresh, "ab") as file:
                file.write(b"\xec\x81" + bytes([number]))  # an element of Matroska that says nothing
            ids = [
                live.submit(audio_path="longer.wav", video_path=name).json()["data"]["task_id"]
                for name in ("template.mkv", Path(fresh).name)
            ]
            for task_id in ids:
                live.until(task_id, "running")
            times = health_times(live, ids)
            results = [live.until(task_id, "succeeded")["result"] for task_id in ids]
            assert [result["template_cached"] for result in results] == [True, False]
            p99.append(float(np.percentile(times, 99)))
            print(f"{len(times)} calls of /health, p50 {np.median(times) * 1e3:.0f} ms, p99 {p99[-1] * 1e3:.0f} ms")
            if p99[-1] < LIMIT:
                return
    raise AssertionError(f"p99 {p99} s")
