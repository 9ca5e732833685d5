"""Nothing outside the allowed folders is read or written, even when names change between the check and the use."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from digital_human.errors import ForbiddenError, ServiceError
from digital_human.files.sandbox import Allowed, by_descriptor, input_path, open_file, open_folder, output_path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    root, secret = tmp_path / "root", tmp_path / "secret"
    (root / "inner").mkdir(parents=True)
    secret.mkdir()
    (root / "inner" / "a.wav").write_text("open")
    (secret / "a.wav").write_text("secret")
    return root, secret


def test_a_folder_that_becomes_a_link_is_not_followed(folders: tuple[Path, Path]) -> None:
    root, secret = folders
    path = input_path("inner/a.wav", "audio_path", Allowed(root, [root]))
    (root / "inner").rename(root / "was")
    (root / "inner").symlink_to(secret)
    with pytest.raises(ForbiddenError), open_file(path, [root], "audio_path"):
        pass
    with pytest.raises(ForbiddenError), open_folder(path.parent, [root], "save_path", create=True):
        pass


def test_a_file_that_becomes_a_link_is_not_followed(folders: tuple[Path, Path]) -> None:
    root, secret = folders
    path = input_path("inner/a.wav", "audio_path", Allowed(root, [root]))
    path.unlink()
    path.symlink_to(secret / "a.wav")
    with pytest.raises(ForbiddenError), open_file(path, [root], "audio_path"):
        pass


def test_exchanging_names_all_the_time_never_reveals_the_secret(folders: tuple[Path, Path]) -> None:
    root, secret = folders
    path, stop = root / "inner" / "a.wav", threading.Event()

    def exchange() -> None:
        while not stop.is_set():
            os.rename(root / "inner", root / "was")
            os.symlink(secret, root / "inner")
            os.unlink(root / "inner")
            os.rename(root / "was", root / "inner")

    def read() -> str:
        input_path("inner/a.wav", "audio_path", Allowed(root, [root]))
        with open_file(path, [root], "audio_path") as descriptor:
            return by_descriptor(descriptor).read_text()

    seen = {read()}
    thread = threading.Thread(target=exchange)
    thread.start()
    for _ in range(3000):
        try:
            seen.add(read())
        except ServiceError:
            continue
    stop.set()
    thread.join()
    assert seen == {"open"}


def test_what_is_open_stays_what_it_was(folders: tuple[Path, Path]) -> None:
    root, secret = folders
    with open_file(root / "inner" / "a.wav", [root], "audio_path") as descriptor:
        (root / "inner" / "a.wav").unlink()
        (root / "inner" / "a.wav").symlink_to(secret / "a.wav")
        assert by_descriptor(descriptor).read_text() == "open"


def test_the_services_own_folder_is_not_for_callers(folders: tuple[Path, Path]) -> None:
    root, _ = folders
    (root / ".state").mkdir()
    (root / ".state" / "x.wav").write_text("of another caller")
    allowed = Allowed(root, [root], root / ".state")
    with pytest.raises(ForbiddenError, match="audio_path"):
        input_path(".state/x.wav", "audio_path", allowed)
    with pytest.raises(ForbiddenError, match="save_path"):
        output_path(".state/x.mp4", {}, allowed)


def test_a_pipe_does_not_hold_the_caller_up(folders: tuple[Path, Path]) -> None:
    root, _ = folders
    os.mkfifo(root / "pipe.wav")
    with pytest.raises(Exception, match="regular file"):
        input_path("pipe.wav", "audio_path", Allowed(root, [root]))


def test_mapped_prefixes_end_at_a_name(folders: tuple[Path, Path]) -> None:
    root, _ = folders
    allowed = Allowed(root, [root], None, (("/host/data", str(root)),))
    assert input_path("/host/data/inner/a.wav", "audio_path", allowed) == root / "inner" / "a.wav"
    for text in ("/host/database/inner/a.wav", "/host/data/../../etc/passwd"):
        with pytest.raises(ForbiddenError):
            input_path(text, "audio_path", allowed)
