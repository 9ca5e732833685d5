"""Overlays on the output: the watermark and the mark of a synthetic person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from digital_human.core.alpha import half
from digital_human.core.frame import Float32, Frame, Uint8, rgb_to_yuv
from digital_human.errors import BadInputError
from digital_human.media import VideoInfo

Corner = Literal["top left", "top right", "bottom right"]
MARGIN = 10
DIGITAL_HUMAN_MARK = Path(__file__).parents[1] / "assets" / "digital_human_mark.png"
PREVIEW_MARK = DIGITAL_HUMAN_MARK.with_name("preview_mark.png")


@dataclass(frozen=True)
class Overlay:
    """An image at its position.

    x, y:   of its top left corner in the frame, even
    luma:   float32 [h, w], chroma: float32 [2, h/2, w/2], already times their opacity
    keep:   float32 [h, w] and [h/2, w/2], what stays of the frame underneath, 0-1
    """

    x: int
    y: int
    luma: Float32
    chroma: Float32
    keep: tuple[Float32, Float32]


def load_overlay(path: Path, corner: Corner, info: VideoInfo, height_share: float | None = None) -> Overlay:
    """Load an RGBA image and place it `MARGIN` pixels from two edges.

    height_share: its height over the frame's shorter side; without one it keeps its own size, up to a third of it

    Raises BadInputError where the picture cannot be read or does not fit.
    """
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise BadInputError("overlay_unreadable", file=path.name)
    if image.ndim == 2:
        image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGRA)
    if image.shape[2] == 3:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2BGRA)
    height, width = image.shape[:2]
    if height_share is None:
        scale = min(1.0, info.width / 3 / width, info.height / 3 / height)
    else:
        scale = min(height_share * min(info.width, info.height) / height, (info.width - 2 * MARGIN) / width)
    height, width = round(height * scale), round(width * scale)
    if width < 2 or height < 2 or height > info.height - 2 * MARGIN:
        raise BadInputError("picture_too_small_for_overlay")
    image = np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    x = MARGIN if corner == "top left" else info.width - MARGIN - width
    y = MARGIN if corner.startswith("top") else info.height - MARGIN - height
    return place(np.ascontiguousarray(image[..., [2, 1, 0, 3]]), x, y, info)


def place(image: Uint8, x: int, y: int, info: VideoInfo) -> Overlay:
    """An image at a position. image: uint8 [h, w, 4], RGBA; x, y: of its top left corner"""
    height, width = image.shape[:2]
    # Pad the image so that its edges fall between chroma samples.
    left, top = x % 2, y % 2
    right, bottom = (left + width) % 2, (top + height) % 2
    padded = np.pad(image, ((top, bottom), (left, right), (0, 0)))
    alpha = padded[..., 3].astype(np.float32) / 255
    yuv = rgb_to_yuv(np.ascontiguousarray(padded[..., :3]), info.matrix).astype(np.float32) * alpha[..., None]
    size = (yuv.shape[1] // 2, yuv.shape[0] // 2)
    chroma = cv2.resize(yuv[..., 1:], size, interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
    keep = cv2.resize(1 - alpha, size, interpolation=cv2.INTER_AREA)
    return Overlay(
        x - left, y - top, yuv[..., 0].copy(), chroma.astype(np.float32), (1 - alpha, keep.astype(np.float32))
    )


def apply_overlays(frame: Frame, overlays: list[Overlay]) -> Frame:
    """A copy of the frame with the overlays; the frame itself if there are none."""
    if not overlays:
        return frame
    frame = frame.copy()
    if frame.alpha is not None:
        return _over_transparency(frame, frame.alpha.copy(), overlays)
    luma, *chroma = frame.planes
    for overlay in overlays:
        _mix(luma, overlay.luma, overlay.keep[0], overlay.x, overlay.y)
        for plane, layer in zip(chroma, overlay.chroma, strict=True):
            _mix(plane, layer, overlay.keep[1], overlay.x // 2, overlay.y // 2)
    return frame


def _over_transparency(frame: Frame, alpha: Uint8, overlays: list[Overlay]) -> Frame:
    """Lay overlays over a frame with an alpha channel: they show where nothing was, too."""
    for overlay in overlays:
        x, y = overlay.x, overlay.y
        h, w = overlay.luma.shape
        whole = alpha[y : y + h, x : x + w]
        before = whole.astype(np.float32) / 255, half(np.ascontiguousarray(whole)) / 255
        after = [1 - overlay.keep[k] + before[k] * overlay.keep[k] for k in (0, 1)]
        layers = (overlay.luma, *overlay.chroma)
        for k, (plane, layer) in enumerate(zip(frame.planes, layers, strict=True)):
            part, step = min(k, 1), min(k, 1) + 1
            region = plane[y // step : (y + h) // step, x // step : (x + w) // step]
            own = region * before[part] * overlay.keep[part]
            mixed = (layer + own) / np.maximum(after[part], 1 / 512)
            region[...] = np.where(after[part] > 0, np.clip(np.rint(mixed), 0, 255), region)
        whole[...] = np.rint(after[0] * 255)
    return Frame(frame.data, frame.matrix, alpha)


def _mix(plane: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], layer: Float32, keep: Float32, x: int, y: int) -> None:
    h, w = layer.shape
    region = plane[y : y + h, x : x + w]
    region[...] = np.rint(region * keep + layer).astype(np.uint8)
