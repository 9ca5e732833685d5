"""Crops of the mouth save decoding a template again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core import frame
from digital_human.core import mouth_crops as module
from digital_human.core.frame import Frame
from digital_human.core.landmarks import LEFT_EYE, MOUTH_CORNERS, RIGHT_EYE
from digital_human.core.mouth_crops import MouthCrops
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.media import VideoReader
from digital_human.media import reader as read_module
from digital_human.pipeline.template_store import TemplateStore
from digital_human.pipeline.templates import prepare_template
from digital_human.runtime.context import build_context
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer

WIDTH, HEIGHT, UNIT = 200, 160, 40


def picture(seed: int) -> Frame:
    return Frame(np.random.default_rng(seed).integers(0, 255, (HEIGHT * 3 // 2, WIDTH), np.uint8), "bt709")


def face_at(x: float, y: float) -> npt.NDArray[Any]:
    """Landmarks [468, 3] of a face whose mouth is there; nothing but mouth and eyes is in its place."""
    points = np.zeros((468, 3), np.float32)
    points[MOUTH_CORNERS, :2] = [[x - 10, y], [x + 10, y]]
    points[RIGHT_EYE, :2], points[LEFT_EYE, :2] = [x - UNIT / 2, y - 30], [x + UNIT / 2, y - 30]
    return points


@pytest.mark.parametrize("mouth", [(100, 80), (101.3, 83.8), (5, 150), (196, 6)])
def test_a_cut_from_a_close_up_is_the_one_from_the_frame_also_beyond_its_edge(mouth: tuple[float, float]) -> None:
    seen = MouthCrops(WIDTH, HEIGHT)
    pictures = [picture(0), picture(1)]
    seen.add(pictures, np.stack([face_at(*mouth), face_at(*mouth)]))
    x, y = (2 * round((centre - 40) / 2) for centre in mouth)
    for index, whole in enumerate(pictures):
        assert seen.covers(index, x, y, 80, 80)
        assert np.array_equal(seen.crop_yuv(index, x, y, 80, 80).data, frame.crop_yuv(whole, x, y, 80, 80).data)


def test_what_a_close_up_does_not_show_is_not_made_up() -> None:
    seen = MouthCrops(WIDTH, HEIGHT)
    seen.add([picture(0), picture(1)], np.stack([face_at(100, 80), face_at(-300, 80)]))
    assert seen.covers(0, 60, 40, 80, 80)
    assert not seen.covers(0, 40, 40, 80, 80) and not seen.covers(0, 60, 40, 120, 80)
    assert not seen.covers(0, 60, 20, 80, 80) and not seen.covers(0, 60, 60, 80, 80)
    assert not seen.covers(1, -340, 40, 80, 80), "a face out of the picture"
    assert not seen.covers(2, 60, 40, 80, 80), "a frame never shown"


def test_close_ups_that_are_too_large_together_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 20_000)
    seen = MouthCrops(WIDTH, HEIGHT)
    for number in range(3):
        seen.add([picture(number)], face_at(100, 80)[None])
    assert not seen.covers(0, 60, 40, 80, 80)


@pytest.mark.parametrize("mouth_crops", [True, False])
def test_a_template_that_does_not_fit_into_memory_is_studied_as_well(
    samples: Path, triton: TritonServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mouth_crops: bool
) -> None:
    decoded = []

    def counted(reader: VideoReader, start: int) -> Iterator[Frame]:
        decoded.append(start)
        return original(reader, start)

    original = VideoReader._decoded
    monkeypatch.setattr(VideoReader, "_decoded", counted)
    engine, everything = DefaultEngine(), build_context(Settings(base_path=tmp_path), triton.url)

    def prepared(name: str) -> dict[str, npt.NDArray[Any]]:
        decoded.clear()
        context = replace(everything, store=TemplateStore(tmp_path / name, 2**30))
        found = prepare_template(samples / "template.mkv", engine, context, lambda share: None)
        return {key: np.asarray(array) for key, array in found.analysis.items()}

    fitting = prepared("fits")
    assert decoded == [0]
    monkeypatch.setattr(read_module, "_BUFFER_BYTES", 2**20)
    if not mouth_crops:
        monkeypatch.setattr(module, "MAX_BYTES", 2**20)
    found = prepared("too-large")
    # The face is followed, what covers it is found, the mouths are measured.
    assert decoded == ([0] if mouth_crops else [0, 0, 0])
    assert found.keys() == fitting.keys()
    assert all(np.array_equal(found[key], fitting[key]) for key in fitting)
