"""Templates and speeches of any size and length, made from one clip and one recording."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from digital_human.core.frame import Frame, Uint8
from digital_human.core.looping import loop_frames
from digital_human.media import SPEECH_RATE, EncoderSettings, VideoReader, read_speech, write_video

ROOT = Path(__file__).resolve().parents[1]
SIZES = {"512": (512, 512), "720p": (1280, 720), "1080p": (1920, 1080)}
"""Name -> width and height."""
FPS = Fraction(25)


def add_arguments(parser: argparse.ArgumentParser, sizes: tuple[str, ...] = tuple(SIZES)) -> None:
    """The options that all benchmarks share."""
    parser.add_argument("--audio", type=Path, default=ROOT / "samples" / "speech.wav", help="speech, looped as needed")
    parser.add_argument(
        "--video", type=Path, default=ROOT / "samples" / "template.mkv", help="clip of a person talking"
    )
    for name, (width, height) in SIZES.items():
        parser.add_argument(f"--video-{name}", type=Path, help=f"the clip for {width}x{height}, instead of --video")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(sizes))
    parser.add_argument("--json", type=Path, help="also write the results here")


def clip_of(arguments: argparse.Namespace, size: str) -> Path:
    """The source clip asked for at this size."""
    return getattr(arguments, f"video_{size}") or arguments.video  # type: ignore[no-any-return]


def template(source: Path, size: str, folder: Path, seconds: float | None = None) -> Path:
    """The clip scaled and cropped to fill the size, its frames played at 25 a second, to and fro where too short.

    Encoded at x264's CRF 18, as recordings are; a file made before is used again.
    """
    width, height = SIZES[size]
    reader = VideoReader(source)
    count = sum(1 for _ in reader.frames())
    length = count if seconds is None else round(seconds * FPS)
    path = folder / f"{source.stem}-{size}-{length}.mp4"
    if path.exists():
        return path
    info = replace(reader.info, width=width, height=height, fps=FPS)

    def scaled() -> Iterator[Frame]:
        for frame in reader.play(loop_frames(count, length)):
            luma, *chroma = frame.planes
            fitted = [_fill(luma, width, height), *(_fill(c, width // 2, height // 2) for c in chroma)]
            yield Frame(np.concatenate([plane.ravel() for plane in fitted]).reshape(-1, width), frame.matrix)

    silence = speech(None, length / float(FPS), folder)
    write_video(path, scaled(), info, silence, length, EncoderSettings("veryfast", 18))
    return path


def crowd(source: Path, faces: int, folder: Path) -> Path:
    """A 1280x720 template with the clip, as a square of 320, side by side that many times, at most four."""
    path = folder / f"{source.stem}-faces-{faces}.mp4"
    reader = VideoReader(source)
    side, (width, height) = 320, SIZES["720p"]
    info = replace(reader.info, width=width, height=height, fps=FPS)

    def pasted() -> Iterator[Frame]:
        for frame in reader.frames():
            planes = [np.full((height // step, width // step), 128, np.uint8) for step in (1, 2, 2)]
            for plane, canvas, step in zip(frame.planes, planes, (1, 2, 2), strict=True):
                person = _fill(plane, side // step, side // step)
                canvas[: side // step, : faces * side // step] = np.tile(person, faces)
            yield Frame(np.concatenate([plane.ravel() for plane in planes]).reshape(-1, width), frame.matrix)

    count = sum(1 for _ in reader.frames())
    write_video(path, pasted(), info, speech(None, count / float(FPS), folder), count, EncoderSettings("veryfast", 18))
    return path


def _fill(plane: Uint8, width: int, height: int) -> Uint8:
    h, w = plane.shape
    scale = max(width / w, height / h)
    crop_w, crop_h = min(round(width / scale), w), min(round(height / scale), h)
    x, y = (w - crop_w) // 2, (h - crop_h) // 2
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(plane[y : y + crop_h, x : x + crop_w], (width, height), interpolation=method)  # type: ignore[return-value]


def speech(source: Path | None, seconds: float, folder: Path) -> Path:
    """A WAV of that many seconds, 16 kHz mono: the recording over and over, or silence without one."""
    path = folder / f"{source.stem if source else 'silence'}-{seconds:g}.wav"
    if path.exists():
        return path
    once = read_speech(source) if source else np.zeros(SPEECH_RATE, np.float32)
    length = round(seconds * SPEECH_RATE)
    samples = np.tile(once, -(-length // len(once)))[:length]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=SPEECH_RATE, layout="mono")
        for start in range(0, length, SPEECH_RATE):
            part = np.clip(samples[start : start + SPEECH_RATE] * 32767, -32768, 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(part[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = SPEECH_RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
