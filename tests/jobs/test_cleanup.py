"""What a service removes when it starts, and every ten minutes after that, and what it leaves alone."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, eventually, leftovers

MONTH = 31 * 24 * 3600


def age(path: Path) -> None:
    old = time.time() - MONTH
    os.utime(path, (old, old), follow_symlinks=False)


def send(live: Live, name: str) -> str:
    answer = live.client.post("/human/uploads", files={"file": (name, (live.base / name).read_bytes())})
    upload_id: str = answer.json()["data"]["id"]
    return upload_id


@pytest.mark.slow
def test_what_is_old_goes_and_what_a_task_needs_stays(own_media: Path, triton: TritonServer) -> None:
    settings: dict[str, Any] = {"triton_url": triton.url, "segment_seconds": 0.5}
    state = own_media / ".state"
    first = Live(own_media, passthrough_delay=0.01, **settings).wait()
    forgotten = first.submit().json()["data"]["task_id"]
    given_up = first.submit(save_path="lost.mp4").json()["data"]["task_id"]
    for task_id in (forgotten, given_up):
        first.until(task_id, "succeeded")
    unused, young, needed, used = (send(first, "speech.wav") for _ in range(4))
    cv2.imwrite(str(own_media / "behind.png"), np.full((64, 64, 3), 200, np.uint8))
    behind = send(first, "behind.png")
    running = first.submit(audio_path="voice.wav", save_path="running.mp4").json()["data"]["task_id"]
    waiting = first.submit(audio_path=needed, background=behind, save_path="waiting.mp4").json()["data"]["task_id"]
    eventually((state / "jobs" / running / "segment-00001.mp4").exists)
    first.kill()

    (state / "jobs" / "abandoned" / "plan").mkdir(parents=True)
    (state / "jobs" / "just-begun").mkdir()
    (state / "live").mkdir()
    for name in ("unheard", "just-sent"):
        (state / "live" / name).write_bytes(b"a recording")
    age(state / "live" / "unheard")
    (state / "templates" / ".half-stored").mkdir()
    (own_media / f".lost.mp4.{given_up}.part").write_bytes(b"half a video")
    (own_media / ".lost.mp4.another.part").write_bytes(b"not of a task of ours")
    templates = [path for path in (state / "templates").iterdir() if not path.name.startswith(".")]
    uploads = {path.name.split("-", 1)[1]: path for path in (state / "uploads").iterdir()}
    report = state / "reports" / f"{forgotten}.json"
    for path in (state, *state.glob("jobs/*"), *state.glob("templates/*"), *state.glob("results/*"), report):
        if path.name != "just-begun":
            age(path)
    for upload in (unused, needed, used, behind):
        age(uploads[upload.removeprefix("upload:")])
    for path in (state / "upload_uses").iterdir():
        age(path)
    (state / "upload_uses" / uploads[used.removeprefix("upload:")].name).touch()
    with sqlite3.connect(state / "queue.sqlite") as database:
        change = "update workflow_status set {} where workflow_uuid = ?"
        database.execute(change.format("completed_at = 1"), (forgotten,))
        database.execute(change.format("status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'"), (given_up,))
    database.close()

    with Live(own_media, **settings) as second:
        # The last thing that is done.
        eventually(lambda: second.client.get(f"/human/tasks/{forgotten}").status_code == 404)
        assert {path.name for path in (state / "jobs").iterdir()} <= {running, waiting, "just-begun"}
        assert not (state / "templates" / ".half-stored").exists()
        assert [path.name for path in (state / "live").iterdir()] == ["just-sent"]
        assert list((state / "results").iterdir()) == [] and not report.exists()
        assert not (own_media / f".lost.mp4.{given_up}.part").exists()
        assert all(path.exists() for path in (*templates, own_media / "lost.mp4"))
        assert (own_media / ".lost.mp4.another.part").exists()
        left = {path.name.split("-", 1)[1] for path in (state / "uploads").iterdir()}
        assert left == {upload.removeprefix("upload:") for upload in (young, needed, used, behind)}
        assert second.until(running, "succeeded")["result"]["frames"] == 100
        assert second.until(waiting, "succeeded")["result"]["frames"] == 50
    (state / "jobs" / "just-begun").rmdir()
    (own_media / ".lost.mp4.another.part").unlink()
    assert leftovers(own_media) == []
