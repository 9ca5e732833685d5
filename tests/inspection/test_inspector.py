"""What the inspector sees in frames of the sample template that were spoilt on purpose, through the real Triton."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Frame, crop, from_yuv
from digital_human.core.landmarks import Indices
from digital_human.core.types import Arrays, Template
from digital_human.engines.base import Plan
from digital_human.engines.exemplar import lip_geometry
from digital_human.inspection import findings, person
from digital_human.inspection.inspector import EVERY, Inspector, Mode, Redraw, looked_at
from digital_human.inspection.person import Person
from digital_human.media import VideoReader
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.plan import RenderPlan
from digital_human.pipeline.render import inspector_of, render_frames
from digital_human.pipeline.templates import PreparedTemplate
from digital_human.runtime.context import build_context
from digital_human.settings import Settings
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded.server import TritonServer

LENGTH = 50
"""Frames of the template that are used: two seconds."""
Spoil = Callable[[Frame, Float32], Frame]


@pytest.fixture(scope="module")
def template(template_frames: list[Frame], models: TritonModels) -> Template:
    frames = template_frames[:LENGTH]
    track = track_face(frames, models)
    return Template(frames[0].width, frames[0].height, Fraction(25), LENGTH, track, lambda: iter(frames))


@pytest.fixture(scope="module")
def usual(template: Template) -> Person:
    studied = person.study(template)
    assert studied is not None
    return Person.from_arrays(studied.to_arrays())


@pytest.fixture(scope="module")
def widest(template: Template) -> int:
    """The frame whose mouth is open widest."""
    return int(lip_geometry.aperture(template.track.landmarks).argmax())


def mapped(frame: Frame, x: npt.NDArray[Any], y: npt.NDArray[Any]) -> Frame:
    """The frame with the pixel of (x, y) in the place of each."""
    picture = crop(frame, 0, 0, frame.width, frame.height)
    moved = cv2.remap(picture, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    return from_yuv(np.asarray(moved, np.uint8), frame.matrix)


def drawn_out(frame: Frame, points: Float32) -> Frame:
    """The lower lip three times as high."""
    y, x = np.mgrid[: frame.height, : frame.width].astype(np.float32)
    top, bottom = points[mesh.LOWER_LIP_EDGE, 1], points[17, 1]
    unit = float(lip_geometry.interocular(points[None])[0])
    near = np.exp(-(((x - points[mesh.LOWER_LIP_EDGE, 0]) / (0.45 * unit)) ** 4))
    below = y - top
    shift = np.where(below > 0, np.minimum(below * 2 / 3, 2 * (bottom - top)), 0)
    fade = np.clip(1 - (below - 3 * (bottom - top)) / (0.5 * unit), 0, 1)
    return mapped(frame, x, y - shift * fade * near)


def askew(frame: Frame, points: Float32) -> Frame:
    """The mouth turned by 17 degrees."""
    y, x = np.mgrid[: frame.height, : frame.width].astype(np.float32)
    middle = points[mesh.MOUTH_CORNERS, :2].mean(0)
    unit = float(lip_geometry.interocular(points[None])[0])
    dx, dy = x - middle[0], y - middle[1]
    angle = np.radians(17) * np.exp(-((np.hypot(dx, dy) / (0.75 * unit)) ** 4))
    return mapped(
        frame, middle[0] + dx * np.cos(angle) - dy * np.sin(angle), middle[1] + dx * np.sin(angle) + dy * np.cos(angle)
    )


def gone(frame: Frame, points: Float32) -> Frame:
    """A grey field in the place of the face."""
    low, high = points[:, :2].min(0).astype(int) // 2 * 2, points[:, :2].max(0).astype(int) // 2 * 2
    spoilt = frame.copy()
    for plane, step in zip(spoilt.planes, (1, 2, 2), strict=True):
        plane[low[1] // step : high[1] // step, low[0] // step : high[0] // step] = 120
    return spoilt


def elsewhere(frame: Frame, points: Float32) -> Frame:
    """Another corner of the picture, darker."""
    spoilt = frame.copy()
    spoilt.planes[0][:60] = spoilt.planes[0][:60] // 2
    return spoilt


def inspect(
    template: Template, usual: Person, models: TritonModels, shown: Indices, after: list[Frame], redraw: Redraw
) -> Inspector:
    before = [frame for k, frame in enumerate(template.frames()) if k in shown]
    inspector = Inspector(template, usual, models, np.ones(len(shown), np.bool_))
    asked = lip_geometry.aperture(template.track.landmarks[shown])
    inspector.inspect(np.arange(len(shown)), shown, before, after, asked, redraw)
    return inspector


def never(places: Indices, attempt: int) -> list[Frame] | None:
    return None


def test_nothing_is_wrong_with_the_person_themselves(template: Template, usual: Person, models: TritonModels) -> None:
    shown = np.arange(0, LENGTH, 2)
    after = [frame.copy() for k, frame in enumerate(template.frames()) if k in shown]
    found = inspect(template, usual, models, shown, after, never).findings
    assert len(found) == len(shown) and {one.kind for one in found} == {""}


@pytest.mark.parametrize(
    ("spoil", "kind"), [(drawn_out, "lip"), (askew, "crooked"), (gone, "lost"), (elsewhere, "outside")]
)
def test_a_ruined_frame_passes_through_unless_another_is_right(
    template: Template, usual: Person, models: TritonModels, widest: int, spoil: Spoil, kind: str
) -> None:
    shown = np.array([widest])
    whole = list(template.frames())[widest]
    ruined = spoil(whole, template.track.landmarks[widest])
    after = [ruined]
    (found,) = inspect(template, usual, models, shown, after, never).findings
    assert (found.kind, found.outcome) == (kind, "passed")
    np.testing.assert_array_equal(after[0].data, whole.data)

    attempts = iter([[ruined], [whole.copy()]])
    after = [ruined]
    (found,) = inspect(template, usual, models, shown, after, lambda places, attempt: next(attempts)).findings
    assert (found.kind, found.outcome) == (kind, "redrawn")
    assert after[0] is not ruined


def test_a_mouth_drawn_again_must_not_be_odder(
    template: Template, usual: Person, models: TritonModels, widest: int
) -> None:
    """One without a fault of its own, but like nothing that the person ever showed, does not take the place."""
    shown = np.array([widest])
    points = template.track.landmarks[widest]
    whole = list(template.frames())[widest]
    ruined, blackened = drawn_out(whole, points), whole.copy()
    y0, x0 = points[mesh.OUTER_LIPS, 1::-1].min(0).astype(int)
    y1, x1 = points[mesh.OUTER_LIPS, 1::-1].max(0).astype(int)
    blackened.planes[0][y0:y1, x0:x1] = 30
    assert inspect(template, usual, models, shown, [blackened.copy()], never).findings[0].kind == ""
    (found,) = inspect(template, usual, models, shown, [ruined], lambda places, attempt: [blackened]).findings
    assert found.outcome == "passed"


def test_frames_beside_a_ruined_one_are_looked_at_too(template: Template, usual: Person, models: TritonModels) -> None:
    shown, spoilt = np.arange(16), [6, 7, 8, 10]
    before = list(template.frames())[:16]
    after = [gone(f, template.track.landmarks[k]) if k in spoilt else f.copy() for k, f in enumerate(before)]
    looked_at = np.arange(16) == 8
    drawn = np.arange(16) != 9
    inspector = Inspector(template, usual, models, looked_at, drawn)
    asked = lip_geometry.aperture(template.track.landmarks[shown])
    inspector.inspect(shown, shown, before, after, asked, never)
    assert {one.frame for one in inspector.findings} == {*range(3, 14)} - {9}
    assert {one.frame for one in inspector.findings if one.outcome == "passed"} == set(spoilt)


@pytest.mark.parametrize(("mode", "count"), [("all", 90), ("off", 0), ("sample", 100 // EVERY)])
def test_the_mode_says_how_many_frames_are_looked_at(mode: Mode, count: int) -> None:
    drawn = np.arange(100) >= 10
    chosen = looked_at(mode, drawn, np.sin(np.arange(100, dtype=np.float32)))
    assert chosen.sum() == count and not chosen[:10].any()


def test_the_summary_counts_by_kind_and_the_notices_by_outcome() -> None:
    found = [("", "fine"), ("lip", "redrawn"), ("lip", "passed"), ("lost", "passed")]
    records = [findings.Finding(k, *one).to_record() for k, one in enumerate(found)]  # type: ignore[arg-type]
    summary = findings.summary(records, "all")
    assert summary["ruined"] == {"lip": 2, "lost": 1}
    assert (summary["looked"], summary["redrawn"], summary["passed"], len(summary["frames"])) == (4, 1, 2, 3)
    assert [notice.text()[:7] for notice in findings.notices_of(records)] == ["1 of 4 ", "2 of 4 "]


class Clumsy:
    """An engine whose first attempt loses the face, and whose next is right where `mends`."""

    def __init__(self, mends: bool) -> None:
        self.mends = mends

    def render(
        self, template: Template, analysis: Arrays, plan: Plan, frames: list[Frame], models: TritonModels
    ) -> list[Frame]:
        ruins = np.asarray(plan.arrays["ruins"])
        points = template.track.landmarks[np.asarray(plan.arrays["pose"])]
        return [gone(f, p) if ruin else f.copy() for f, p, ruin in zip(frames, points, ruins, strict=True)]

    def other_plan(self, template: Template, analysis: Arrays, plan: Plan, attempt: int) -> Plan | None:
        return Plan({**plan.arrays, "ruins": np.zeros(len(plan.arrays["pose"]))}) if self.mends else None


@pytest.fixture
def context(tmp_path: Path, triton: TritonServer) -> PipelineContext:
    return build_context(Settings(base_path=tmp_path, inspect="all"), triton.url)


@pytest.mark.parametrize("mends", [True, False])
def test_no_ruined_frame_leaves_the_pipeline(
    mends: bool, template: Template, usual: Person, context: PipelineContext, samples: Path
) -> None:
    reader, engine = VideoReader(samples / "template.mkv"), Clumsy(mends)
    shown = np.arange(8)
    prepared = PreparedTemplate(reader, template, {}, True, True, "", usual)
    plan = RenderPlan(prepared, Plan({"pose": shown, "ruins": shown == 5}), shown, [])
    inspector = inspector_of(plan, engine, context)  # type: ignore[arg-type]
    frames = list(render_frames(plan, engine, context, 0, 8, inspector))  # type: ignore[arg-type]
    for frame, whole in zip(frames, template.frames(), strict=False):
        np.testing.assert_array_equal(frame.data, whole.data)
    outcome_of = {one.frame: (one.kind, one.outcome) for one in inspector.findings if one.kind}
    assert outcome_of == {5: ("lost", "redrawn" if mends else "passed")}
