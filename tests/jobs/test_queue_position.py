"""The place in the queue and the estimate of the time left, as the caller reads them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, eventually


def test_the_first_answer_tells_the_place_in_the_queue(own_media: Path, triton: TritonServer) -> None:
    with Live(own_media, triton_url=triton.url, passthrough_delay=0.2) as live:
        first = live.submit(audio_path="long.wav").json()["data"]["task_id"]
        live.until(first, "running")
        answers = [live.submit(audio_path="long.wav").json()["data"] for _ in range(3)]
        assert [answer["queue_position"] for answer in answers] == [0, 1, 2]
        assert {answer["eta_seconds"] for answer in answers} == {None}, "no job has ended yet"
        urgent = live.submit(audio_path="long.wav", priority=1).json()["data"]
        assert urgent["queue_position"] == 0
        assert [live.task(answer["task_id"])["queue_position"] for answer in answers] == [1, 2, 3]


def test_the_estimate_follows_the_jobs_that_ended_before(own_media: Path, triton: TritonServer) -> None:
    with Live(own_media, triton_url=triton.url, passthrough_delay=0.02) as live:
        done = live.until(live.submit().json()["data"]["task_id"], "succeeded")
        seconds = done["result"]["ended"] - done["result"]["started"]
    with Live(own_media, triton_url=triton.url, passthrough_delay=0.2) as live:
        running = live.submit(audio_path="long.wav").json()["data"]["task_id"]
        live.until(running, "running")
        found = [live.submit().json()["data"]["eta_seconds"] for _ in range(2)]
        assert found == [round(1.5 * seconds, 1), round(2.5 * seconds, 1)]


def test_the_estimate_does_not_climb_while_nothing_moves(own_media: Path, triton: TritonServer) -> None:
    with Live(own_media, triton_url=triton.url, passthrough_delay=0.1) as live:
        task_id = live.submit(audio_path="long.wav").json()["data"]["task_id"]
        eventually(lambda: live.task(task_id)["progress"] >= 0.3)
        for worker in live.workers():
            os.kill(worker, signal.SIGSTOP)
        try:
            seen = [live.task(task_id)]
            while len(seen) < 20:
                time.sleep(0.1)
                seen.append(live.task(task_id))
        finally:
            for worker in live.workers():
                os.kill(worker, signal.SIGCONT)
        still = [task["eta_seconds"] for task in seen if task["progress"] == seen[-1]["progress"]]
        assert len(still) > 5 and still[0] > still[-1]
        assert still == sorted(still, reverse=True)
        live.until(task_id, "succeeded")
