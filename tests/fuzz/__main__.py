"""`make fuzz`: random requests and broken media against a service, with a fresh seed, until the time is over.

python -m tests.fuzz [--seed N] [--minutes N]. A seed that found something finds it again.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path

from digital_human.triton.embedded.server import TritonServer
from tests.conftest import ROOT, fill
from tests.fuzz.media import damaged
from tests.fuzz.requests import Answer, fault, random_requests
from tests.live_service import Live, leftovers
from tests.media.factory import greys, write_clip

REQUESTS, FILES = 300, 30
"""In one round."""


def main() -> int:
    parser = argparse.ArgumentParser("tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    seed, end = arguments.seed, time.monotonic() + 60 * arguments.minutes
    with tempfile.TemporaryDirectory() as folder, TritonServer() as triton:
        triton.ready()
        base = fill(Path(folder), ROOT / "samples")
        write_clip(base / "faceless.mp4", greys(8, 128, 128))
        with Live(base, triton_url=triton.url, max_queued=1000, stall_seconds=30, log_level="WARNING") as live:
            while True:
                print(f"seed {seed}", flush=True)
                if found := _round(live, seed):
                    print(f"found with --seed {seed}:\n{found}\n{live.words()}")
                    return 1
                if time.monotonic() > end:
                    return 0
                seed = (seed + 1) % 2**31


def _round(live: Live, seed: int) -> str | None:
    """What went wrong, if anything."""
    for sent in random_requests(live.client.get("/openapi.json").json(), seed, REQUESTS):
        answer = sent.to(live.port)
        if answer is not None and (wrong := fault(answer, str(live.base))):
            return f"{sent}\n{wrong}"
    for task in live.client.get("/human/tasks", params={"limit": 200}).json()["data"]["tasks"]:
        if task["ended"] is None:
            live.client.delete(f"/human/tasks/{task['task_id']}")
    folder = live.base / "broken"
    folder.mkdir()
    for field, name in damaged(folder, FILES, seed):
        body = {"video_path": "faceless.mp4", "audio_path": "speech.wav", field: f"broken/{name}"}
        made = live.submit(mode="sync", save_path="broken.mp4", **body)
        # What is damaged a little may still be played.
        if made.status_code >= 500 or fault(Answer(made.status_code, made.text), str(live.base)):
            kept = Path(shutil.copy(folder / name, tempfile.gettempdir()))
            return f"{field}: {kept}: {made.status_code} {made.text}"
    shutil.rmtree(folder)
    if left := leftovers(live.base):
        return f"left behind: {left}"
    made = live.submit(mode="sync", save_path="good.mp4")
    return None if made.status_code == 200 else f"a good job gets {made.status_code} {made.text}"


if __name__ == "__main__":
    sys.exit(main())
