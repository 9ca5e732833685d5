"""Queued jobs are slowed down while somebody speaks live, and only then."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from digital_human.live.brake import brake


def test_processes_stand_still_while_somebody_speaks() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    speaking = True

    def stands() -> bool:
        return Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    async def scene() -> None:
        nonlocal speaking
        task = asyncio.create_task(brake(lambda: speaking, lambda: [child.pid, 2**22 + 1], 0.25))
        while not stands():
            await asyncio.sleep(0.01)
        while stands():  # for a share of the time they go on
            await asyncio.sleep(0.01)
        while not stands():
            await asyncio.sleep(0.01)
        task.cancel()  # the last session has ended
        await asyncio.wait([task])
        while stands():
            await asyncio.sleep(0.01)

    try:
        asyncio.run(asyncio.wait_for(scene(), 60))
    finally:
        child.kill()
        child.wait()
