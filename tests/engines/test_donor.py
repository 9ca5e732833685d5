"""A still picture speaks, through the real Triton."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Frame
from digital_human.core.types import Arrays, Template
from digital_human.engines.base import Plan, slice_plan
from digital_human.engines.exemplar import lip_geometry
from digital_human.engines.exemplar.donor import engine
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels

COUNT = 26


@pytest.fixture(scope="module")
def picture(template_frames: list[Frame], models: TritonModels) -> Frame:
    """The frame of the sample in which the mouth is most nearly shut."""
    track = track_face(template_frames, models)
    return template_frames[int(np.argmin(np.where(track.present, lip_geometry.aperture(track.landmarks), 9)))]


@pytest.fixture(scope="module")
def still(picture: Frame, models: TritonModels) -> Template:
    track = track_face([picture], models)
    return Template(picture.width, picture.height, Fraction(25), 1, track, lambda: iter([picture]))


@pytest.fixture(scope="module")
def analysis(still: Template, models: TritonModels) -> Arrays:
    return DefaultEngine().analyse(still, models)


@pytest.fixture(scope="module")
def plan(analysis: Arrays) -> Plan:
    """Opens and shuts twice."""
    limits = np.asarray(analysis["limits"], np.float32)
    share = np.maximum(0, -np.cos(np.arange(COUNT) * 2 * np.pi / 13) + 0.3) / 1.3
    aperture = (limits[0] + share * (limits[-1] - limits[0])).astype(np.float32)
    width = np.full(COUNT, np.asarray(analysis["rest"])[1], np.float32)
    return engine.arrange(analysis, aperture, width, np.zeros(COUNT, np.int64))


@pytest.fixture(scope="module")
def drawn(still: Template, picture: Frame, analysis: Arrays, plan: Plan, models: TritonModels) -> list[Frame]:
    return DefaultEngine().render(still, analysis, plan, [picture] * COUNT, models)


def test_a_still_is_given_a_donors_mouth(analysis: Arrays) -> None:
    assert str(analysis["kind"]) == "donor" and float(analysis["colour"]) == 1


def test_a_shut_mouth_is_the_templates_own(analysis: Arrays, plan: Plan, picture: Frame, drawn: list[Frame]) -> None:
    shut = np.flatnonzero(np.asarray(plan.aperture) <= np.asarray(analysis["limits"])[0])
    assert len(shut) > 5
    for k in shut:
        assert np.array_equal(drawn[k].data, picture.data)


def test_the_mouth_is_seen_to_open_as_planned(plan: Plan, drawn: list[Frame], models: TritonModels) -> None:
    seen = lip_geometry.aperture(track_face(drawn, models).landmarks)
    assert np.corrcoef(seen, np.asarray(plan.aperture, np.float32))[0, 1] > 0.95


def test_eyes_and_background_keep_their_bytes(picture: Frame, drawn: list[Frame], still: Template) -> None:
    nose = int(still.track.landmarks[0, mesh.NOSE_TIP, 1] - 0.3 * lip_geometry.interocular(still.track.landmarks[0]))
    for frame in drawn:
        assert np.array_equal(frame.planes[0][:nose], picture.planes[0][:nose])


def test_frames_do_not_depend_on_their_batch(
    still: Template, picture: Frame, analysis: Arrays, plan: Plan, drawn: list[Frame], models: TritonModels
) -> None:
    part = slice_plan(plan, np.arange(4, 7))
    again = DefaultEngine().render(still, analysis, part, [picture] * 3, models)
    for one, other in zip(again, drawn[4:7], strict=True):
        assert np.abs(one.data.astype(int) - other.data).max() <= 1


def test_in_black_and_white_the_inside_of_the_mouth_is_grey(
    picture: Frame, plan: Plan, drawn: list[Frame], models: TritonModels
) -> None:
    grey = picture.copy()
    for plane in grey.planes[1:]:
        plane[...] = 128
    still = Template(grey.width, grey.height, Fraction(25), 1, track_face([grey], models), lambda: iter([grey]))
    widest = int(np.argmax(plan.aperture if plan.aperture is not None else 0))
    analysis = DefaultEngine().analyse(still, models)
    assert float(analysis["colour"]) == 0
    (frame,) = DefaultEngine().render(still, analysis, slice_plan(plan, np.array([widest])), [grey], models)
    assert np.abs(frame.planes[0].astype(int) - grey.planes[0]).max() > 50
    for colour in (1, 2):
        assert np.abs(frame.planes[colour].astype(int) - 128).max() <= 2
        assert np.abs(drawn[widest].planes[colour].astype(int) - picture.planes[colour]).max() > 8


def test_given_frames_are_not_changed(
    still: Template, picture: Frame, analysis: Arrays, plan: Plan, models: TritonModels
) -> None:
    before = picture.data.copy()
    DefaultEngine().render(still, analysis, slice_plan(plan, np.arange(5, 7)), [picture] * 2, models)
    assert np.array_equal(picture.data, before)


def test_an_open_mouth_shows_its_own_teeth(template_frames: list[Frame], models: TritonModels) -> None:
    apertures = lip_geometry.aperture(track_face(template_frames, models).landmarks)
    picture = template_frames[int(np.argmax(apertures))]
    track = track_face([picture], models)
    still = Template(picture.width, picture.height, Fraction(25), 1, track, lambda: iter([picture]))
    analysis = DefaultEngine().analyse(still, models)
    rest, width = np.asarray(analysis["rest"], np.float32)
    assert rest > engine.PARTED
    wanted = np.linspace(0.5 * rest, rest, 4).astype(np.float32)
    plan = engine.arrange(analysis, wanted, np.full(4, width), np.zeros(4, np.int64))
    upper, lower = track.landmarks[0, 13, :2], track.landmarks[0, 14, :2]
    x, y = (upper + 0.25 * (lower - upper)).astype(int)
    teeth = np.s_[y - 1 : y + 2, x - 5 : x + 6]
    for frame in DefaultEngine().render(still, analysis, plan, [picture] * 4, models):
        assert np.abs(frame.planes[0][teeth].astype(int) - picture.planes[0][teeth]).mean() < 15


def test_a_mouth_that_opens_at_times_is_shut_where_nothing_is_said(
    template_frames: list[Frame], picture: Frame, models: TritonModels
) -> None:
    wide = template_frames[int(np.argmax(lip_geometry.aperture(track_face(template_frames, models).landmarks)))]
    frames = [picture] * 8 + [wide] * 4 + [picture] * 8
    track = track_face(frames, models)
    template = Template(wide.width, wide.height, Fraction(25), len(frames), track, lambda: iter(frames))
    analysis = DefaultEngine().analyse(template, models)
    assert str(analysis["kind"]) == "donor"
    every = np.arange(len(frames))
    shut, width = np.asarray(analysis["limits"])[0], np.asarray(analysis["rest"])[1]
    silence = np.full(len(frames), shut, np.float32)
    plan = engine.arrange(analysis, silence, np.full(len(frames), width, np.float32), every)
    drawn = DefaultEngine().render(template, analysis, plan, frames, models)
    for k in (0, 3, 16, 19):
        assert np.array_equal(drawn[k].data, picture.data)
    opening = lip_geometry.aperture(track.landmarks[9:11])
    assert opening.min() > 0.1
    assert (lip_geometry.aperture(track_face(drawn[8:12], models).landmarks) < 0.3 * opening.min()).all()
