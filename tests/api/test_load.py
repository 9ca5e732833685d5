"""Many callers at a time."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from digital_human.media import read_speech
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live
from tests.media.factory import write_sound

CLIENTS = 50


def answers_meanwhile(live: Live, ids: list[str]) -> list[int]:
    """How many calls of `/health` each client had answered while one of these tasks ran. None may fail."""
    stop = threading.Event()
    clients = [httpx.Client(base_url=f"http://127.0.0.1:{live.port}", timeout=60, verify=False) for _ in range(CLIENTS)]

    def client(number: int) -> int:
        answered = 0
        stop.wait(0.3 * number / CLIENTS)
        with clients[number] as http:
            while not stop.is_set():
                assert http.get("/health").status_code == 200
                if number % 10 == 0:
                    assert http.get(f"/human/tasks/{ids[0]}").status_code == 200
                answered += not stop.is_set()
                stop.wait(0.5)
        return answered

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = [pool.submit(client, number) for number in range(CLIENTS)]
        while any(live.task(task_id)["state"] == "running" for task_id in ids):
            time.sleep(0.2)
        stop.set()
        return [answered.result() for answered in answers]


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "repeated"), [("passthrough", 1), ("default", 2)])
def test_fifty_clients_are_served_while_two_jobs_run(
    own_media: Path, triton: TritonServer, engine: str, repeated: int
) -> None:
    """With the default engine, one of the jobs has a template that must be analysed first."""
    settings: dict[str, Any] = {"engine": engine, "max_jobs": 2, "passthrough_delay": 0.03, "log_level": "WARNING"}
    # Long enough that every client asks several times, however quick the machine is.
    speech = np.tile(read_speech(own_media / "long.wav"), repeated)
    write_sound(own_media / "longer.wav", speech[None], 16000)
    fresh = Path(shutil.copy(own_media / "template.mkv", own_media / "fresh.mkv"))
    with fresh.open("ab") as file:
        file.write(b"\xec\x81\0")  # an element of Matroska that says nothing
    with Live(own_media, triton_url=triton.url, **settings) as live:
        live.until(live.submit().json()["data"]["task_id"], "succeeded")
        ids = [
            live.submit(audio_path="longer.wav", video_path=name).json()["data"]["task_id"]
            for name in ("template.mkv", fresh.name)
        ]
        for task_id in ids:
            live.until(task_id, "running")
        assert min(answers_meanwhile(live, ids)) > 0
        results = [live.until(task_id, "succeeded")["result"] for task_id in ids]
        assert [result["template_cached"] for result in results] == [True, False]
