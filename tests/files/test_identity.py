"""An input is the same file until somebody writes to it or puts another in its place."""

from __future__ import annotations

import os
from pathlib import Path

from digital_human.files.identity import Identity, identify, is_same


def identity(path: Path) -> Identity:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return identify(descriptor)
    finally:
        os.close(descriptor)


def test_a_file_that_was_only_read_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"some")
    then = identity(path)
    path.read_bytes()
    assert is_same(identity(path), then)


def test_a_file_in_its_place_with_its_size_and_time_is_another(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"some")
    other.write_bytes(b"else")
    then, times = identity(path), path.stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)
    assert not is_same(identity(path), then)


def test_a_file_written_to_is_another(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"some")
    os.utime(path, (0, 0))
    then = identity(path)
    path.write_bytes(b"else")
    assert not is_same(identity(path), then)


def test_records_of_an_earlier_version_have_size_and_time_only() -> None:
    now: Identity = [4, 100, 7, "boot:1"]
    assert is_same(now, [4, 100])
    assert not is_same(now, [4, 101])


def test_a_device_has_another_number_after_a_restart_or_on_another_machine() -> None:
    assert is_same([4, 100, 7, "later:2"], [4, 100, 7, "boot:1"])
    assert not is_same([4, 100, 7, "boot:2"], [4, 100, 7, "boot:1"])
