"""The exemplars of a template: its mouths, cropped, measured by their pixels and evened out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.batching import batched
from digital_human.core.concurrency import ordered_map
from digital_human.core.frame import Float32, Frame, crop, crop_yuv
from digital_human.core.landmarks import Indices
from digital_human.core.types import Template
from digital_human.engines.exemplar import appearance, lip_colour, lip_edges
from digital_human.engines.exemplar.atlas import corner

SHUT_GAP, ALMOST_SHUT, MAX_APERTURE_BIAS = 0.04, 0.035, 0.02
"""Lips touch if their `gap` is below the first and the mesh has them open by less than the second beyond shut. The
mesh's aperture is then taken to be too large, by the third at most."""
LARGEST_SHUT_GAP = 0.01
"""Largest gap of a shut mouth, in absolute terms: a mouth that never shuts does not count as shut."""
SHARPEN = 0.12
"""Sharpening of the exemplars, which resampling will blur."""
TOGETHER, WORKERS = 16, 2
"""Frames of a batch, and batches measured in parallel."""


def collect(
    template: Template, frames: Indices, points: Float32, unit: Float32, size: Indices, reference: Float32
) -> dict[str, npt.NDArray[Any]]:
    """Crop the exemplars and measure them.

    Keys: fields of `Atlas`, and `vermilion`, `sharpness`, `flesh`, `aside`, `teeth`, `tongue`, `colours`, `thumbnails`.
    """
    rows, columns = int(size[4]), int(size[5])
    origin = corner(points, rows, columns)
    stock = np.zeros((len(frames), rows * 3 // 2, columns), np.uint8)
    gap, vermilion, flesh, aside, teeth, tongue = np.zeros((6, len(frames)), np.float32)
    sharpness = np.zeros((len(frames), 2), np.float32)
    lip_edge = np.zeros((len(frames), 2, len(mesh.UPPER_INNER)), np.float32)
    colours = np.zeros((len(frames), 2, 3), np.float32)
    thumbnails = np.zeros((len(frames), appearance.THUMBNAIL[0] * appearance.THUMBNAIL[1] * 3), np.float32)

    def measure(batch: list[tuple[int, Frame]]) -> None:
        indices = [k for k, _ in batch]
        crops = np.empty((len(batch), rows, columns, 3), np.uint8)
        for k, (number, region) in enumerate(batch):
            crops[k] = crop(region, 0, 0, columns, rows)
            stock[number] = appearance.sharpened(region.data, SHARPEN)
        local = points[indices, :, :2] - origin[indices, None].astype(np.float32)
        gap[indices] = appearance.seam_gap(crops, local, unit[indices])
        vermilion[indices] = appearance.vermilion(crops, local, unit[indices])
        for k, number in enumerate(indices):
            sharpness[number] = appearance.sharpness(crops[k], local[k, mesh.OUTER_LIPS], unit[number])
            lip_edge[number] = lip_edges.beyond_mesh(crops[k], local[k], float(unit[number]))
            flesh[number] = lip_edges.flesh_between(crops[k], local[k])
            teeth[number], tongue[number] = lip_edges.between(crops[k], local[k])
            aside[number] = lip_edges.aside(crops[k], local[k], float(unit[number]))
            colours[number] = lip_colour.beside_skin(crops[k], local[k])
            thumbnails[number] = appearance.thumbnail(crops[k], local[k], unit[number], reference)

    regions = _regions(template, frames, origin, columns, rows)
    for _ in ordered_map(batched(regions, repeat(TOGETHER)), measure, WORKERS, "measure"):
        pass
    return {
        "exemplar_pixels": stock,
        "exemplar_origin": origin,
        "gap": gap,
        "vermilion": vermilion,
        "sharpness": sharpness,
        "lip_edge": lip_edge,
        "flesh": flesh,
        "aside": aside,
        "teeth": teeth,
        "tongue": tongue,
        "colours": colours,
        "thumbnails": thumbnails,
    }


def _regions(
    template: Template, frames: Indices, origin: Indices, columns: int, rows: int
) -> Iterator[tuple[int, Frame]]:
    """Each of `frames` cropped at its `origin`, with its index among them. Mouth crops save decoding the template."""
    place = {int(frame): k for k, frame in enumerate(frames)}
    boxes = [(index, *corner, columns, rows) for index, corner in zip(frames.tolist(), origin.tolist(), strict=True)]
    mouth_crops = template.mouth_crops
    if mouth_crops is not None and all(mouth_crops.covers(*box) for box in boxes):
        yield from ((k, mouth_crops.crop_yuv(*box)) for k, box in enumerate(boxes))
        return
    for index, frame in enumerate(template.frames()):
        if index in place:
            x, y = origin[place[index]].tolist()
            yield place[index], crop_yuv(frame, x, y, columns, rows)


def even_out_lips(
    stock: dict[str, npt.NDArray[Any]], points: Float32, unit: Float32, opening: Float32, angles: Float32
) -> None:
    """Take out of the exemplars what opening and pose do not explain of the lips' colours, and their `colours`."""
    unusual = lip_colour.unusual(stock.pop("colours"), opening, angles)
    local = points[..., :2] - stock["exemplar_origin"][:, None].astype(np.float32)
    for picture, seen, scale, difference in zip(stock["exemplar_pixels"], local, unit.tolist(), unusual, strict=True):
        lip_colour.even_out(picture, seen, scale, difference)


def blur(sharpness: Float32, opening: Float32) -> Float32:
    """`Atlas.blur`, float32 [E]: of the mouth or with the skin around, whichever is more.

    sharpness: `appearance.sharpness` [E, 2]
    """
    log = np.log(sharpness + 1e-3)
    design = np.stack([np.ones_like(opening), opening, opening**2], 1)
    usual = design @ np.linalg.lstsq(design, log, rcond=None)[0]
    return np.maximum((usual - log).max(1), 0).astype(np.float32)  # type: ignore[no-any-return]


def relative(stock: dict[str, npt.NDArray[Any]], opening: Float32, closed: float) -> dict[str, npt.NDArray[Any]]:
    """Fields of `Atlas` that relate the measures of pixels to what is usual for this person."""
    thumbnails = stock.pop("thumbnails").astype(np.float32)
    square = (thumbnails**2).sum(1)
    appearance_distance = np.sqrt(
        np.maximum(square[:, None] + square - 2 * thumbnails @ thumbnails.T, 0) / thumbnails.shape[1]
    )
    appearance_distance /= np.median(np.diag(appearance_distance, 1)) + 1e-6
    gap = stock.pop("gap").astype(np.float32)
    shut = np.percentile(gap[opening <= np.percentile(opening, 12)], 25)
    gap -= np.minimum(shut, LARGEST_SHUT_GAP).astype(np.float32)
    beyond = np.where(opening < closed + ALMOST_SHUT, np.clip(opening - closed, 0, MAX_APERTURE_BIAS), 0)
    aperture_bias = (beyond * np.clip(1 - gap / SHUT_GAP, 0, 1)).astype(np.float32)
    # Between lips that touch there is nothing to see: what looked like it is gloss or shadow on a lip.
    lip_edge = stock.pop("lip_edge") * np.clip(gap / SHUT_GAP - 1, 0, 1)[:, None, None]
    vermilion = stock.pop("vermilion").astype(np.float32)
    return {
        **stock,
        "aperture": opening - aperture_bias,
        "aperture_bias": aperture_bias,
        "gap": gap,
        "lip_edge": lip_edge.astype(np.float32),
        "lip_compression": np.maximum(1 - vermilion / (np.median(vermilion) + 1e-6), 0).astype(np.float32),
        "appearance_distance": appearance_distance.astype(np.float32),
    }
