"""Build the donor's inner mouths: what shows between parted lips, for templates whose own mouth never opens.

    python -m training.donor_atlas --clips FILES --out frontend/assets/donor_mouths.npz

Two things are learnt from talking clips of one person:

- a *ladder* of a dozen pictures of the inside of the mouth, from nearly shut to wide open, all of one clip and so of one
  light. They are brought into one frame that is fixed to the skull, where the upper teeth stand still, and chosen so that
  neighbours look alike: fading from rung to rung then opens the mouth without a jump. Everything outside the lips' inner
  edge is painted black.
- the *opening*: how every vertex of the face mesh moves as the lips part and widen, by regression over all frames.

docs/donor-mouths.md says what may be used and how the service uses it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

from training.clips import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE, STEADY, FaceMesh, track

Float = npt.NDArray[np.float64]
Uint8 = npt.NDArray[np.uint8]

# Lip contours of the mesh from the right corner along the lower lip to the left corner and back along the upper one.
INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
LOWER, UPPER = range(1, 10), range(11, 20)
SUBNASALE, FOREHEAD, CHIN = 2, 10, 152
EYELIDS = (33, 160, 158, 133, 153, 144, 263, 387, 385, 362, 380, 373)

SCALE = 128.0
"""Pixels of the pictures per inter-ocular distance."""
SIZE = (96, 144)
"""Their height and width."""
SEAM = (72.0, 30.0)
"""Where the middle of the closed seam lies in them, x and y."""
LEVELS = np.array([0.085, 0.10, 0.12, 0.14, 0.16, 0.25, 0.265, 0.28])
"""Wanted openings of the rungs, inter-ocular distances."""
TEETH = (232.0, 228.0, 220.0)
"""Colour of the brightest teeth in the pictures, RGB: every clip is brought to one light."""
DIM, SOFT, NEAR = 120.0, 0.2, 95.0
"""Clips are left out whose brightest teeth are darker, which are less crisp, or where the eyes are fewer pixels apart."""
TRIM = (0.004, 0.018)
"""Cut off the mouth along the upper and the lower lip, inter-ocular distances: wet lips look like mouth."""
TURNED = 14.0
"""Degrees away from the camera beyond which a frame is not used."""
CANDIDATES = 16
BLURS = (0.0, 0.006, 0.012, 0.018, 0.025)
"""Gaussian blurs, inter-ocular distances, after which the donor's crispness is given."""


@dataclass(frozen=True)
class Faces:
    """Frames of one clip with a sure face.

    images:    F pictures, uint8 [H, W, 3] RGB
    points:    float64 [F, 468, 3], landmarks in pixels
    canonical: float64 [F, 468, 3], the same with head pose removed
    affine:    float64 [F, 2, 3], canonical plane of the lips, x and y -> pixels
    turn:      float64 [F], degrees away from looking straight ahead
    """

    images: list[Uint8]
    points: Float
    canonical: Float
    affine: Float
    turn: Float


@dataclass(frozen=True)
class View:
    """One open mouth seen in the skull's frame.

    picture:   uint8 [*SIZE, 3] RGB
    contour:   float64 [20, 2], the lips' inner edge in it, ordered as INNER
    opening:   between the lips' edges in the middle, inter-ocular distances
    crispness: float64 [len(BLURS)], of its clip
    fault:     0 for a still face that looks straight ahead
    """

    picture: Uint8
    contour: Float
    opening: float
    crispness: Float
    fault: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", nargs="+", type=Path, required=True, help="talking clips of one person")
    parser.add_argument("--mouths", type=Path, help="the clip the pictures come from; otherwise the best one")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--credit", default="Weekly address of the President, The White House: public domain (US government work)")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    atlas = build(arguments.clips, arguments.mouths)
    np.savez_compressed(arguments.out, credit=np.array(arguments.credit), **atlas)
    print(f"{arguments.out}: {len(atlas['pictures'])} mouths, openings {np.round(atlas['openings'], 3)}")


def build(paths: list[Path], mouths: Path | None = None) -> dict[str, npt.NDArray[np.generic]]:
    """The arrays of the atlas; docs/donor-mouths.md lists them."""
    mesh = FaceMesh()
    tracked = {path: _read(path, mesh) for path in paths}
    reference = _reference(np.concatenate([points for _, points in tracked.values()]))
    clips = {path: _faces(images, points, reference) for path, (images, points) in tracked.items()}
    canonical = np.concatenate([clip.canonical for clip in clips.values()])
    aperture, width = _aperture(canonical), _width(canonical)
    shut, opening = _opening(canonical, aperture, width)
    stocks = [views for views in (_views(clip, shut) for path, clip in clips.items() if mouths in (None, path)) if views]
    rungs = min((_ladder(_register(views)) for views in stocks), key=lambda ladder: ladder[0])[1]
    pictures = np.stack([np.where(_inside(v.contour)[..., None], v.picture, 0) for v in rungs]).astype(np.uint8)
    return {
        "pictures": pictures,
        "contours": np.stack([v.contour for v in rungs]).astype(np.float32),
        "openings": np.array([v.opening for v in rungs], np.float32),
        "teeth": np.array(TEETH, np.float32),
        "crispness": np.mean([v.crispness for v in rungs], axis=0).astype(np.float32),
        "blurs": np.array(BLURS, np.float32),
        "seam": np.array(SEAM, np.float32),
        "scale": np.array(SCALE, np.float32),
        "reference": reference.astype(np.float32),
        "shut": shut.astype(np.float32),
        "opening": opening.astype(np.float32),
    }


def _read(path: Path, mesh: FaceMesh) -> tuple[list[Uint8], Float]:
    images: list[Uint8] = []

    def decode() -> Iterator[Uint8]:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                images.append(frame.to_ndarray(format="rgb24"))
                yield images[-1]

    points = track(decode(), mesh)
    sure = np.isfinite(points).all(axis=(1, 2))
    steps = np.linalg.norm(np.diff(points[:, STEADY, :2].mean(axis=1), axis=0, prepend=np.nan), axis=1)
    sure &= steps < 0.05 * _eye_distance(points)  # a mesh that jumps has not settled on the face
    kept = np.flatnonzero(sure)
    return [images[i] for i in kept], points[kept]


def _eye_distance(points: Float) -> Float:
    middle = [points[..., list(eye), :2].mean(axis=-2) for eye in (RIGHT_EYE, LEFT_EYE)]
    return np.linalg.norm(middle[0] - middle[1], axis=-1)


def _aperture(canonical: Float) -> Float:
    return np.linalg.norm(canonical[..., 13, :2] - canonical[..., 14, :2], axis=-1)


def _width(canonical: Float) -> Float:
    return np.linalg.norm(canonical[..., MOUTH_CORNERS[0], :2] - canonical[..., MOUTH_CORNERS[1], :2], axis=-1)


def _similarity(model: Float, points: Float) -> tuple[float, Float, Float]:
    """Scale, rotation and shift that lay `model` on `points` (Umeyama 1991)."""
    centre, target = model.mean(axis=0), points.mean(axis=0)
    u, s, vt = np.linalg.svd((points - target).T @ (model - centre))
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    turn = (u * sign) @ vt
    scale = float((s * sign).sum() / ((model - centre) ** 2).sum())
    return scale, turn, target - scale * turn @ centre


def _upright(face: Float) -> Float:
    """One face turned to look straight ahead: eyes along x, chin below, origin under the nose, inter-ocular distance 1."""
    across = face[list(LEFT_EYE)].mean(axis=0) - face[list(RIGHT_EYE)].mean(axis=0)
    x = across / np.linalg.norm(across)
    down = face[CHIN] - face[FOREHEAD]
    y = down - x * (down @ x)
    y /= np.linalg.norm(y)
    return (face - face[SUBNASALE]) @ np.stack([x, y, np.cross(x, y)]).T / np.linalg.norm(across)


def _reference(points: Float) -> Float:
    """[468, 3], the mean face of all frames in the canonical pose."""
    steady = list(STEADY)
    mean = _upright(points[0])
    for _ in range(3):
        poses = [_similarity(mean[steady], p[steady]) for p in points]
        mean = np.mean([(p - t) @ r / s for p, (s, r, t) in zip(points, poses, strict=True)], axis=0)
        mean = _upright(mean)
    return mean


def _faces(images: list[Uint8], points: Float, reference: Float) -> Faces:
    steady = list(STEADY)
    depth = reference[[13, 14], 2].mean()
    canonical, affine, turn = [], [], []
    for p in points:
        scale, rotation, shift = _similarity(reference[steady], p[steady])
        canonical.append((p - shift) @ rotation / scale)
        linear = scale * rotation[:2, :2]
        affine.append(np.column_stack([linear, scale * rotation[:2, 2] * depth + shift[:2]]))
        turn.append(np.degrees(np.arccos(np.clip(rotation[2, 2], -1, 1))))
    return Faces(images, points, np.array(canonical), np.array(affine), np.array(turn))


def _opening(canonical: Float, aperture: Float, width: Float) -> tuple[Float, Float]:
    """The closed face [468, 3], and the change of every vertex [4, 468, 3] per opening, its square, widening and their
    product, by ridge regression; opening and widening are over the closed face, in inter-ocular distances."""
    least = np.percentile(aperture, 2)
    closed = aperture <= np.percentile(aperture, 6)
    a, w = aperture - least, width - np.median(width[closed])
    terms = np.column_stack([np.ones_like(a), a, a * a, w, a * w])
    ridge = np.diag([1e-6, 1e-3, 1e-3, 1e-2, 1e-2])
    flat = canonical.reshape(len(canonical), -1)
    fitted = np.linalg.solve(terms.T @ terms + ridge, terms.T @ flat).reshape(5, -1, 3)
    return fitted[0], fitted[1:]


def _views(clip: Faces, shut: Float) -> list[View]:
    """The open mouths of one clip in the skull's frame and in one light; none where the clip is too dim, small or soft."""
    opening = _aperture(clip.canonical) - _aperture(shut)
    speed = np.abs(np.gradient(opening))
    frames = np.flatnonzero((opening > 0.008) & (clip.turn < TURNED))
    if len(frames) < 12 or np.median(_eye_distance(clip.points)) < NEAR:
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


def _ladder(views: list[View]) -> tuple[float, list[View]]:
    """One view a level, the best way up (dynamic programming): each good by itself, like its neighbours, rising.

    With its cost.
    """
    opening = np.array([v.opening for v in views])
    own = np.array([v.fault + _ugliness(v) for v in views])
    levels = []
    for level in LEVELS:
        cost = own + ((opening - level) / (0.012 + 0.12 * level)) ** 2
        levels.append((np.argsort(cost)[:CANDIDATES], np.sort(cost)[:CANDIDATES]))
    total, back = levels[0][1], []
    for (below, _), (here, cost) in zip(levels, levels[1:], strict=False):
        step = np.array([[_unlikeness(views[i], views[j]) for i in below] for j in here])
        step[opening[here][:, None] < opening[below] + 0.004] = 50.0
        through = total + step
        back.append(through.argmin(axis=1))
        total = through.min(axis=1) + cost
    way = [int(total.argmin())]
    for link in reversed(back):
        way.append(int(link[way[-1]]))
    return float(total.min()), [views[found[k]] for (found, _), k in zip(levels, reversed(way), strict=True)]


def _picture(clip: Faces, shut: Float, i: int) -> tuple[Uint8, Float]:
    """The mouth of frame i in the skull's frame, and the inner contour [20, 2] in it."""
    middle = shut[[13, 14], :2].mean(axis=0)
    place = np.array([[1 / SCALE, 0, middle[0] - SEAM[0] / SCALE], [0, 1 / SCALE, middle[1] - SEAM[1] / SCALE]])
    matrix = clip.affine[i] @ np.vstack([place, [0, 0, 1]])
    picture = cv2.warpAffine(
        clip.images[i], matrix, SIZE[::-1], flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
    inverse = cv2.invertAffineTransform(matrix)
    inner, outer = (clip.points[i][list(c), :2] @ inverse[:, :2].T + inverse[:, 2] for c in (INNER, OUTER))
    return np.asarray(picture, np.uint8), _inner_edge(np.asarray(picture, np.uint8), inner, outer)


def _inner_edge(picture: Uint8, inner: Float, outer: Float) -> Float:
    """The mesh's inner contour moved, along columns, to where the picture says that the lips end.

    Lips and what lies between them are told apart by colour (GrabCut, Rother et al. 2004): surely lip is the outer part
    of each lip, surely mouth what the mesh holds for it.
    """
    middle = 0.5 * inner + 0.5 * outer
    middle[[0, 10]] = inner[[0, 10]]
    labels = np.full(SIZE, cv2.GC_BGD, np.uint8)
    labels[_inside(middle)] = cv2.GC_PR_BGD
    labels[_inside(inner)] = cv2.GC_PR_FGD
    core = cv2.erode(_inside(inner).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    labels[core] = cv2.GC_FGD
    near = cv2.dilate(_inside(outer).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    pixels = np.where(near[..., None], picture, np.median(picture[near & ~_inside(middle)], axis=0)).astype(np.uint8)
    if core.sum() < 12:
        return inner
    cv2.grabCut(pixels, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_MASK)
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


def _inside(contour: Float) -> npt.NDArray[np.bool_]:
    mask = np.zeros(SIZE, np.uint8)
    cv2.fillPoly(mask, [np.round(contour * 16).astype(np.int32)], 1, shift=4)
    return mask.astype(bool)


def _paleness(picture: npt.NDArray[np.generic]) -> Float:
    """High on teeth: bright and without colour."""
    pixels = picture.astype(np.float64)
    return pixels.mean(axis=-1) - 1.5 * (pixels.max(axis=-1) - pixels.min(axis=-1))


def _register(views: list[View]) -> list[View]:
    """Shift every picture by a few pixels so that the upper teeth lie where they lie in the picture that shows most."""
    upper = np.zeros(SIZE, bool)
    upper[int(SEAM[1]) - 16 : int(SEAM[1]) + 12, 36:108] = True
    holes = [_inside(v.contour) & upper for v in views]
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


def _ugliness(view: View) -> float:
    """Low where upper teeth show, the rest is teeth or dark, and left and right are lit alike."""
    inside = _inside(view.contour)
    rows, columns = np.nonzero(inside)
    pale, light = _paleness(view.picture)[inside], view.picture[inside].mean(axis=1)
    left, upper = columns < view.contour[[0, 10], 0].mean(), rows < SEAM[1] + 6
    if len(rows) < 20 or left.all() or not left.any() or not upper.any():
        return 3.0
    teeth, clear = (pale[upper] > 110).mean(), ((pale > 110) | (light < 70)).mean()
    uneven = abs(light[left].mean() - light[~left].mean()) / 128
    return float(2.0 * uneven - 2.0 * teeth - 8.0 * clear)


def _unlikeness(a: View, b: View) -> float:
    """Mean difference of two mouths where both are open, 1 is a tenth of the range."""
    both = _inside(a.contour) & _inside(b.contour)
    if both.sum() < 10:
        return 3.0
    soft = [cv2.GaussianBlur(v.picture, (0, 0), 1.5).astype(np.float64) for v in (a, b)]
    return float(np.abs(soft[0] - soft[1])[both].mean() / 25)


def _teeth(seen: list[tuple[Uint8, Float]]) -> Float:
    """Mean colour of the brightest teeth, RGB."""
    pixels = np.concatenate([picture[_inside(contour)] for picture, contour in seen])
    pale = _paleness(pixels)
    return pixels[pale >= np.percentile(pale, 97)].mean(axis=0)


def _balance(picture: Uint8, teeth: Float) -> Uint8:
    return np.clip(picture * (np.array(TEETH) / teeth) + 0.5, 0, 255).astype(np.uint8)


def _crispness(image: Uint8, points: Float) -> Float:
    """Share of fine detail about the eyes after each blur of BLURS: every face has edges there."""
    eyes = float(_eye_distance(points))
    lids = points[list(EYELIDS), :2]
    x0, y0 = np.maximum(lids.min(axis=0) - 0.2 * eyes, 0).astype(int)
    x1, y1 = (lids.max(axis=0) + 0.2 * eyes).astype(int)
    grey = image[y0:y1, x0:x1].mean(axis=2).astype(np.float32)
    shares = []
    for blur in BLURS:
        seen = cv2.GaussianBlur(grey, (0, 0), blur * eyes) if blur else grey
        fine, coarse = (np.abs(seen - cv2.GaussianBlur(seen, (0, 0), s * eyes)).mean() for s in (0.012, 0.08))
        shares.append(fine / coarse)
    return np.array(shares)


if __name__ == "__main__":
    main()
