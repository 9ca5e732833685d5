"""`digital-human prepare` studies templates before anybody speaks."""

from __future__ import annotations

from pathlib import Path

from digital_human.triton.embedded.server import TritonServer
from tests.fork_server import digital_human


def run(triton: TritonServer, base: Path, *words: str | Path) -> tuple[int, str]:
    settings = {"triton_url": triton.url, "base_path": base, "encoder_preset": "ultrafast"}
    return digital_human(words, base.parent / "command.log", **settings)


def entries(base: Path) -> dict[str, float]:
    """Names of the stored templates and when each was made."""
    return {entry.name: (entry / "index.json").stat().st_mtime for entry in (base / ".state" / "templates").iterdir()}


def test_the_first_video_finds_what_was_prepared(triton: TritonServer, own_media: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    status, said = run(triton, base, "prepare", own_media / "template.mkv")
    assert status == 0 and "template.mkv: 75 frames, studied in" in said
    stored = entries(base)
    _, said = run(triton, base, "prepare", own_media / "template.mkv")
    assert "template.mkv: 75 frames, known already" in said
    files = ("--video", own_media / "template.mkv", "--audio", own_media / "speech.wav")
    status, said = run(triton, base, "generate", *files, "--output", tmp_path / "out.mp4")
    assert status == 0, said
    assert len(stored) == 1 and entries(base) == stored, "made again or under another name"


def test_what_cannot_be_used_is_named_and_hinders_no_other(triton: TritonServer, own_media: Path) -> None:
    names = [own_media / name for name in ("speech.wav", "nothing.mp4", "template.mkv")]
    status, said = run(triton, own_media / "base", "prepare", *names)
    assert status == 1 and "Traceback" not in said
    assert [line.split()[1] for line in said.splitlines() if line] == ["video_path:", "video_path:", "75"]
    assert len(entries(own_media / "base")) == 1


def test_a_store_that_takes_nothing_is_said(triton: TritonServer, own_media: Path) -> None:
    base = own_media / "base"
    (base / ".state").mkdir(parents=True)
    (base / ".state" / "templates").symlink_to(own_media / "nowhere" / "at all")
    status, said = run(triton, base, "prepare", own_media / "template.mkv")
    assert status == 1 and "Traceback" not in said
    assert "template.mkv: what was found cannot be kept in" in said


def test_an_unknown_engine_is_refused(triton: TritonServer, own_media: Path) -> None:
    status, said = run(triton, own_media, "prepare", own_media / "template.mkv", "--engine", "abacus")
    assert status == 1 and "engine: there is none named 'abacus'" in said
