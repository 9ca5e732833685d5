"""The default engine on a real person, through the real Triton."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Frame
from digital_human.core.looping import loop_frames
from digital_human.core.types import Arrays, Template
from digital_human.engines.base import Plan, slice_plan
from digital_human.engines.exemplar import lip_geometry, lip_shape, rbf, renderer_inputs
from digital_human.engines.exemplar.atlas import Atlas
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.engines.exemplar.native import arrange
from digital_human.engines.live import AHEAD, Cue
from digital_human.errors import UnavailableError
from digital_human.media import read_speech
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels

RATE = 25


@pytest.fixture(scope="module")
def engine() -> DefaultEngine:
    return DefaultEngine()


@pytest.fixture(scope="module")
def template(template_frames: list[Frame], models: TritonModels) -> Template:
    track = track_face(template_frames, models)
    first = template_frames[0]
    return Template(
        first.width, first.height, Fraction(RATE), len(template_frames), track, lambda: iter(template_frames)
    )


@pytest.fixture(scope="module")
def analysis(engine: DefaultEngine, template: Template, models: TritonModels) -> Arrays:
    return engine.analyse(template, models)


@pytest.fixture(scope="module")
def swing(template: Template, analysis: Arrays) -> Plan:
    """A plan that opens and shuts the mouth about twice a second, over the whole template."""
    atlas = Atlas.from_arrays(analysis)
    frame_indices = np.arange(template.frame_count)
    share = 0.5 - 0.5 * np.cos(frame_indices * 2 * np.pi / 13)
    curve = atlas.limits[0] + share * (atlas.limits[4] - atlas.limits[0])
    width = np.full(len(frame_indices), atlas.width_limits[1], np.float32)
    return arrange(atlas, curve.astype(np.float32), width, frame_indices)


def render(
    engine: DefaultEngine, template: Template, analysis: Arrays, plan: Plan, models: TritonModels, part: slice
) -> list[Frame]:
    sliced = slice_plan(plan, np.arange(len(plan.arrays["pose"]))[part])
    frames = list(template.frames())
    return engine.render(template, analysis, sliced, [frames[k] for k in np.asarray(sliced.arrays["pose"])], models)


def test_the_analysis_is_plain_arrays(analysis: Arrays, template: Template) -> None:
    assert str(analysis["kind"]) == "exemplar"
    assert all(values.dtype != object for values in analysis.values())
    atlas = Atlas.from_arrays(analysis)
    assert len(atlas.exemplar_frame) == template.frame_count
    assert atlas.limits[0] < 0.04 < atlas.limits[-1], "shut, and wide open"
    assert (np.diff(atlas.limits) > 0).all()


def test_the_renderer_meets_its_shapes_while_the_template_is_studied(
    engine: DefaultEngine, template: Template, swing: Plan, models: TritonModels
) -> None:
    asked: SimpleQueue[dict[str, tuple[int, ...]]] = SimpleQueue()

    class Recorder:
        def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, Any]:
            asked.put({name: array.shape[1:] for name, array in inputs.items()})
            return models.infer(model, inputs, outputs)

    analysis = engine.analyse(template, Recorder())
    before = asked.get(timeout=60)
    engine.render(template, analysis, slice_plan(swing, np.arange(4)), list(template.frames())[:4], Recorder())
    assert asked.get(timeout=60) == before


def test_a_renderer_that_cannot_be_asked_does_not_hinder_the_study(engine: DefaultEngine, template: Template) -> None:
    class Away:
        def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> dict[str, Any]:
            raise UnavailableError("away")

    assert str(engine.analyse(template, Away())["kind"]) == "exemplar"


def test_the_drawn_lips_follow_the_curve(
    engine: DefaultEngine, template: Template, analysis: Arrays, swing: Plan, models: TritonModels
) -> None:
    drawn = render(engine, template, analysis, swing, models, slice(None))
    seen = lip_geometry.aperture(track_face(drawn, models).landmarks)
    assert swing.aperture is not None
    assert np.corrcoef(seen, swing.aperture)[0, 1] > 0.93
    assert 0.8 < np.percentile(seen, 95) / np.percentile(swing.aperture, 95) < 1.25


def test_a_wide_mouth_shuts_without_tearing_its_lips(
    engine: DefaultEngine, template: Template, analysis: Arrays, swing: Plan, models: TritonModels
) -> None:
    atlas = Atlas.from_arrays(analysis)
    widest = np.argsort(atlas.aperture)[-8:]
    pose, around = atlas.exemplar_frame[widest], np.repeat(widest[:, None], 3, 1)
    aperture, width, jaw_curve = np.full(8, atlas.limits[0], np.float32), atlas.width[widest], atlas.jaw_curve[pose]
    arrays = {"pose": pose, "around": around, "width": width, "slow": jaw_curve}
    plan = Plan({**arrays, "other": widest, "weight": np.zeros(8, np.float32)}, aperture=aperture)
    drawn = render(engine, template, analysis, plan, models, slice(None))
    seen = [lip_geometry.aperture(track_face([frame], models).landmarks)[0] for frame in drawn]
    assert np.median(seen) < 0.06

    here, points = lip_shape.target_landmarks(atlas, template.track, pose, around, aperture, width, jaw_curve)
    frames = [list(template.frames())[k] for k in pose]
    assert renderer_inputs.needs_split(atlas, widest, aperture).all()
    for free_lip, above in ((renderer_inputs.LOWER, True), (renderer_inputs.UPPER, False)):
        tensors = renderer_inputs.build(
            atlas, template.track, frames, here, points, widest, np.full(8, free_lip)
        ).inputs
        for k in range(8):
            middle = points[k, [13, 14]].mean(0) - points[k, atlas.near[0]] + tensors["mouth_points"][k, 0]
            unit = float(lip_geometry.interocular(here[k]))
            column = middle + np.arange(0, 0.3 * unit)[:, None] * np.array([0, -1 if above else 1])
            away = np.linalg.norm(column[:, None] - tensors["mouth_points"][k], axis=2) / tensors["mouth_reach"][k]
            affine = tensors["mouth_affine"][k]
            source = column @ affine[:2] + affine[2] + rbf.wendland(away) @ tensors["mouth_weights"][k]
            step = np.diff(source[:, 1]) * (-1 if above else 1)
            assert step.min() > 0.2, "a row of the mouth is shown twice, or for ever"


def test_pixels_away_from_the_mouth_keep_their_bytes(
    engine: DefaultEngine, template: Template, analysis: Arrays, swing: Plan, models: TritonModels
) -> None:
    part = slice(8, 16)
    frames = list(template.frames())[part]
    untouched = [frame.data.copy() for frame in frames]
    drawn = render(engine, template, analysis, swing, models, part)
    changed = np.zeros(frames[0].planes[0].shape, bool)
    for before, after, copy in zip(frames, drawn, untouched, strict=True):
        assert np.array_equal(before.data, copy), "the frames given are not changed"
        changed |= before.planes[0] != after.planes[0]
    points = template.track.landmarks[part, :, :2]
    eyes = int(points[:, mesh.RIGHT_EYE, 1].max())
    assert changed.any()
    assert not changed[:eyes].any()
    columns = np.nonzero(changed)[1]
    assert np.ptp(columns) < 2.8 * float(lip_geometry.interocular(template.track.landmarks[part]).max())


def test_frames_do_not_depend_on_how_they_are_batched(
    engine: DefaultEngine, template: Template, analysis: Arrays, swing: Plan, models: TritonModels
) -> None:
    whole = render(engine, template, analysis, swing, models, slice(20, 32))
    pieces = [
        frame
        for start, stop in ((20, 21), (21, 27), (27, 32))
        for frame in render(engine, template, analysis, swing, models, slice(start, stop))
    ]
    difference = [np.abs(a.data.astype(int) - b.data).max() for a, b in zip(whole, pieces, strict=True)]
    assert max(difference) <= 1


def test_silence_keeps_the_mouth_shut(
    engine: DefaultEngine, template: Template, analysis: Arrays, models: TritonModels
) -> None:
    frame_indices = np.arange(50) % template.frame_count
    plan = engine.plan(template, analysis, np.zeros(32000, np.float32), frame_indices, models)
    assert plan.aperture is not None
    assert np.allclose(plan.aperture, Atlas.from_arrays(analysis).limits[0], atol=0.005)
    drawn = render(engine, template, analysis, plan, models, slice(None))
    assert np.percentile(lip_geometry.aperture(track_face(drawn, models).landmarks), 95) < 0.06


def test_speech_opens_and_shuts_it(
    engine: DefaultEngine, template: Template, analysis: Arrays, models: TritonModels, samples: Path
) -> None:
    audio = read_speech(samples / "speech.wav")
    count = len(audio) * RATE // 16000
    frame_indices = np.arange(count) % template.frame_count
    plan = engine.plan(template, analysis, audio, frame_indices, models)
    limits = Atlas.from_arrays(analysis).limits
    assert plan.aperture is not None
    assert len(plan.aperture) == count
    assert plan.aperture.max() > limits[3]
    assert plan.aperture.min() < limits[0] + 0.01
    again = engine.plan(template, analysis, audio, frame_indices, models).to_arrays()
    assert again.keys() == plan.to_arrays().keys()
    assert all(np.array_equal(array, again[name]) for name, array in plan.to_arrays().items())


def test_strength_is_seen_in_what_is_drawn_and_closures_stay_shut(
    engine: DefaultEngine, template: Template, analysis: Arrays, models: TritonModels, samples: Path
) -> None:
    audio = read_speech(samples / "speech.wav")[:32000]
    frame_indices = np.arange(50)
    shut = Atlas.from_arrays(analysis).limits[0]
    seen, planned = {}, {}
    for strength in (0.6, 1.0, 1.4):
        plan = engine.plan(template, analysis, audio, frame_indices, models, strength)
        drawn = render(engine, template, analysis, plan, models, slice(None))
        planned[strength] = np.asarray(plan.aperture, np.float32)
        seen[strength] = lip_geometry.aperture(track_face(drawn, models).landmarks)
    resting = planned[1.0] < shut + 0.002
    assert resting.sum() > 3
    assert all(np.percentile(seen[strength][resting], 90) < 0.06 for strength in seen)
    speaking = planned[1.0] > np.median(planned[1.0])
    means = [float(seen[strength][speaking].mean()) for strength in (0.6, 1.0, 1.4)]
    assert means[0] < 0.85 * means[1] and means[1] < 0.95 * means[2]


def test_live_lips_are_those_of_the_file_whatever_the_chunks(
    engine: DefaultEngine, template: Template, analysis: Arrays, models: TritonModels, samples: Path
) -> None:
    speech = read_speech(samples / "speech.wav")[:48_000]
    count, mouth = 75, engine.live(template, analysis, models)
    indices = loop_frames(template.frame_count, count + AHEAD)

    def cues(chunk: int) -> list[Cue]:
        listener = engine.live(template, analysis, models).listener()
        heard = [cue for start in range(0, len(speech), chunk) for cue in listener.hear(speech[start : start + chunk])]
        return heard + listener.end()

    whole = cues(len(speech))
    small = cues(1777)
    assert len(whole) == len(small) == count
    assert all(np.array_equal(a.aperture, b.aperture) for a, b in zip(whole, small, strict=True))

    together = mouth.plan(mouth.begin(0), indices, whole)
    last, alone = mouth.begin(0), []
    for k, cue in enumerate(whole):
        [(plan, last)] = mouth.plan(last, indices[k : k + 1 + AHEAD], [cue])
        alone.append(plan)
    for (a, _), b in zip(together, alone, strict=True):
        assert all(np.array_equal(a.arrays[name], b.arrays[name]) for name in a.arrays)

    of_file = engine.plan(template, analysis, speech, indices[:count], models)
    opening = np.array([cue.aperture[0] for cue in whole])
    assert of_file.aperture is not None
    # a second of sound at a time, which the network has not learned to do with
    assert np.corrcoef(opening, of_file.aperture)[0, 1] > 0.88


def test_a_live_mouth_closes_to_rest_and_stays_there(
    engine: DefaultEngine,
    template: Template,
    analysis: Arrays,
    models: TritonModels,
    template_frames: list[Frame],
) -> None:
    mouth, atlas = engine.live(template, analysis, models), Atlas.from_arrays(analysis)
    wide = Cue(np.full(1 + AHEAD, atlas.limits[5], np.float32), mouth.rest.width)
    closing = [cue.aperture[0] for cue in mouth.closing(wide)]
    assert wide.aperture[0] > closing[0] > closing[1] > mouth.rest.aperture[0]
    plan = mouth.at_rest(np.arange(0, 75, 9))
    drawn = engine.render(template, analysis, plan, [template_frames[k] for k in range(0, 75, 9)], models)
    seen = track_face(drawn, models)
    assert lip_geometry.aperture(seen.landmarks).max() < atlas.limits[0] + 0.02
