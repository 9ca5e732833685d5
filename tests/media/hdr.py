"""HDR clips for tests, made from SDR pictures by the inverse of the published curves."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

Transfer = Literal["hlg", "pq"]
Picture = npt.NDArray[Any]

# ITU-R BT.2087: linear BT.709 -> linear BT.2020.
_TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
_LUMA = np.array([0.2627, 0.6780, 0.0593])
TAGS: dict[Transfer, int] = {"hlg": 18, "pq": 16}
WHITE = 203.0


def light_of(picture: Picture) -> Picture:
    """cd/m2 of BT.709's RGB, float [..., 3], for an SDR picture, uint8, shown with white at 203 (BT.1886)."""
    light: Picture = WHITE * (picture / 255.0) ** 2.4
    return light


def signal_of(light: Picture, transfer: Transfer) -> Picture:
    """The HDR signal that shows this light, float [..., 3], 0-1."""
    light = np.maximum(light @ _TO_2020.T, 0)
    if transfer == "pq":
        power = (light / 10_000) ** (2610 / 16384)
        return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    luminance = np.maximum(light @ _LUMA, 1e-9)[..., None] / 1000
    scene = light / 1000 * luminance ** (1 / 1.2 - 1)
    above = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), above)


def write_hdr(
    path: Path,
    lights: list[Picture],
    transfer: Transfer,
    codec: str = "libx264",
    space: int = 9,
    options: dict[str, str] | None = None,
    fps: Fraction = Fraction(25),
    rotation: int = 0,
) -> Path:
    """A 10-bit BT.2020 clip of pictures in cd/m2, float [H, W, 3], RGB of BT.709."""
    height, width = lights[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p10le"
        stream.options = dict(options) if options is not None else {"crf": "1", "preset": "ultrafast"}
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = (
            space, 9, TAGS[transfer], 1,
        )  # fmt: skip
        if rotation:
            stream.set_display_rotation(rotation)
        for index, light in enumerate(lights):
            picture = _picture(signal_of(light, transfer))
            picture.pts, picture.time_base = index, 1 / fps
            picture.colorspace, picture.color_primaries = space, 9
            picture.color_trc, picture.color_range = TAGS[transfer], 1
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def _picture(signal: Picture) -> VideoFrame:
    height, width = signal.shape[:2]
    luma = signal @ _LUMA
    chroma = [(signal[..., k] - luma) / (2 * (1 - _LUMA[k])) for k in (2, 0)]
    half = [cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA) for plane in chroma]
    picture = VideoFrame(width, height, "yuv420p10le")
    for plane, values in zip(picture.planes, (64 + 876 * luma, 512 + 896 * half[0], 512 + 896 * half[1]), strict=True):
        rows = np.frombuffer(plane, np.uint16).reshape(values.shape[0], -1)  # type: ignore[call-overload]
        rows[:, : values.shape[1]] = np.rint(values)
    return picture
