"""Analysed templates, stored by the content of the file so that the next job with it starts at once."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.codec.hwaccel import HWAccel

from digital_human.core.concurrency import prefetch
from digital_human.core.frame import Frame
from digital_human.core.mouth_crops import MouthCrops
from digital_human.core.types import Arrays, FaceTrack, Models, Template
from digital_human.engines.base import Engine
from digital_human.errors import BadInputError, NoFaceError
from digital_human.media import VideoInfo, VideoReader
from digital_human.media.container import MAX_PIXELS
from digital_human.observability import metrics
from digital_human.tracking.tracker import TRACK_VERSION, track_face

log = logging.getLogger(__name__)

Report = Callable[[float], None]
"""Told the share done, 0-1."""


@dataclass(frozen=True)
class Prepared:
    """A template ready to speak. cached: it was found in the store; stored: it is there now"""

    reader: VideoReader
    template: Template
    analysis: Arrays
    cached: bool
    stored: bool

    @property
    def info(self) -> VideoInfo:
        return self.reader.info


@dataclass(frozen=True)
class TemplateStore:
    """A folder of analysed templates.

    An entry is complete or absent: it is written beside its place and renamed into it. The least recently used entries
    go when all of them together exceed `max_bytes`.
    """

    folder: Path
    max_bytes: int

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
        """Whether the entry is there afterwards: a full disk must not fail a job that can go on without."""
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

    def _prune(self) -> None:
        entries = [entry for entry in self.folder.iterdir() if not entry.name.startswith(".")]
        newest_first = sorted(entries, key=lambda entry: entry.stat().st_mtime, reverse=True)
        total = 0
        for entry in newest_first:
            total += sum(file.stat().st_size for file in entry.iterdir())
            if total > self.max_bytes and entry != newest_first[0]:
                shutil.rmtree(entry, ignore_errors=True)


class Held:
    """The template of the last job, decoded, for the next job: often it has the same one, and another speech."""

    def __init__(self) -> None:
        self._content = ""
        self._reader: VideoReader | None = None

    def exchange(self, content: str, reader: VideoReader) -> None:
        """Give `reader` the frames that are held, if they are of this content, and hold its own from now on."""
        if self._reader is not None and self._content == content:
            reader.take_over(self._reader)
        self._content, self._reader = content, reader

    def clear(self) -> None:
        self._reader = None


def prepare(
    path: Path,
    engine: Engine,
    models: Models,
    store: TemplateStore,
    max_seconds: float,
    report: Report,
    max_pixels: int = MAX_PIXELS,
    hwaccel: HWAccel | None = None,
    held: Held | None = None,
) -> Prepared:
    """Track the face and let the engine study the template, or find both in the store.

    held: whose frames are taken over where they are of the same file

    Raises BadInputError for a template that cannot be read or is too long or too large, NoFaceError where no frame
    shows a face.
    """
    reader = VideoReader(path, max_pixels=max_pixels, hwaccel=hwaccel)
    if reader.info.length_hint > max_seconds * reader.info.fps:
        raise BadInputError(f"video_path: the template is longer than {max_seconds:g} s")
    content = content_hash(path)
    if held is not None:
        held.exchange(content, reader)
    # Earlier versions read such a template at another rate.
    grid = "-grid" if reader.info.gaps else ""
    key = f"{content}-{TRACK_VERSION}-{engine.name}-{engine.version}{grid}"
    groups = store.load(key)
    cached = stored = groups is not None
    metrics.template_cache.labels("hit" if cached else "miss").inc()
    if groups is None:
        mouth_crops = MouthCrops(reader.info.width, reader.info.height) if not reader.fits else None
        track = _track(reader, models, max_seconds, report, mouth_crops)
        groups = {"track": {"landmarks": track.landmarks, "score": track.score, "present": track.present}}
        groups["engine"] = engine.analyse(_template(reader, groups["track"], mouth_crops), models)
        stored = store.save(key, groups)
    report(1.0)
    return Prepared(reader, _template(reader, groups["track"]), groups["engine"], cached, stored)


def content_hash(path: Path) -> str:
    """SHA-256 of the file, shortened to 32 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()[:32]


def _track(
    reader: VideoReader, models: Models, max_seconds: float, report: Report, mouth_crops: MouthCrops | None
) -> FaceTrack:
    limit = int(max_seconds * reader.info.fps)
    expected = max(reader.info.length_hint, 1)

    def counted() -> Iterator[Frame]:
        for index, frame in enumerate(reader.frames()):
            if index > limit:
                raise BadInputError(f"video_path: the template is longer than {max_seconds:g} s")
            report(min(index / expected, 1.0) * 0.9)
            yield frame

    track = track_face(prefetch(counted(), 32, "decode"), models, on_frames=mouth_crops.add if mouth_crops else None)
    if not track.present.any():
        raise NoFaceError("video_path: no face was found in any frame")
    return track


def _template(reader: VideoReader, track: Arrays, mouth_crops: MouthCrops | None = None) -> Template:
    info = reader.info
    face = FaceTrack(
        np.asarray(track["landmarks"], np.float32),
        np.asarray(track["score"], np.float32),
        np.asarray(track["present"], np.bool_),
    )
    frames = lambda: prefetch(reader.frames(), 16, "decode")  # noqa: E731
    return Template(info.width, info.height, info.fps, len(face.score), face, frames, mouth_crops)
