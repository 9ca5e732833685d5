"""Preparing a template: track the face and let the engine analyse it, or find both in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from digital_human.core.concurrency import prefetch
from digital_human.core.cover import Cover
from digital_human.core.face_choice import FaceChoice, FacePoint, choice_key
from digital_human.core.frame import Float32, Frame
from digital_human.core.landmarks import LEFT_EAR, RIGHT_EAR
from digital_human.core.mouth_crops import MouthCrops
from digital_human.core.trim import trim_key
from digital_human.core.types import Arrays, FaceTrack, SeenFaces, Template
from digital_human.engines.base import Engine
from digital_human.errors import BadInputError, NoFaceError
from digital_human.inspection import person
from digital_human.inspection.person import Person
from digital_human.media import VideoInfo, VideoReader
from digital_human.occlusion import masks
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.options import DEFAULT, RenderOptions
from digital_human.tracking.seed import find_seed
from digital_human.tracking.tracker import TRACK_VERSION, track_face

MIN_FACE_WIDTH = 48
"""Pixels. Smaller mouths are a few pixels wide: their lips can neither be found nor drawn."""
OnProgress = Callable[[float], None]
"""Called with the share that is done, 0-1."""


@dataclass(frozen=True)
class PreparedTemplate:
    """A template with its face track and the engine's analysis.

    cached: it was found in the store; stored: the store has it now
    content: hash of the file's content
    person: how they usually look; None where that is not known, as in templates stored by earlier versions
    """

    reader: VideoReader
    template: Template
    analysis: Arrays
    cached: bool
    stored: bool
    content: str = ""
    person: Person | None = None

    @property
    def info(self) -> VideoInfo:
        return self.reader.info


def prepare_template(
    video: Path, engine: Engine, context: PipelineContext, on_progress: OnProgress, options: RenderOptions = DEFAULT
) -> PreparedTemplate:
    """Prepare a template, or load what an earlier job stored for the same file, engine, part of it and choice of face.

    Raises BadInputError for a template that cannot be read or is too long or too large, NoFaceError if no frame shows
    a face, or only a small one.
    """
    seconds = context.max_template_seconds
    face, trim = options.face, options.trim
    reader = VideoReader(
        video,
        max_pixels=context.max_template_pixels,
        hwaccel=context.hwaccel,
        max_seconds=seconds,
        trim=trim,
    )
    if trim is not None and isinstance(face, FacePoint):
        face = replace(face, time=face.time - trim.start)
    if reader.info.length_hint > seconds * reader.info.fps:
        raise BadInputError("template_too_long", field="video_path", seconds=seconds)
    content = content_hash(video)
    part = trim_key(trim, reader.info.fps)
    if context.decoded is not None:
        context.decoded.adopt(content + part, reader)
    # Earlier versions read such a template at another rate.
    grid = "-grid" if reader.info.gaps else ""
    analysis = f"{TRACK_VERSION}.{masks.VERSION}-{engine.name}-{engine.version}"
    key = f"{content}-{analysis}{grid}{part}{choice_key(face)}"
    groups = context.store.load(key)
    cached = stored = groups is not None
    if groups is None:
        mouth_crops = MouthCrops(reader.info.width, reader.info.height) if not reader.fits else None
        track = _track(reader, context, _within(on_progress, 0.0, 0.6), mouth_crops, face)
        groups = {"track": track_arrays(track)}
        cover = masks.find_cover(_template(reader, groups, mouth_crops, _within(on_progress, 0.6, 0.8)), context.models)
        groups["cover"] = cover.to_arrays()
        tracked = _template(reader, groups, mouth_crops, _within(on_progress, 0.8, 1.0))
        usual = person.study(_template(reader, groups, mouth_crops))
        if usual is not None:
            groups["person"] = usual.to_arrays()
        groups["engine"] = engine.analyse(tracked, context.models)
        stored = context.store.save(key, groups)
    on_progress(1.0)
    usual = Person.from_arrays(groups["person"]) if "person" in groups else None
    return PreparedTemplate(reader, _template(reader, groups), groups["engine"], cached, stored, content, usual)


def content_hash(path: Path) -> str:
    """SHA-256 of the file, shortened to 32 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()[:32]


def _track(
    reader: VideoReader,
    context: PipelineContext,
    on_progress: OnProgress,
    mouth_crops: MouthCrops | None,
    face: FaceChoice,
) -> FaceTrack:
    counted = partial(_counted, reader, reader.info.length_hint, on_progress)
    begin = find_seed(counted(), face, reader.info.fps, context.models) if isinstance(face, FacePoint) else face
    track = track_face(
        prefetch(counted(), 32, "decode"), context.models, begin, on_frames=mouth_crops.add if mouth_crops else None
    )
    if not track.present.any():
        raise NoFaceError("no_face_in_frames")
    width = float(np.median(face_width(track.landmarks[track.present])))
    if width < MIN_FACE_WIDTH:
        raise NoFaceError("face_too_small", width=width, least=MIN_FACE_WIDTH)
    return track


def _counted(reader: VideoReader, expected: int, on_progress: OnProgress) -> Iterator[Frame]:
    for index, frame in enumerate(reader.frames()):
        on_progress(min(index / max(expected, 1), 1.0))
        yield frame


def _within(on_progress: OnProgress, start: float, end: float) -> OnProgress:
    """Progress of a part, as that of the whole. A part that begins once more stays where it was."""
    reached = 0.0

    def report(share: float) -> None:
        nonlocal reached
        reached = max(reached, share)
        on_progress(start + (end - start) * reached)

    return report


def track_arrays(track: FaceTrack) -> Arrays:
    """A track as arrays to store."""
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "landmarks": track.landmarks,
        "score": track.score,
        "present": track.present,
    }
    if track.shot is not None:
        arrays["shot"] = track.shot
    if track.seen is not None:
        arrays |= {"seen": track.seen.boxes, "driven": np.array(track.seen.driven)}
    return arrays


def face_width(landmarks: Float32) -> Float32:
    """Width of faces from ear to ear as if seen from the front, pixels, float32 [n]. landmarks: float32 [n, 468, 3]"""
    right, left = landmarks[:, RIGHT_EAR], landmarks[:, LEFT_EAR]
    return np.linalg.norm(left - right, axis=1)  # type: ignore[no-any-return]


def _template(
    reader: VideoReader,
    groups: Mapping[str, Arrays],
    mouth_crops: MouthCrops | None = None,
    on_progress: OnProgress = lambda share: None,
) -> Template:
    """on_progress: called while the template's frames are read, so that a long look at them is no standstill"""
    info, track = reader.info, groups["track"]
    face = FaceTrack(
        np.asarray(track["landmarks"], np.float32),
        np.asarray(track["score"], np.float32),
        np.asarray(track["present"], np.bool_),
        np.asarray(track["shot"], np.int64) if "shot" in track else None,
        SeenFaces(np.asarray(track["seen"], np.float32), int(track["driven"])) if "seen" in track else None,
    )
    frames = lambda: prefetch(_counted(reader, len(face.score), on_progress), 16, "decode")  # noqa: E731
    cover = Cover.from_arrays(groups["cover"]) if "cover" in groups else None
    return Template(info.width, info.height, info.fps, len(face.score), face, frames, mouth_crops, cover)
