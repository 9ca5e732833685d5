"""Something that moves over the mouth of the sample template, through the real Triton."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.frame import Frame
from digital_human.core.types import Arrays, Template
from digital_human.engines.base import slice_plan
from digital_human.engines.exemplar import lip_geometry
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.occlusion.masks import find_cover
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels

LENGTH = 50
"""Frames of the template that are used: two seconds."""
PAPER = (200, 120, 136)
"""Y, Cb and Cr of what is in front."""
SIDE = 1.3
"""Width and height of it, inter-ocular distances."""
Bools = npt.NDArray[np.bool_]


def place(frame: int) -> float:
    """How far right of the mouth it is, inter-ocular distances: it comes, covers the mouth, and goes."""
    return 2.6 * abs(frame - LENGTH / 2) / (LENGTH / 2)


@pytest.fixture(scope="module")
def clean(template_frames: list[Frame], models: TritonModels) -> Template:
    frames = template_frames[:LENGTH]
    track = track_face(frames, models)
    return Template(frames[0].width, frames[0].height, Fraction(25), LENGTH, track, lambda: iter(frames))


@pytest.fixture(scope="module")
def scene(clean: Template, models: TritonModels) -> tuple[Template, list[Frame], Bools]:
    """The template, its frames and where something is in front, bool [LENGTH, H, W]."""
    frames, where = [], np.zeros((LENGTH, clean.height, clean.width), bool)
    for k, frame in enumerate(clean.frames()):
        points = clean.track.landmarks[k]
        unit = float(lip_geometry.interocular(points))
        middle = lip_geometry.mouth_centre(points) + np.array([place(k) * unit, 0])
        low, high = (np.rint((middle + sign * SIDE / 2 * unit) / 2).astype(int) * 2 for sign in (-1, 1))
        shape = np.zeros((clean.height, clean.width), np.uint8)
        cv2.rectangle(shape, low.tolist(), high.tolist(), (1,), -1)
        where[k] = shape > 0
        covered = frame.copy()
        for plane, value, step in zip(covered.planes, PAPER, (1, 2, 2), strict=True):
            plane[where[k][::step, ::step]] = value
        frames.append(covered)
    track = track_face(frames, models)
    seen = Template(clean.width, clean.height, clean.fps, LENGTH, track, lambda: iter(frames))
    return with_cover(seen, models), frames, where


def with_cover(template: Template, models: TritonModels) -> Template:
    return Template(**{**vars(template), "cover": find_cover(template, models)})


@pytest.fixture(scope="module")
def drawn(scene: tuple[Template, list[Frame], Bools], models: TritonModels) -> tuple[Arrays, list[Frame]]:
    """The analysis, and every frame as a job would show it."""
    template, frames, _ = scene
    assert template.cover is not None
    engine = DefaultEngine()
    analysis = engine.analyse(template, models)
    speech = np.sin(np.arange(2 * 16_000) * 2 * np.pi * 150 / 16_000) * np.sin(np.arange(2 * 16_000) / 1500)
    order = np.arange(LENGTH)
    plan = engine.plan(template, analysis, 0.4 * speech.astype(np.float32), order, models)
    finished = [frame.copy() for frame in frames]
    for k in np.flatnonzero(template.track.present & (template.cover.through < 1)):
        (finished[k],) = engine.render(template, analysis, slice_plan(plan, order[k : k + 1]), [frames[k]], models)
        template.cover.restore(int(k), frames[k], finished[k])
    return analysis, finished


def test_a_clean_template_has_nothing_in_front(clean: Template, models: TritonModels) -> None:
    cover = with_cover(clean, models).cover
    assert cover is not None
    assert not cover.touched.any() and not cover.through.any() and len(cover.packed) == 0


def test_its_pixels_stay_as_they_were(
    scene: tuple[Template, list[Frame], Bools], drawn: tuple[Arrays, list[Frame]]
) -> None:
    _, frames, where = scene
    for k, (before, after) in enumerate(zip(frames, drawn[1], strict=True)):
        change = np.abs(after.planes[0].astype(int) - before.planes[0])[where[k]] > 3
        assert change.mean() <= 0.01, f"frame {k}"


def test_the_mouth_beside_it_still_speaks(
    scene: tuple[Template, list[Frame], Bools], drawn: tuple[Arrays, list[Frame]]
) -> None:
    _, frames, _ = scene
    changed = [np.abs(a.planes[0].astype(int) - b.planes[0]).max() > 20 for a, b in zip(drawn[1], frames, strict=True)]
    far = np.array([place(k) > 1.4 for k in range(LENGTH)])
    assert np.array(changed)[far].mean() > 0.8


def test_no_frame_whose_mouth_it_covers_is_an_exemplar(
    scene: tuple[Template, list[Frame], Bools], drawn: tuple[Arrays, list[Frame]]
) -> None:
    reach = SIDE / 2 + 0.45
    covered = [k for k in range(LENGTH) if place(k) < reach]
    exemplars = set(np.asarray(drawn[0]["exemplar_frame"]).tolist())
    assert len(covered) > 15 and len(exemplars) > 10
    assert not exemplars & set(covered)


def test_a_mouth_that_is_wholly_hidden_passes_through(
    scene: tuple[Template, list[Frame], Bools], drawn: tuple[Arrays, list[Frame]]
) -> None:
    template, frames, _ = scene
    assert template.cover is not None
    hidden = [k for k in range(LENGTH) if place(k) < 0.2]
    assert len(hidden) >= 3 and (template.cover.through[hidden] == 1).all()
    for k in hidden:
        np.testing.assert_array_equal(drawn[1][k].data, frames[k].data)
    steps = np.abs(np.diff(template.cover.through))
    assert steps.max() <= 0.26, "no flicker"


@pytest.mark.parametrize("count", [1, 3, 12, 17])
def test_templates_of_few_frames_are_looked_at_too(
    count: int, template_frames: list[Frame], models: TritonModels
) -> None:
    frames = template_frames[:count]
    track = track_face(frames, models)
    template = Template(frames[0].width, frames[0].height, Fraction(25), count, track, lambda: iter(frames))
    assert find_cover(template, models).through.shape == (count,)
