"""A job that needs more memory than it may have is refused in words, and harms no other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from digital_human.core.frame import Frame
from digital_human.media import EncoderSettings, VideoReader, write_video
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, eventually, leftovers

TEMPLATE = 75 * 720 * 576
"""Bytes of the sample template's frames, their chroma left out."""

# Every megabyte that can be had is taken, then some are given back: too few for OpenBLAS, enough for everything else.
STARVED = """
import threading
import numpy as np
from digital_human.jobs.worker import memory

def invert():
    starved.wait()
    for _ in range(30):
        np.linalg.inv(matrix)

starved, matrix = threading.Event(), np.eye(60)
memory.limit(2**30)
threads = [threading.Thread(target=invert) for _ in range(3)]
for thread in threads:
    thread.start()
taken = []
try:
    while True:
        taken.append(np.empty(2**20, np.uint8))
except MemoryError:
    del taken[-8:]
starved.set()
for thread in threads:
    thread.join()
print("inverted after", len(taken) > 100)
"""


def test_linear_algebra_goes_on_where_no_memory_is_left() -> None:
    ended = subprocess.run([sys.executable, "-c", STARVED], capture_output=True, text=True, timeout=60)
    assert ended.stdout == "inverted after True\n", ended.stderr


def test_a_job_beyond_its_memory_fails_in_words_and_the_next_one_succeeds(
    own_media: Path, triton: TritonServer
) -> None:
    enlarge(own_media / "template.mkv", own_media / "large.mp4", 4096, 2304)
    with Live(own_media, triton_url=triton.url, own_workers=True, job_memory_bytes=800 * 2**20) as service:
        before, workers = leftovers(own_media), service.workers()
        large = service.submit(video_path="large.mp4", save_path="a.mp4").json()["data"]["task_id"]
        task = service.until(large, "failed")
        assert "needs more memory than" in task["error"]["message"]
        assert not (own_media / "a.mp4").exists() and leftovers(own_media) == before
        assert not set(workers) & set(service.workers()), "what the job held is held still"
        service.until(service.submit(save_path="b.mp4").json()["data"]["task_id"], "succeeded")


def test_an_idle_process_gives_back_what_its_last_job_held(own_media: Path, triton: TritonServer) -> None:
    with Live(own_media, triton_url=triton.url, own_workers=True) as service:
        [worker] = service.workers()
        service.until(service.submit().json()["data"]["task_id"], "succeeded")
        # What it needed is not held.
        eventually(lambda: resident(worker)[0] < resident(worker)[1] - 1.5 * TEMPLATE)
        assert service.workers() == [worker]
        service.until(service.submit().json()["data"]["task_id"], "succeeded")


def resident(pid: int) -> tuple[int, int]:
    """Bytes of memory that a process has, and had at its most."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    now, most = (int(status[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    return now, most


def enlarge(source: Path, target: Path, width: int, height: int, frames: int = 12) -> None:
    reader = VideoReader(source)

    def enlarged() -> Iterator[Frame]:
        for frame in islice(reader.frames(), frames):
            large = Frame(np.empty((height * 3 // 2, width), np.uint8), frame.matrix)
            for plane, part in zip(frame.planes, large.planes, strict=True):
                part[...] = cv2.resize(plane, part.shape[::-1])
            yield large

    info = replace(reader.info, width=width, height=height)
    write_video(target, enlarged(), info, source.with_name("speech.wav"), frames, EncoderSettings("ultrafast", 30))
