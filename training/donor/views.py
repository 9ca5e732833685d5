"""The inside of the donor's mouth, seen in a plane that is fixed to the skull, in one light, cut along the lips."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from digital_human.core.landmarks import EYELIDS, INNER_LIPS, OUTER_LIPS
from training.donor.faces import Faces, Float, Uint8, aperture_of, eye_distance

LOWER, UPPER = range(1, 10), range(11, 20)
"""Parts of a contour of the lips, without the corners."""

SCALE = 128.0
"""Pixels of the pictures per inter-ocular distance."""
SIZE = (96, 144)
"""Their height and width."""
SEAM = (72.0, 30.0)
"""Where the middle of the closed seam lies in them, x and y."""
TEETH = (232.0, 228.0, 220.0)
"""Colour of the brightest teeth in the pictures, RGB: every clip is brought to one light."""
DIM, SOFT, NEAR = 120.0, 0.2, 95.0
"""Clips are left out whose brightest teeth are darker, that are less crisp, or whose eyes are fewer pixels apart."""
BLURS = (0.0, 0.006, 0.012, 0.018, 0.025)
"""Gaussian blurs, inter-ocular distances, after which the donor's crispness is given."""
TRIM = (0.004, 0.018)
"""Cut off the mouth along the upper and the lower lip, inter-ocular distances: wet lips look like mouth."""
TURNED = 14.0
"""Degrees away from the camera beyond which a frame is not used."""


@dataclass(frozen=True)
class View:
    """One open mouth seen in the skull's frame.

    picture:   uint8 [*SIZE, 3] RGB
    contour:   float64 [20, 2], the lips' inner edge in it, ordered as INNER_LIPS
    opening:   between the lips' edges in the middle, inter-ocular distances
    crispness: float64 [len(BLURS)], of its clip
    fault:     0 for a still face that looks straight ahead
    """

    picture: Uint8
    contour: Float
    opening: float
    crispness: Float
    fault: float


def views_of(clip: Faces, shut: Float) -> list[View]:
    """The open mouths of one clip in the skull's frame and in one light; none if it is too dim, small or blurred."""
    opening = aperture_of(clip.canonical) - aperture_of(shut)
    speed = np.abs(np.gradient(opening))
    frames = np.flatnonzero((opening > 0.008) & (clip.turn < TURNED))
    if len(frames) < 12 or np.median(eye_distance(clip.points)) < NEAR:
        return []
    crispness = np.mean([_crispness(clip.images[i], clip.points[i]) for i in frames[::8]], axis=0)
    seen = [_picture(clip, shut, i) for i in frames]
    teeth = _teeth(seen)
    if teeth.mean() < DIM or crispness[0] < SOFT:
        return []
    return [
        View(_balance(picture, teeth), contour, _gap(contour), crispness, float(8 * speed[i] + 0.03 * clip.turn[i]))
        for i, (picture, contour) in zip(frames, seen, strict=True)
    ]


def _picture(clip: Faces, shut: Float, i: int) -> tuple[Uint8, Float]:
    """The mouth of frame i in the skull's frame, and the inner contour [20, 2] in it."""
    middle = shut[[13, 14], :2].mean(axis=0)
    place = np.array([[1 / SCALE, 0, middle[0] - SEAM[0] / SCALE], [0, 1 / SCALE, middle[1] - SEAM[1] / SCALE]])
    matrix = clip.affine[i] @ np.vstack([place, [0, 0, 1]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    picture = cv2.warpAffine(clip.images[i], matrix, SIZE[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)
    inverse = cv2.invertAffineTransform(matrix)
    inner, outer = (clip.points[i][c, :2] @ inverse[:, :2].T + inverse[:, 2] for c in (INNER_LIPS, OUTER_LIPS))
    return np.asarray(picture, np.uint8), inner_edge(np.asarray(picture, np.uint8), inner, outer)


def inner_edge(picture: Uint8, inner: Float, outer: Float) -> Float:
    """The mesh's inner contour moved, along columns, to where the picture says that the lips end.

    Lips and what lies between them are separated by colour (GrabCut, Rother et al. 2004): surely lip is the outer part
    of each lip, surely mouth what the mesh holds for it.
    """
    middle = 0.5 * inner + 0.5 * outer
    middle[[0, 10]] = inner[[0, 10]]
    labels = np.full(SIZE, cv2.GC_BGD, np.uint8)
    labels[inside(middle)] = cv2.GC_PR_BGD
    labels[inside(inner)] = cv2.GC_PR_FGD
    core = cv2.erode(inside(inner).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    labels[core] = cv2.GC_FGD
    near = cv2.dilate(inside(outer).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    pixels = np.where(near[..., None], picture, np.median(picture[near & ~inside(middle)], axis=0)).astype(np.uint8)
    if core.sum() < 12:
        return inner
    cv2.grabCut(pixels, labels, (0, 0, 0, 0), np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
    mouth = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.float32)
    mouth = cv2.GaussianBlur(mouth, (0, 0), 1.0)
    edge = inner.copy()
    for lip, outward, trim in ((UPPER, -1.0, TRIM[0]), (LOWER, 1.0, TRIM[1])):
        steps = np.arange(0, 0.14, 0.002) * SCALE
        start = 0.5 * (inner[list(LOWER)] + inner[list(UPPER)[::-1]])
        start = start if lip is LOWER else start[::-1]
        y = (start[:, 1:] + outward * steps).astype(np.float32)
        x = np.broadcast_to(inner[list(lip), :1], y.shape).astype(np.float32)
        seen = cv2.remap(mouth, x, y, cv2.INTER_LINEAR) > 0.5
        reach = steps[np.where(seen.all(axis=1), -1, (~seen).argmax(axis=1))]
        reach = np.convolve(np.pad(reach, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
        edge[list(lip), 1] = start[:, 1] + outward * np.maximum(reach - trim * SCALE, 0)
    return edge


def _gap(contour: Float) -> float:
    """Opening of a contour in its middle, inter-ocular distances."""
    return float((contour[[4, 5, 6], 1] - contour[[16, 15, 14], 1]).mean() / SCALE)


def inside(contour: Float) -> npt.NDArray[np.bool_]:
    mask = np.zeros(SIZE, np.uint8)
    cv2.fillPoly(mask, [np.round(contour * 16).astype(np.int32)], (1,), shift=4)
    return mask.astype(bool)


def _paleness(picture: npt.NDArray[np.generic]) -> Float:
    """High on teeth: bright and without colour."""
    pixels = picture.astype(np.float64)
    result: Float = pixels.mean(axis=-1) - 1.5 * (pixels.max(axis=-1) - pixels.min(axis=-1))
    return result


def register(views: list[View]) -> list[View]:
    """Shift every picture by a few pixels so that the upper teeth lie where they lie in the picture that shows most."""
    upper = np.zeros(SIZE, bool)
    upper[int(SEAM[1]) - 16 : int(SEAM[1]) + 12, 36:108] = True
    holes = [inside(v.contour) & upper for v in views]
    pale = [_paleness(v.picture) for v in views]
    best = int(np.argmax([np.clip(p, 0, None)[h].sum() for p, h in zip(pale, holes, strict=True)]))
    out = []
    for view, own, hole in zip(views, pale, holes, strict=True):
        common, shift, most = holes[best] & hole, (0, 0), 0.3
        for dy in range(-4, 5):
            for dx in range(-4, 5):
                moved = np.roll(own, (dy, dx), (0, 1))[common]
                if len(moved) > 60:
                    alike = np.corrcoef(moved, pale[best][common])[0, 1] - 0.01 * np.hypot(dx, dy)
                    if alike > most:
                        shift, most = (dx, dy), alike
        picture = np.roll(view.picture, shift[::-1], (0, 1))
        out.append(replace(view, picture=picture, contour=view.contour + np.array(shift)))
    return out


def ugliness(view: View) -> float:
    """Low where upper teeth show, the rest is teeth or dark, and left and right are lit alike."""
    hole = inside(view.contour)
    rows, columns = np.nonzero(hole)
    pale, light = _paleness(view.picture)[hole], view.picture[hole].mean(axis=1)
    left, upper = columns < view.contour[[0, 10], 0].mean(), rows < SEAM[1] + 6
    if len(rows) < 20 or left.all() or not left.any() or not upper.any():
        return 3.0
    teeth, clear = (pale[upper] > 110).mean(), ((pale > 110) | (light < 70)).mean()
    uneven = abs(light[left].mean() - light[~left].mean()) / 128
    return float(2.0 * uneven - 2.0 * teeth - 8.0 * clear)


def unlikeness(a: View, b: View) -> float:
    """Mean difference of two mouths where both are open, 1 is a tenth of the range."""
    both = inside(a.contour) & inside(b.contour)
    if both.sum() < 10:
        return 3.0
    blurred = [cv2.GaussianBlur(v.picture, (0, 0), 1.5).astype(np.float64) for v in (a, b)]
    return float(np.abs(blurred[0] - blurred[1])[both].mean() / 25)


def _teeth(seen: list[tuple[Uint8, Float]]) -> Float:
    """Mean colour of the brightest teeth, RGB."""
    pixels = np.concatenate([picture[inside(contour)] for picture, contour in seen])
    pale = _paleness(pixels)
    result: Float = pixels[pale >= np.percentile(pale, 97)].mean(axis=0)
    return result


def _balance(picture: Uint8, teeth: Float) -> Uint8:
    return np.clip(picture * (np.array(TEETH) / teeth) + 0.5, 0, 255).astype(np.uint8)


def _crispness(image: Uint8, points: Float) -> Float:
    """Share of fine detail about the eyes after each blur of BLURS: every face has edges there."""
    eyes = float(eye_distance(points))
    lids = points[np.concatenate(EYELIDS), :2]
    x0, y0 = np.maximum(lids.min(axis=0) - 0.2 * eyes, 0).astype(int)
    x1, y1 = (lids.max(axis=0) + 0.2 * eyes).astype(int)
    grey = image[y0:y1, x0:x1].mean(axis=2).astype(np.float32)
    shares = []
    for blur in BLURS:
        seen = cv2.GaussianBlur(grey, (0, 0), blur * eyes) if blur else grey
        fine, coarse = (np.abs(seen - cv2.GaussianBlur(seen, (0, 0), s * eyes)).mean() for s in (0.012, 0.08))
        shares.append(fine / coarse)
    return np.array(shares)
