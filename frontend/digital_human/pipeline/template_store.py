"""Where prepared templates are kept: their analysis on disk, and the frames of the last one in memory."""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digital_human.core.types import Arrays
from digital_human.media import VideoReader

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TemplateStore:
    """A folder of analysed templates.

    An entry is complete or absent: it is written beside its place and renamed into it. The least recently used entries
    go when all of them together exceed `max_bytes`.

    pinned: contents of which the entry that was used last stays, and does not count
    """

    folder: Path
    max_bytes: int
    pinned: Callable[[], Collection[str]] = frozenset

    def load(self, key: str) -> dict[str, Arrays] | None:
        """Array groups of an entry, memory-mapped; None where it is absent or damaged."""
        entry = self.folder / key
        try:
            names = json.loads((entry / "index.json").read_text())
            groups: dict[str, Arrays] = {
                group: {name: np.load(entry / f"{group}.{name}.npy", mmap_mode="r") for name in arrays}
                for group, arrays in names.items()
            }
            os.utime(entry)
            return groups
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("template entry %s is damaged and will be made again: %s", key, error)
            shutil.rmtree(entry, ignore_errors=True)
            return None

    def save(self, key: str, groups: dict[str, Arrays]) -> bool:
        """Store an entry, and return whether it is there. A full disk does not fail the job, which can do without."""
        entry, part = self.folder / key, self.folder / f".{key}.{uuid.uuid4().hex}"
        try:
            part.mkdir(parents=True)
            for group, arrays in groups.items():
                for name, array in arrays.items():
                    np.save(part / f"{group}.{name}.npy", np.asarray(array))
            (part / "index.json").write_text(json.dumps({group: list(arrays) for group, arrays in groups.items()}))
            if not entry.exists():
                part.rename(entry)
        except OSError as error:
            # Perhaps another job stored the same template first.
            log.warning("template entry %s was not stored: %s", key, error)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        with suppress(FileNotFoundError):  # other processes prune the same folder
            self._prune()
        return (entry / "index.json").exists()

    def forget(self, content: str) -> None:
        """Remove the entries of this content, unless it is pinned."""
        if content not in self.pinned():
            for entry in self.folder.glob(f"{content}-*"):
                shutil.rmtree(entry, ignore_errors=True)

    def _prune(self) -> None:
        entries = [entry for entry in self.folder.iterdir() if not entry.name.startswith(".")]
        newest_first = sorted(entries, key=lambda entry: entry.stat().st_mtime, reverse=True)
        total, pinned = 0, set(self.pinned())
        for entry in newest_first:
            content = content_of(entry.name)
            if content in pinned:
                pinned.remove(content)
                continue
            total += sum(file.stat().st_size for file in entry.iterdir())
            if total > self.max_bytes and entry != newest_first[0]:
                shutil.rmtree(entry, ignore_errors=True)


def content_of(key: str) -> str:
    """The hash of the content that an entry's key begins with."""
    return key.partition("-")[0]


class DecodedTemplateCache:
    """The decoded frames of the last job's template: the next job often has the same template and another speech.

    Not safe for jobs that run at the same time.
    """

    def __init__(self) -> None:
        self._content = ""
        self._reader: VideoReader | None = None

    def adopt(self, content: str, reader: VideoReader) -> None:
        """Hand the cached frames to `reader` if they are of this content, and keep its frames from now on.

        content: hash of the template's file, see `templates.content_hash`
        """
        if self._reader is not None and self._content == content:
            reader.adopt_buffer(self._reader)
        self._content, self._reader = content, reader

    def clear(self) -> None:
        self._reader = None
