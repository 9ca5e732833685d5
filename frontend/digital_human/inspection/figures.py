"""Measures of drawn frames, and the kinds of faults that they show.

The thresholds were chosen on frames that an earlier version ruined; `benchmarks/wild.py` measures what they find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Frame
from digital_human.core.types import MIN_FACE_SCORE, Models
from digital_human.inspection.findings import Outcome
from digital_human.inspection.inside import beside, doubled, tongues
from digital_human.inspection.person import NEIGHBOURS, Person, flesh_and_teeth, tilt
from digital_human.inspection.strange import strangeness
from digital_human.inspection.views import distances, in_views, look_of, maps_to_views, view
from digital_human.tracking.landmarker import predict_landmarks, regions_of_landmarks

Kind = Literal["lost", "misplaced", "opening", "double", "tongue", "lip", "teeth", "crooked", "outside", "in_front"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""No face any more; the mouth elsewhere; not as open as asked for; teeth in a mouth that was open without them; a
tongue put out; a lip, or teeth, larger than this person's; corners askew; the picture changed away from the face; what
is in front of the face changed."""

SMALL: tuple[Kind, ...] = ("tongue", "lip")
"""Faults that stay if nothing mends them, in a mouth no odder than the person's own."""
OFFSET = 0.25
"""Distance of the mouth that is seen from where it was drawn, inter-ocular distances."""
BESIDE = 0.05
"""Distance below the line on which the lips meet where a mouth opens that the template only shows shut."""
OPENING, OPENING_SHARE = 0.15, 0.3
"""Difference between the opening seen and asked for: at least, inter-ocular distances, and a share of it more."""
DOUBLE = 0.55
"""By how much teeth that stand alone are brighter than the mouth around them, over the luma of the skin."""
TONGUE = 0.035
"""Area of a tongue, square inter-ocular distances."""
FLESH, LEAST_FLESH = 1.06, 0.22
"""A lip is drawn out if it is higher than usual by the first factor and higher than the second, inter-ocular distances,
and looks strange: a tongue behind it may be as high, and is the person's own."""
STRANGE, STRANGER = 12.0, 1.8
"""Strangeness from which on a part is none of the person's own, or, over how odd the oddest mouth is as a whole."""
UNKNOWN, TORN = 1.45, 1.35
"""Where a mouth is odder than by the first factor, the template does not show how high a lip is in it, and only one
that is higher than usual by the second factor counts."""
TEETH, LEAST_TEETH = 1.9, 0.2
"""Likewise of teeth."""
CROOKED = 3.0
"""Degrees by which the corners are tilted more than usual, and more than in the template's frame."""
OUTSIDE, AWAY = 1.0, 0.35
"""Mean change of luma, and how far from the face it counts, sizes of the face."""
TOUCHED = 0.01
"""Share of the pixels in front of the face that may change."""


@dataclass(frozen=True)
class Figures:
    """Of n frames, float32 [n] each. Lengths are in inter-ocular distances; NaN where there is nothing to compare with.

    before, score: how sure the mesh is of a face in the template's frame and in the drawn one
    offset:   of the mouth from where it was drawn
    opening:  seen minus asked for; asked: that
    beside, doubled: see `inside`; tongue: its area
    flesh, teeth, oddity: over what is usual; height: of the flesh, height_of_teeth likewise
    strange:  over what counts as strange; 0 where no lip is high
    crooked:  tilt of the corners, degrees, beyond usual
    outside:  mean change of luma far from the face
    in_front: share of the pixels in front of the face that changed
    """

    before: Float32
    score: Float32
    offset: Float32
    opening: Float32
    asked: Float32
    beside: Float32
    doubled: Float32
    tongue: Float32
    flesh: Float32
    height: Float32
    teeth: Float32
    height_of_teeth: Float32
    oddity: Float32
    strange: Float32
    crooked: Float32
    outside: Float32
    in_front: Float32


@dataclass(frozen=True)
class Verdict:
    """Of one frame. kind: what is wrong, None if nothing is; oddity: see `Figures`, 0 where it is unknown"""

    kind: Kind | None
    outcome: Outcome
    oddity: float


def measure(
    before: Sequence[Frame],
    after: Sequence[Frame],
    here: Float32,
    scores: Float32,
    in_front: Float32,
    asked: Float32 | None,
    person: Person | None,
    models: Models,
) -> Figures:
    """Figures of n frames.

    here:     landmarks of the template's frames [n, 468, 3]; scores: of their mesh [n]
    in_front: share of changed pixels in front of the face [n]
    asked:    opening that was asked for [n]; None if the engine has no such curve

    Raises what `Models.infer` raises.
    """
    points, score = predict_landmarks(after, regions_of_landmarks(here), models)
    unit = np.linalg.norm(here[:, mesh.LEFT_EYE, :2].mean(1) - here[:, mesh.RIGHT_EYE, :2].mean(1), axis=1)
    middle = [p[:, mesh.MOUTH_CORNERS, :2].mean(1) for p in (points, here)]
    gap = np.linalg.norm(points[:, mesh.UPPER_LIP_EDGE, :2] - points[:, mesh.LOWER_LIP_EDGE, :2], axis=1) / unit
    nothing = np.full(len(after), np.nan, np.float32)
    flesh = teeth = height = height_of_teeth = oddity = strange = crooked = tongue = away = double = nothing
    if person is not None:
        maps = maps_to_views(here)
        views = np.stack([view(frame, matrix) for frame, matrix in zip(after, maps, strict=True)])
        seen, usual = in_views(points, maps), in_views(here, maps)
        askew = np.stack([np.abs(tilt(seen) - tilt(usual)), np.abs(tilt(seen) - person.tilt)])
        crooked = askew.min(0).astype(np.float32)
        tongue = tongues(views, seen, person.skin, person.lip)
        if person.talks:
            height, height_of_teeth = flesh_and_teeth(views, seen, person.skin, person.lip)
            flesh, teeth = height / max(person.flesh, 1e-3), height_of_teeth / max(person.teeth, 1e-3)
            looks, own = look_of(views), person.looks.astype(np.float32)
            oddity = np.sort(distances(looks, own), 1)[:, NEIGHBOURS - 1] / max(person.oddity, 1e-3)
            strange = np.zeros(len(after), np.float32)
            high = np.flatnonzero((flesh >= FLESH) & (height > LEAST_FLESH))
            if len(high):
                strange[high] = strangeness(looks[high], own) / min(STRANGE, STRANGER * max(person.oddity, 1e-3))
        else:
            filmed = np.stack([view(frame, matrix) for frame, matrix in zip(before, maps, strict=True)])
            away = beside(filmed, views, usual, seen, person.skin)
            double = doubled(filmed, views, usual, seen, person.skin)
    known = asked is not None and person is not None and person.talks
    return Figures(
        before=scores,
        score=score,
        offset=(np.linalg.norm(middle[0] - middle[1], axis=1) / unit).astype(np.float32),
        opening=(gap - asked).astype(np.float32) if known else nothing,
        asked=np.asarray(asked, np.float32) if known else nothing,
        beside=away,
        doubled=double,
        tongue=tongue,
        flesh=flesh,
        height=height,
        teeth=teeth,
        height_of_teeth=height_of_teeth,
        oddity=oddity,
        strange=strange,
        crooked=crooked,
        outside=np.array([_outside(*three) for three in zip(before, after, here, strict=True)], np.float32),
        in_front=in_front,
    )


def verdicts(figures: Figures) -> list[Verdict]:
    """What is wrong with each frame, the first kind that applies, and what becomes of it if nothing mends it."""
    f = figures
    with np.errstate(invalid="ignore"):
        applies: dict[Kind, npt.NDArray[np.bool_]] = {
            "lost": (f.score < MIN_FACE_SCORE) & (f.before >= MIN_FACE_SCORE),
            "misplaced": (f.offset > OFFSET) | (f.beside > BESIDE),
            "opening": np.abs(f.opening) > OPENING + OPENING_SHARE * f.asked,
            "double": f.doubled > DOUBLE,
            "tongue": f.tongue > TONGUE,
            "lip": (f.flesh >= np.where(f.oddity > UNKNOWN, TORN, FLESH)) & (f.height > LEAST_FLESH) & (f.strange > 1),
            "teeth": (f.teeth > TEETH) & (f.height_of_teeth > LEAST_TEETH),
            "crooked": f.crooked > CROOKED,
            "outside": f.outside > OUTSIDE,
            "in_front": f.in_front > TOUCHED,
        }
    result = []
    for k, oddity in enumerate(np.nan_to_num(f.oddity)):
        kind = next((kind for kind in KINDS if applies[kind][k]), None)
        outcome: Outcome = "fine" if kind is None else "kept" if kind in SMALL and oddity < 1 else "passed"
        result.append(Verdict(kind, outcome, float(oddity)))
    return result


def _outside(before: Frame, after: Frame, points: Float32) -> float:
    """Mean change of luma away from the face; 0 where nothing is."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    reach = AWAY * (high - low).max()
    x0, y0 = np.maximum(low - reach, 0).astype(int)
    x1, y1 = np.maximum(high + reach, 0).astype(int)
    strips: list[Any] = [np.s_[:y0], np.s_[y1:], np.s_[y0:y1, :x0], np.s_[y0:y1, x1:]]
    old, new = before.planes[0], after.planes[0]
    changed = [(old[strip], new[strip]) for strip in strips]
    size = sum(part.size for part, _ in changed)
    total = sum(float(np.abs(a.astype(np.int16) - b).sum()) for a, b in changed if not np.array_equal(a, b))
    return total / size if size else 0.0
