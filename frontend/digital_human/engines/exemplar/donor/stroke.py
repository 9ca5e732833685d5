"""The line between the lips of a drawing. The mesh, made for photographs, finds it only roughly, or takes another one.

It is the longest and darkest line across the mouth, followed from column to column and on to its ends, which are the
corners of the mouth.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8
from digital_human.engines.exemplar import lip_geometry
from digital_human.engines.exemplar.donor.lips import axes

GRAIN = 100
"""Samples in an inter-ocular distance."""
SIDE, UP, DOWN = 60, 22, 28
"""Samples of the area that is searched, from the middle of the mesh's mouth."""
THICKEST = 9
"""Samples in the width of the thickest line."""
STEP, LIKELY, UNLIKELY = 0.015, 0.15, 0.3
"""Strength that one sample up or down costs the line; how far off the mesh's lips it usually is, inter-ocular
distances; and the share of the strongest line's strength that this costs in each column."""
WEAKEST, FADED, PAUSE = 0.08, 0.4, 4
"""Least strength of a line, as a share of the picture's contrast; the share of its own usual strength below which
it has ended, and the samples for which it may."""
NARROWEST, WIDEST, SHORT = 0.5, 1.5, 0.3
"""Widths that are believed, and how far before the mesh's corner a line may end, relative to the mesh's mouth."""
CORE = 0.5
"""Share of a line's usual strength that is line and not a thin lip."""
SOFT, BESIDES = 1.5, 0.9
"""Samples beside a line that its edges take; how far from the mouth the face goes along, inter-ocular distances."""
TAPER = np.array([0.8, 1, 1, 1, 1, 1, 1, 1, 0.8], np.float32)[:, None]
"""Of the line's width in nine columns, as it parts: at the corners it stays as drawn."""
UPPER_SHARE, ROUNDNESS, ALONG = 0.25, 0.75, 0.7
"""Share of the opening that the upper lip moves; the exponent of its outline, 1 being a parabola; and how far the
outer edge of a lip goes along with its inner one."""
LIPS = ((mesh.UPPER_INNER, mesh.UPPER_OUTER, -1), (mesh.LOWER_INNER, mesh.LOWER_OUTER, 1))


def find(luma: Uint8, points: Float32) -> tuple[Float32, float] | None:
    """Where the line is, float32 [11, 2]: the right corner, nine columns and the left corner, along the eyes and down
    the face, relative to the mesh's lips; and its width. Inter-ocular distances. None if there is no line.

    luma: uint8 [H, W]; points: landmarks [468, 3], its pixels
    """
    seen, local = upright(luma, points, (SIDE, UP, DOWN))
    right_end, left_end = mesh.INNER_MOUTH_CORNERS
    middle = (local[mesh.UPPER_INNER] + local[mesh.LOWER_INNER]) / 2
    spine = np.concatenate([local[[right_end]], middle, local[[left_end]]])
    strength = _strength(seen.astype(np.float32))
    right, left = (round(float(x)) for x in (spine[0, 0], spine[-1, 0]))
    usual = np.interp(np.arange(2 * SIDE + 1), spine[:, 0], spine[:, 1])
    path = _follow(strength, usual.astype(np.float32), right, left)
    along = strength[path, np.arange(len(path))]
    within = along[right : left + 1]
    level = float(np.median(within))
    if level < WEAKEST:
        return None
    first, last = _ends(along, level, right, left)
    width = left - right
    if not NARROWEST * width < last - first < WIDEST * width or max(first - right, left - last) > SHORT * width:
        return None
    x = first + (spine[:, 0] - spine[0, 0]) / (spine[-1, 0] - spine[0, 0]) * (last - first)
    soft = cv2.GaussianBlur(path.astype(np.float32)[None], (0, 0), 1.5)[0]
    there = np.stack([x, np.interp(x, np.arange(len(soft)), soft)], 1)
    thick = _thickness(strength[:, first : last + 1] > CORE * level, path[first : last + 1])
    return ((there - spine) / GRAIN).astype(np.float32), (thick + SOFT) / GRAIN


def _thickness(dark: npt.NDArray[np.bool_], path: npt.NDArray[np.int64]) -> float:
    """Usual width of what is dark about the path, samples."""
    rows = np.arange(len(dark))[:, None]
    above = np.where(~dark & (rows < path), rows, -1).max(0)
    below = np.where(~dark & (rows > path), rows, len(dark)).min(0)
    return float(np.median((below - above - 1).clip(1, THICKEST)))


def on_line(points: Float32, line: Float32, thick: float) -> Float32:
    """Landmarks [n, 468, 3] with the lips on either side of the line: inner edges next to it, outer ones going along.

    The face about the mouth goes along too, less with distance, lest the mesh fold.

    line, thick: see `find`
    """
    out = points.copy()
    unit = lip_geometry.interocular(points)[:, None, None]
    along, down = (axis[:, None] for axis in axes(points))
    shift = unit * (line[:, :1] * along + line[:, 1:] * down)
    middle = (points[:, mesh.UPPER_INNER, :2] + points[:, mesh.LOWER_INNER, :2]) / 2
    away = np.linalg.norm(points[..., :2] - middle.mean(1, keepdims=True), axis=2, keepdims=True) / unit
    right, left = (points[:, [corner], :2] for corner in mesh.INNER_MOUTH_CORNERS)
    x = between(points[..., :2], right, left)
    pulled = (1 - x) * shift[:, :1] + x * shift[:, -1:]
    out[..., :2] += np.clip((BESIDES - away) / BESIDES, 0, 1) * pulled
    for inner, outer, side in LIPS:
        edge = middle + shift[:, 1:-1] + side * TAPER * (thick / 2 * unit) * down
        lip = points[:, outer, :2] - points[:, inner, :2]
        out[:, inner, :2], out[:, outer, :2] = edge, edge + lip
    for corners in (mesh.MOUTH_CORNERS, mesh.INNER_MOUTH_CORNERS):
        out[:, corners, :2] = points[:, corners, :2] + shift[:, [0, -1]]
    return out


def part(wanted: Float32, points: Float32, opening: Float32) -> Float32:
    """Landmarks `wanted`, [n, 468, 2], with the line parted in a plain curve, as one would draw it.

    points: landmarks with the lips on the line [n, 468, 3]; opening: [n], inter-ocular distances
    """
    out = wanted.copy()
    gap = (opening * lip_geometry.interocular(points))[:, None, None] * axes(points)[1][:, None]
    right, left = (points[:, [corner], :2] for corner in mesh.INNER_MOUTH_CORNERS)
    moved = wanted[:, mesh.INNER_MOUTH_CORNERS] - points[:, mesh.INNER_MOUTH_CORNERS, :2]
    for inner, outer, side in LIPS:
        edge, lip = points[:, inner, :2], points[:, outer, :2] - points[:, inner, :2]
        x = between(edge, right, left)
        share = UPPER_SHARE if side < 0 else 1 - UPPER_SHARE
        arch = side * share * (4 * x * (1 - x)) ** ROUNDNESS * gap
        out[:, inner] = edge + (1 - x) * moved[:, :1] + x * moved[:, 1:] + arch
        out[:, outer] += ALONG * (out[:, inner] + lip - out[:, outer])
    return out


def between(points: Float32, right: Float32, left: Float32) -> Float32:
    """How far points [n, k, 2] lie on the way from the right corner to the left one, [n, 1, 2] each; [n, k, 1], 0-1."""
    span = left - right
    way = ((points - right) * span).sum(2, keepdims=True) / (span**2).sum(2, keepdims=True)
    return np.clip(way, 0, 1)  # type: ignore[no-any-return]


def upright(picture: Uint8, points: Float32, reach: tuple[int, int, int]) -> tuple[Uint8, Float32]:
    """The mouth turned upright at `GRAIN`, uint8 [rows, columns] or [rows, columns, 3], and the landmarks in it.

    picture: uint8 [H, W] or [H, W, 3]; points: landmarks [468, 3], its pixels; reach: samples beside, above and below
    the middle of the mouth
    """
    side, up, down = reach
    unit = float(lip_geometry.interocular(points))
    axis = np.stack([axis[0] for axis in axes(points[None])], 1)
    centre = (points[mesh.UPPER_INNER, :2] + points[mesh.LOWER_INNER, :2]).mean(0) / 2
    step = unit / GRAIN
    corner = centre - step * axis @ np.array([side, up], np.float32)
    matrix = np.concatenate([step * axis, corner[:, None]], 1).astype(np.float32)
    fine = cv2.GaussianBlur(picture, (0, 0), 0.4 * step) if step > 1.5 else picture
    size, way = (2 * side + 1, up + down + 1), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(fine, matrix, size, flags=way, borderMode=cv2.BORDER_REPLICATE)
    local = (points[:, :2] - centre) @ axis / step + np.array([side, up])
    return np.asarray(seen, np.uint8), local.astype(np.float32)


def _strength(seen: Float32) -> Float32:
    """How much darker than what is above and below each sample is, as a share of the contrast, float32 like `seen`."""
    low, high = np.percentile(seen, [1, 95])
    kernel = np.ones((THICKEST + 2, 1), np.uint8)
    dark = cv2.morphologyEx(seen, cv2.MORPH_BLACKHAT, kernel, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(dark / max(float(high - low), 1.0), np.float32)


def _follow(strength: Float32, usual: Float32, right: int, left: int) -> npt.NDArray[np.int64]:
    """Row of the best line in each column, int64 [columns]; usual: row of the mesh's seam."""
    rows, columns = strength.shape
    off = (np.arange(rows)[:, None] - usual) / (LIKELY * GRAIN)
    inside = (np.arange(columns) >= right) & (np.arange(columns) <= left)
    gain = strength - UNLIKELY * off**2 * strength.max() * inside
    best, came = gain[:, 0].copy(), np.zeros((rows, columns), np.int64)
    for column in range(1, columns):
        padded = np.concatenate([[-np.inf], best, [-np.inf]])
        options = np.stack([padded[:-2] - STEP, padded[1:-1], padded[2:] - STEP])
        choice = options.argmax(0)
        came[:, column] = np.arange(rows) + choice - 1
        best = options.max(0) + gain[:, column]
    path = np.empty(columns, np.int64)
    path[-1] = best.argmax()
    for column in range(columns - 1, 0, -1):
        path[column - 1] = came[path[column], column]
    return path


def _ends(along: Float32, level: float, right: int, left: int) -> tuple[int, int]:
    """First and last column of the line."""
    there = along > FADED * level
    middle = (right + left) // 2

    def end(step: int) -> int:
        at, gap, column = middle, 0, middle
        while 0 <= column < len(there) and gap <= PAUSE:
            gap = 0 if there[column] else gap + 1
            at = column if there[column] else at
            column += step
        return at

    return end(-1), end(1)
