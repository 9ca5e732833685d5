"""A mouth that is drawn open: the outline of what shows between its lips.

The mesh opens its lips on any drawing with outlined lips, so it is not believed. What shows are the areas of one
colour that lie between the mesh's lips. Lips that touch have the same colour on both sides of the line between them.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8
from digital_human.engines.exemplar import lip_geometry
from digital_human.engines.exemplar.donor.lips import axes
from digital_human.engines.exemplar.donor.stroke import GRAIN, between, upright

SIDE, UP, DOWN = 60, 40, 60
"""Samples of the area that is looked at, from the middle of the mesh's mouth."""
LIKE, THIN = 9, 2.5
"""Difference within one area, each channel, and half the width in samples up to which it is a line."""
BETWEEN, WITHIN, NEAR = 0.3, 0.8, 4
"""Least share of an area that lies between the mesh's lips, and within their outer edges; samples beside them that
still do."""
ALIKE, BESIDE = 14, 1.5
"""Difference of colour, each channel, up to which two areas are both lips; samples from the edge of a line to them."""
SOFT = 1.5
"""Samples beside the areas that their soft edges take: teeth must not show between lips that touch."""
SOLID = 0.6
"""Share of its convex hull that an area inside the mouth fills at least: lips are rings and crescents."""
BRIDGE = 5
"""Samples in the width of lines inside the mouth, such as that between teeth and tongue."""
LEAST, MOST = 0.08, 0.45
"""Heights of the outline in its middle, inter-ocular distances, at which a mouth counts as drawn open: beyond them it
is a shadow about the mouth."""
ABOUT = (0.35, 1.1)
"""Distances from the middle of the mouth up to which the face goes along with the lips fully, and at all,
inter-ocular distances."""


def find(image: Uint8, points: Float32, line: tuple[Float32, float] | None) -> Float32 | None:
    """The outline, float32 [2, 11, 2]: upper and lower edge, each of the right corner, nine columns and the left
    corner, along the eyes and down the face, relative to the mesh's inner lips, inter-ocular distances. None of a
    mouth that is drawn shut.

    image: uint8 [H, W, 3] RGB; points: landmarks [468, 3], its pixels; line: see `stroke.find`
    """
    if lip_geometry.aperture(points) < LEAST:
        return None
    seen, local = upright(image, points, (SIDE, UP, DOWN))
    seen = np.asarray(cv2.medianBlur(seen, 3), np.uint8)
    mouth = _filled(local[mesh.OUTER_LIPS], seen)
    areas = _areas(seen, mouth)
    skin = np.median(seen[mouth == 0], axis=0)
    if line is None:
        above = below = _colour(seen, (local[mesh.UPPER_INNER] + local[mesh.UPPER_OUTER]) / 2)
    else:
        path, off = _spine(local)[1:-1] + line[0][1:-1] * GRAIN, line[1] * GRAIN / 2 + BESIDE
        above, below = (
            max((_colour(seen, _beside(path, side * (off + more))) for more in (-1, 0, 1)), key=np.sum)
            for side in (-1, 1)
        )
        sides = [_closed(areas, mouth, _beside(path, side * (off + 1))) for side in (-1, 1)]
        if _alike(above, below) and (not _alike(above, skin) or sides != [False, True]):
            return None
    lip = None if _alike(above, skin) or _alike(below, skin) else above  # Such a line is an outline of the mouth.
    shown = _shown(seen, areas, mouth, _filled(local[mesh.INNER_LIPS], seen), lip)
    columns = np.flatnonzero(shown.any(0))
    if len(columns) < 0.3 * np.ptp(local[mesh.INNER_MOUTH_CORNERS, 0]):
        return None
    first, last = float(columns[0]) - 0.5, float(columns[-1]) + 0.5
    spine = _spine(local)
    x = first + (spine[:, 0] - spine[0, 0]) / (spine[-1, 0] - spine[0, 0]) * (last - first)
    top = np.interp(x, columns, shown[:, columns].argmax(0) - SOFT)
    bottom = np.interp(x, columns, len(shown) - shown[::-1, columns].argmax(0) - 1 + SOFT)
    if not LEAST < (bottom - top)[len(x) // 2] / GRAIN < MOST:
        return None
    top[[0, -1]] = bottom[[0, -1]] = (top + bottom)[[0, -1]] / 2
    right, left = mesh.INNER_MOUTH_CORNERS
    own = (np.concatenate([[right], inner, [left]]) for inner in (mesh.UPPER_INNER, mesh.LOWER_INNER))
    edges = [np.stack([x, y], 1) - local[at] for y, at in zip((top, bottom), own, strict=True)]
    return (np.stack(edges) / GRAIN).astype(np.float32)  # type: ignore[no-any-return]


def on_edges(points: Float32, edges: Float32) -> Float32:
    """Landmarks [n, 468, 3] with the lips' inner edges on the outline. Outer edges go along, and the face about the
    mouth does, less with distance. edges: see `find`
    """
    out = points.copy()
    unit = lip_geometry.interocular(points)[:, None, None]
    along, down = (axis[:, None] for axis in axes(points))
    upper, lower = (unit * (edge[:, :1] * along + edge[:, 1:] * down) for edge in edges)
    right, left = (points[:, [corner], :2] for corner in mesh.INNER_MOUTH_CORNERS)
    away = points[..., :2] - (right + left) / 2
    column = np.rint(between(points[..., :2], right, left) * (upper.shape[1] - 1)).astype(np.int64)
    pulled = np.where(
        (away * down).sum(2, keepdims=True) > 0,
        np.take_along_axis(lower, column, 1),
        np.take_along_axis(upper, column, 1),
    )
    far = np.linalg.norm(away, axis=2, keepdims=True) / unit
    outwards = (pulled * away).sum(2, keepdims=True) > 0
    out[..., :2] += np.clip((ABOUT[1] - far) / (ABOUT[1] - ABOUT[0]), 0, 1) * outwards * pulled
    for shift, inner, outer in (
        (upper, mesh.UPPER_INNER, mesh.UPPER_OUTER),
        (lower, mesh.LOWER_INNER, mesh.LOWER_OUTER),
    ):
        for lip in (inner, outer):
            out[:, lip, :2] = points[:, lip, :2] + shift[:, 1:-1]
    for corners in (mesh.MOUTH_CORNERS, mesh.INNER_MOUTH_CORNERS):
        out[:, corners, :2] = points[:, corners, :2] + upper[:, [0, -1]]
    return out


def _spine(local: Float32) -> Float32:
    """The middle between the mesh's lips, with its corners, [11, 2]."""
    right, left = mesh.INNER_MOUTH_CORNERS
    middle = (local[mesh.UPPER_INNER] + local[mesh.LOWER_INNER]) / 2
    return np.concatenate([local[[right]], middle, local[[left]]])


def _filled(outline: Float32, seen: Uint8) -> Uint8:
    """1 within the outline and `NEAR` beside it."""
    inside = np.zeros(seen.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], (1,))
    return np.asarray(cv2.dilate(inside, np.ones((2 * NEAR + 1,) * 2, np.uint8)), np.uint8)


def _colour(seen: Uint8, at: Float32) -> Float32:
    """The colour at four of nine columns, neither next to the corners nor where the upper lip is cleft, [3]."""
    x, y = _samples(at[[2, 3, 5, 6]], seen.shape[:2])
    return np.median(seen[y, x], axis=0)  # type: ignore[no-any-return]


def _beside(path: Float32, rows: float) -> Float32:
    """The path, [k, 2], so many rows farther down."""
    return path + np.array([0, rows], np.float32)


def _samples(at: Float32, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Columns and rows next to places [k, 2], int64 [2, k]."""
    return np.rint(at).astype(np.int64).clip(0, [shape[1] - 1, shape[0] - 1]).T


def _alike(one: Float32, other: Float32) -> bool:
    return bool(np.abs(one - other).max() <= ALIKE)


def _areas(seen: Uint8, mouth: Uint8) -> npt.NDArray[np.int32]:
    """Number of the area of one colour that each sample belongs to, int32 [rows, columns]; 0 for lines."""
    mask = np.zeros((seen.shape[0] + 2, seen.shape[1] + 2), np.uint8)
    out = np.zeros(seen.shape[:2], np.int32)
    done, count, flags = mask[1:-1, 1:-1], 0, 4 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | 255 << 8
    rough = cv2.morphologyEx(seen, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)).max(2)
    places = np.argwhere(mouth)
    for y, x in places[np.argsort(rough[mouth > 0], kind="stable")]:  # Colours are those of the middles of areas.
        if done[y, x]:
            continue
        *_, (left, top, width, height) = cv2.floodFill(
            seen, mask, (int(x), int(y)), (0,) * 3, (LIKE,) * 3, (LIKE,) * 3, flags
        )
        where = np.s_[top : top + height, left : left + width]
        area = done[where] == 255
        done[where][area] = 1
        if area.sum() > 4 and cv2.distanceTransform(np.pad(area.astype(np.uint8), 1), cv2.DIST_L2, 3).max() > THIN:
            count += 1
            out[where][area] = count
    return out


def _closed(areas: npt.NDArray[np.int32], mouth: Uint8, path: Float32) -> bool | None:
    """Whether the area along the path ends within the mouth, as outlined lips do; None if it is too thin to tell."""
    x, y = _samples(path[2:7], areas.shape)
    number = int(np.bincount(areas[y, x]).argmax())
    return None if number == 0 else bool(mouth[areas == number].mean() >= WITHIN)


def _shown(seen: Uint8, areas: npt.NDArray[np.int32], mouth: Uint8, inside: Uint8, lip: Float32 | None) -> Uint8:
    """1 where the inside of the mouth shows, uint8 like `areas`. lip: the lips' colour, None if they are not painted"""
    shown = np.zeros(areas.shape, np.uint8)
    for number in range(1, int(areas.max()) + 1):
        area = areas == number
        if inside[area].mean() < BETWEEN or mouth[area].mean() < WITHIN:
            continue
        hull = cv2.convexHull(np.argwhere(area)[:, ::-1].astype(np.float32))
        painted = lip is not None and _alike(np.median(seen[area], axis=0), lip)
        if not painted and area.sum() > SOLID * cv2.contourArea(hull):
            shown[area] = 1
    joined = cv2.morphologyEx(shown, cv2.MORPH_CLOSE, np.ones((BRIDGE, BRIDGE), np.uint8))
    count, label, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=4)
    if count < 2:
        return shown
    return (label == 1 + stats[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)  # type: ignore[no-any-return]
