"""Resolves callers' paths, checks that they are allowed, and opens them so that the check stays true.

A check by name is worthless if somebody can replace a folder with a link before the file is used. So `input_path` and
`output_path` only give early, clear errors. Files and folders are opened by `open_file` and `open_folder`, which walk
from an allowed root one name at a time without following links, and are then used through their descriptors
(`by_descriptor`).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from digital_human.core.containers import check_suffix
from digital_human.errors import BadInputError, ConflictError, ForbiddenError, NotFoundError, OutputError
from digital_human.files.atomic import TEMPORARY_BYTES
from digital_human.files.host_paths import is_windows, mapped


@dataclass(frozen=True)
class JobPaths:
    """The files of a job; absolute paths with symbolic links resolved."""

    audio: Path | None
    video: Path
    save: Path


@dataclass(frozen=True)
class Allowed:
    """The folders that callers may read and write.

    base:     start of relative paths
    roots:    allowed folders, links resolved
    private:  a folder inside one of them that only the service may use
    mappings: (prefix of callers' paths, its replacement), applied first
    """

    base: Path
    roots: Sequence[Path]
    private: Path | None = None
    mappings: Sequence[tuple[str, str]] = ()


def resolve(audio: str | None, video: str, save: str, base: Path, roots: Sequence[Path]) -> JobPaths:
    """Resolve the paths of a job; relative ones start at `base`. Without `audio`, its path is None.

    Raises ForbiddenError outside `roots`, NotFoundError for a missing input, ConflictError if the output is an input,
    and BadInputError for a folder or an unknown output type.
    """
    allowed = Allowed(base, roots)
    inputs = {} if audio is None else {"audio_path": input_path(audio, "audio_path", allowed)}
    inputs["video_path"] = input_path(video, "video_path", allowed)
    return JobPaths(inputs.get("audio_path"), inputs["video_path"], output_path(save, inputs, allowed))


def input_path(text: str, field: str, allowed: Allowed) -> Path:
    """The existing, readable, regular file that `text` names."""
    path = _inside(text, field, allowed)
    if path in allowed.roots:
        raise BadInputError("is_a_folder", field=field)
    try:
        with open_file(path, allowed.roots, field) as descriptor:
            if os.fstat(descriptor).st_size == 0:
                raise BadInputError("file_empty", field=field)
    except OSError as error:
        raise BadInputError("file_unreadable", field=field, reason=str(error.strerror)) from error
    return path


def output_path(text: str, inputs: dict[str, Path], allowed: Allowed, field: str = "save_path") -> Path:
    """Where the result goes: of a known type, no folder, and none of the inputs (field -> path).

    Raises BadInputError also where no file could be made of that name, such as below another file.
    """
    path = _inside(text, field, allowed)
    check_suffix(path, field)
    _check_names(path, field)
    try:
        status = path.stat()
    except FileNotFoundError:
        return path
    except NotADirectoryError as error:
        raise BadInputError("folder_is_a_file", field=field) from error
    except OSError as error:
        raise BadInputError("write_failed", field=field, reason=str(error.strerror)) from error
    if stat.S_ISDIR(status.st_mode):
        raise BadInputError("is_a_folder", field=field)
    if not stat.S_ISREG(status.st_mode):
        raise BadInputError("not_a_regular_file", field=field)
    for name, other in inputs.items():
        if path == other or path.samefile(other):
            raise ConflictError("output_is_input", field=field, other=name)
    return path


def _check_names(path: Path, field: str) -> None:
    """Raises BadInputError where a name in the path is too long for its disk, temporary names included."""
    there = next(folder for folder in path.parents if os.path.isdir(folder))
    longest = os.pathconf(there, "PC_NAME_MAX")
    if any(len(os.fsencode(name)) > longest for name in path.relative_to(there).parts):
        raise BadInputError("name_too_long", field=field, most=longest)
    if len(os.fsencode(path.name)) > longest - TEMPORARY_BYTES:
        raise BadInputError("file_name_too_long", field=field, most=longest - TEMPORARY_BYTES)


@contextmanager
def open_file(path: Path, roots: Sequence[Path], field: str) -> Iterator[int]:
    """A descriptor, for reading, of a regular file below one of `roots`.

    Raises ForbiddenError where a link lies on the way, NotFoundError, BadInputError for anything but a regular file,
    and OSError.
    """
    try:
        with open_folder(path.parent, roots, field) as folder:
            # Without O_NONBLOCK, opening a pipe would wait for somebody to write to it.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(path.name or ".", flags, dir_fd=folder)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError("file_not_found", field=field) from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ForbiddenError("path_became_link", field=field) from error
        raise
    try:
        if os.path.isdir(descriptor):
            raise BadInputError("is_a_folder", field=field)
        if not os.path.isfile(descriptor):
            raise BadInputError("not_a_regular_file", field=field)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def open_folder(path: Path, roots: Sequence[Path], field: str, create: bool = False) -> Iterator[int]:
    """A descriptor of a folder at or below one of `roots`; missing folders are made if asked.

    Raises ForbiddenError where a link lies on the way, and OSError.
    """
    root = next((root for root in roots if path.is_relative_to(root)), None)
    if root is None:
        raise ForbiddenError("path_not_allowed", field=field)
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    descriptor = os.open(root, flags)
    try:
        for name in path.relative_to(root).parts:
            inner = _enter(name, descriptor, flags | os.O_NOFOLLOW, create, field)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def by_descriptor(descriptor: int, name: str = "") -> Path:
    """A path to an open file or folder, whatever has become of its name. name: a file inside an open folder"""
    return Path(f"/proc/self/fd/{descriptor}") / name


def _enter(name: str, folder: int, flags: int, create: bool, field: str) -> int:
    try:
        if create:
            try:
                os.mkdir(name, dir_fd=folder)
            except FileExistsError:
                pass
            except OSError as error:
                raise OutputError("output_folder_failed", field=field, reason=str(error.strerror)) from error
        return os.open(name, flags, dir_fd=folder)
    except NotADirectoryError as error:
        # With O_DIRECTORY and O_NOFOLLOW a link and a file give the same answer.
        if _is_link(name, folder):
            raise ForbiddenError("path_became_link", field=field) from error
        raise


def _is_link(name: str, folder: int) -> bool:
    try:
        os.readlink(name, dir_fd=folder)
    except OSError:
        return False
    return True


def _inside(text: str, field: str, allowed: Allowed) -> Path:
    if not text.strip() or "\0" in text:
        raise BadInputError("path_empty", field=field)
    here = mapped(text, allowed.mappings)
    if is_windows(here):
        raise ForbiddenError("path_of_another_machine", field=field)
    try:
        path = Path(os.path.realpath(allowed.base / here))
    except (OSError, UnicodeEncodeError) as error:
        raise BadInputError("not_a_path", field=field) from error
    if not any(path.is_relative_to(root) for root in allowed.roots):
        raise ForbiddenError("path_not_allowed", field=field)
    if allowed.private and path.is_relative_to(allowed.private):
        raise ForbiddenError("path_private", field=field)
    return path
