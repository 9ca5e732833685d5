"""Paths of callers are checked before anything is opened."""

import os
import uuid
from pathlib import Path

import pytest

from digital_human.errors import BadInputError, ConflictError, ForbiddenError, NotFoundError
from digital_human.files.atomic import TEMPORARY_BYTES, atomic_write
from digital_human.files.sandbox import resolve
from digital_human.jobs.models import part_name


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a.wav").write_bytes(b"sound")
    (folder / "v.mp4").write_bytes(b"video")
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    return folder


def call(base: Path, audio: str = "a.wav", video: str = "v.mp4", save: str = "o.mp4") -> None:
    resolve(audio, video, save, base, [base])


def test_relative_and_absolute_paths_work(base: Path) -> None:
    call(base)
    call(base, str(base / "a.wav"), str(base / "v.mp4"), str(base / "new" / "o.mp4"))


def test_outside_the_roots_is_forbidden_and_names_the_setting(base: Path) -> None:
    (base / "link.mp4").symlink_to(base.parent / "secret.mp4")
    for video in ("../secret.mp4", str(base.parent / "secret.mp4"), "link.mp4", "/etc/passwd"):
        with pytest.raises(ForbiddenError, match=r"video_path: .*ALLOWED_ROOTS"):
            call(base, video=video)
    with pytest.raises(ForbiddenError, match="save_path"):
        call(base, save="../o.mp4")


def test_a_sibling_that_shares_the_prefix_is_outside(base: Path) -> None:
    sibling = base.parent / "data-other"
    sibling.mkdir()
    (sibling / "v.mp4").write_bytes(b"video")
    with pytest.raises(ForbiddenError):
        call(base, video=str(sibling / "v.mp4"))


def test_missing_inputs_are_not_found(base: Path) -> None:
    with pytest.raises(NotFoundError, match="audio_path"):
        call(base, audio="none.wav")
    with pytest.raises(NotFoundError, match="video_path"):
        call(base, video="none.mp4")


@pytest.mark.parametrize("save", ["v.mp4", "./v.mp4", "hard.mp4", "soft.mp4"])
def test_an_input_is_never_overwritten(base: Path, save: str) -> None:
    (base / "hard.mp4").hardlink_to(base / "v.mp4")
    (base / "soft.mp4").symlink_to(base / "v.mp4")
    with pytest.raises(ConflictError, match="video_path"):
        call(base, save=save)


def test_folders_and_unknown_suffixes_are_bad_input(base: Path) -> None:
    (base / "folder.mp4").mkdir()
    for arguments in ({"audio": "."}, {"save": "o.avi"}, {"save": "folder.mp4"}, {"save": ""}, {"save": "a\0b.mp4"}):
        with pytest.raises(BadInputError):
            call(base, **arguments)


def test_a_target_below_a_file_or_in_place_of_a_pipe_is_bad_input(base: Path) -> None:
    os.mkfifo(base / "pipe.mp4")
    for save in ("v.mp4/x.mp4", "v.mp4/y/x.mp4", "pipe.mp4"):
        with pytest.raises(BadInputError, match="save_path"):
            call(base, save=save)


def test_a_target_leaves_room_for_its_temporary_names(base: Path) -> None:
    longest = os.pathconf(base, "PC_NAME_MAX")
    for save in ("x" * 300 + ".mp4", "x" * 300 + "/x.mp4", "x" * (longest - 4) + ".mp4", "é" * 110 + ".mp4"):
        with pytest.raises(BadInputError, match=r"save_path: .*longer than"):
            call(base, save=save)
    with pytest.raises(BadInputError, match="save_path"):
        call(base, save="x/" * 2040 + "x.mp4")
    target = base / "new" / ("x" * (longest - TEMPORARY_BYTES - 4) + ".mp4")
    call(base, save=str(target))
    target.parent.mkdir()
    (target.parent / (part_name(target, str(uuid.uuid4())) + ".signed")).touch()
    with atomic_write(target) as part:
        part.touch()
