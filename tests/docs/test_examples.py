"""The commands of the pages on avatars, batches and backgrounds run as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, eventually

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    for name in ("hello.wav", "goodbye.wav"):
        shutil.copy(media / "speech.wav", media / name)
    shutil.copy(media / "template.mkv", media / "lena.mp4")
    cv2.imwrite(str(media / "studio.jpg"), np.full((72, 128, 3), 200, np.uint8))
    with Live(media, triton_url=triton.url) as service:
        yield service


def blocks(page: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def shell(live: Live, commands: str) -> str:
    commands = commands.replace("localhost:8308", f"127.0.0.1:{live.port}").replace("curl ", "curl -sS ")
    done = subprocess.run(["bash", "-euc", commands], cwd=live.base, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_of_the_page_on_avatars(live: Live) -> None:
    upload, rest = blocks("avatars.md")[0].split("curl -X POST", 1)
    upload_id = re.search(r"upload:[0-9a-f]{32}", shell(live, upload))
    assert upload_id is not None
    made, asked, generated = re.split(r"\n(?=curl)", "curl -X POST" + rest)
    shell(live, made.replace("upload:...", upload_id[0]))
    eventually(lambda: '"state":"ready"' in shell(live, asked))
    assert '"code":200' in shell(live, generated)
    assert (live.base / "result.mp4").stat().st_size > 1000


def test_the_commands_of_the_page_on_batches(live: Live) -> None:
    first, then = blocks("batches.md")
    found = re.search(r'"batch_id":"([0-9a-f-]+)"', shell(live, first))
    assert found is not None
    url = f"http://127.0.0.1:{live.port}/human/batches/{found[1]}"
    eventually(lambda: httpx.get(url).json()["data"]["state"] == "ended")
    shell(live, then.replace("$BATCH", found[1]))
    with zipfile.ZipFile(live.base / "night.zip") as archive:
        assert archive.namelist() == ["0001-greeting.mp4", "0002-closing.mp4", "report.csv"]


def test_the_commands_of_the_page_on_backgrounds(live: Live) -> None:
    upload, *orders = re.split(r"\n(?=curl)", blocks("background.md")[0])
    upload_id = re.search(r"upload:[0-9a-f]{32}", shell(live, upload))
    assert upload_id is not None and len(orders) == 2
    for order in orders:
        assert '"code":200' in shell(live, order.replace("upload:...", upload_id[0]))
    assert {path.name for path in live.base.glob("*.mp4")} >= {"studio.mp4", "plain.mp4"}
