"""`digital-human batch`: a sheet becomes videos, and the same command again makes what is missing."""

from __future__ import annotations

import csv
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.fork_server import Forked
from tests.live_service import eventually
from tests.media.factory import write_sound

pytestmark = pytest.mark.triton

HEAD = "name,audio_path,video_path,loop\n"


def sounds(folder: Path, count: int) -> None:
    """Files with a third of a second of sound each."""
    for number in range(count):
        tone = np.sin(np.arange(5000) * (0.05 + number / 100))[None].astype(np.float32)
        write_sound(folder / f"word{number}.wav", tone, 16000)


def begin(folder: Path, triton: TritonServer) -> Forked:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {
        "BASE_PATH": str(folder / "base"),
        "TRITON_URL": triton.url,
        "ENGINE_MODULES": "tests.passthrough",
        "ENGINE": "passthrough",
        "ENCODER_PRESET": "ultrafast",
        "HELPERS": "0",
        "COLUMNS": "400",
    }
    words = ["batch", str(folder / "night.csv"), "--output", str(folder / "out" / "{row}-{name}.mp4")]
    (folder / "command.log").unlink(missing_ok=True)
    return Forked(environment, folder / "command.log", words)


def run(folder: Path, triton: TritonServer) -> tuple[int, str]:
    """The exit status, and what was said."""
    status = begin(folder, triton).wait(300)
    return status, (folder / "command.log").read_text()


def report(folder: Path) -> list[dict[str, str]]:
    with (folder / "night.csv.report.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def videos(folder: Path) -> dict[str, int]:
    """When each was made."""
    return {path.name: path.stat().st_mtime_ns for path in (folder / "out").glob("*.mp4")}


def test_a_second_run_makes_what_is_missing(own_media: Path, triton: TritonServer) -> None:
    sounds(own_media, 3)
    sheet = f"{HEAD}one,word0.wav,template.mkv,\ntwo,late.wav,template.mkv,\nthree,word1.wav,template.mkv,sideways\n"
    (own_media / "night.csv").write_text(sheet)
    status, said = run(own_media, triton)
    assert status == 1 and "1 of 3 made, 2 failed" in said
    assert [line["state"] for line in report(own_media)] == ["succeeded", "failed", "failed"]
    assert "no such file" in report(own_media)[1]["error"] and "loop" in report(own_media)[2]["error"]
    first = videos(own_media)
    assert list(first) == ["0001-one.mp4"]

    # A recording comes late, a slip of the pen is corrected, a row is added.
    (own_media / "word2.wav").rename(own_media / "late.wav")
    (own_media / "night.csv").write_text(sheet.replace("sideways", "hold") + "four,word0.wav,template.mkv,\n")
    status, said = run(own_media, triton)
    assert status == 0 and "1 rows are made already" in said and "4 of 4 made, 0 failed" in said
    assert [line["row"] for line in report(own_media) if line["state"] == "succeeded"] == ["1", "2", "3", "4"]
    second = videos(own_media)
    assert sorted(second) == ["0001-one.mp4", "0002-two.mp4", "0003-three.mp4", "0004-four.mp4"]
    assert first.items() <= second.items()

    before = (own_media / "night.csv.report.csv").read_text()
    status, said = run(own_media, triton)
    assert status == 0 and "all 4 rows" in said
    assert videos(own_media) == second and (own_media / "night.csv.report.csv").read_text() == before
    (own_media / "out" / "0003-three.mp4").unlink()
    assert run(own_media, triton)[0] == 0
    third = videos(own_media)
    assert {name for name in third if third[name] != second[name]} == {"0003-three.mp4"}


def test_what_is_no_sheet_is_refused_and_nothing_is_begun(tmp_path: Path, triton: TritonServer) -> None:
    status, said = run(tmp_path, triton)
    assert status == 1 and "no such file" in said and "Traceback" not in said
    (tmp_path / "night.csv").write_bytes(b"audio_path\n\xff\xfe\n")
    status, said = run(tmp_path, triton)
    assert status == 1 and "CSV" in said and "Traceback" not in said
    assert sorted(path.name for path in tmp_path.iterdir() if path.name not in ("base", "command.log")) == ["night.csv"]


@pytest.mark.slow
def test_twenty_rows_come_through_two_crashes(own_media: Path, triton: TritonServer) -> None:
    sounds(own_media, 20)
    (own_media / "word4.wav").unlink()
    (own_media / "word14.wav").write_text("no sound at all")
    lines = [f"{k},word{k}.wav,template.mkv,{'sideways' if k == 9 else ''}\n" for k in range(20)]
    (own_media / "night.csv").write_text(HEAD + "".join(lines))

    def reached(count: int) -> bool:
        return len(videos(own_media)) >= count

    made: dict[str, int] = {}
    for count in (3, 10):
        process = begin(own_media, triton)
        eventually(partial(reached, count))
        process.kill()
        process.wait()
        made = videos(own_media)
    status, said = run(own_media, triton)
    assert status == 1 and "going on behind row" in said and "17 of 20 made, 3 failed" in said
    reasons = {line["row"]: line["error"] for line in report(own_media) if line["state"] == "failed"}
    assert list(reasons) == ["5", "10", "15"] and all(reasons.values())
    assert len(videos(own_media)) == 17 and made.items() <= videos(own_media).items()
    # What failed fails again, and nothing else is made again.
    assert run(own_media, triton)[0] == 1
    assert made.items() <= videos(own_media).items()
