"""`digital-human prepare` studies templates before anybody speaks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from digital_human.triton.embedded.server import TritonServer

ROOT = Path(__file__).resolve().parents[2]


def digital_human(triton: TritonServer, base: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "digital_human.cli", *map(str, words)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TRITON_URL": triton.url, "BASE_PATH": str(base), "ENCODER_PRESET": "ultrafast"},
    )


def entries(base: Path) -> dict[str, float]:
    """Names of the stored templates and when each was made."""
    return {entry.name: (entry / "index.json").stat().st_mtime for entry in (base / ".state" / "templates").iterdir()}


def test_the_first_video_finds_what_was_prepared(triton: TritonServer, own_media: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    done = digital_human(triton, base, "prepare", own_media / "template.mkv")
    assert done.returncode == 0, done.stderr
    assert "template.mkv: 75 frames, studied in" in done.stderr
    stored = entries(base)
    again = digital_human(triton, base, "prepare", own_media / "template.mkv")
    assert "template.mkv: 75 frames, known already" in again.stderr
    files = ("--video", own_media / "template.mkv", "--audio", own_media / "speech.wav")
    made = digital_human(triton, base, "generate", *files, "--output", tmp_path / "out.mp4")
    assert made.returncode == 0, made.stderr
    assert len(stored) == 1 and entries(base) == stored, "made again or under another name"


def test_what_cannot_be_used_is_named_and_hinders_no_other(triton: TritonServer, own_media: Path) -> None:
    names = [own_media / name for name in ("speech.wav", "nothing.mp4", "template.mkv")]
    done = digital_human(triton, own_media / "base", "prepare", *names)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert [line.split()[1] for line in done.stderr.splitlines() if line] == ["video_path:", "video_path:", "75"]
    assert len(entries(own_media / "base")) == 1


def test_a_store_that_takes_nothing_is_said(triton: TritonServer, own_media: Path) -> None:
    base = own_media / "base"
    (base / ".state").mkdir(parents=True)
    (base / ".state" / "templates").symlink_to(own_media / "nowhere" / "at all")
    done = digital_human(triton, base, "prepare", own_media / "template.mkv")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "template.mkv: what was found cannot be kept in" in done.stderr


def test_an_unknown_engine_is_refused(triton: TritonServer, own_media: Path) -> None:
    done = digital_human(triton, own_media, "prepare", own_media / "template.mkv", "--engine", "abacus")
    assert done.returncode == 1 and "engine: there is none named 'abacus'" in done.stderr
