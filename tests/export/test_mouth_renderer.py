"""The mouth renderer: what it promises of pixels, and the same answer from every runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import openvino
import pytest
import torch

from digital_human.core.frame import Frame
from export.exporters.mouth_renderer import export
from export.networks.mouth_renderer import INPUTS, RING_STEP, MouthRenderer, example

MODEL = Path(__file__).resolve().parents[2] / "model_repository" / "mouth_renderer" / "1" / "model.onnx"
BASE, LAYER, MOUTH = (96, 128), (48, 64), (64, 80)
Tensors = dict[str, npt.NDArray[Any]]


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(MODEL)


@pytest.fixture
def still() -> Tensors:
    """A frame whose base does not move under an invisible mouth layer; the mouth's crop has a margin of 8 pixels."""
    random = np.random.default_rng(0)
    points = random.uniform(20, 40, (1, 12, 2)).astype(np.float32)
    return {
        "base": random.integers(16, 236, (1, BASE[0] * 3 // 2, BASE[1]), np.uint8),
        "base_points": points,
        "base_weights": np.zeros_like(points),
        "base_reach": np.full((1, 1), 30, np.float32),
        "mouth": random.integers(16, 236, (1, MOUTH[0] * 3 // 2, MOUTH[1]), np.uint8),
        "mouth_points": points,
        "mouth_weights": np.zeros_like(points),
        "mouth_reach": np.full((1, 1), 30, np.float32),
        "mouth_affine": np.array([[[1, 0], [0, 1], [8, 8]]], np.float32),
        "alpha": np.zeros((1, LAYER[0] * 3 // 2, LAYER[1]), np.uint8),
        "ring": np.zeros((1, LAYER[0] // RING_STEP, LAYER[1] // RING_STEP), np.uint8),
    }


def run(session: onnxruntime.InferenceSession, inputs: Tensors) -> npt.NDArray[Any]:
    result: npt.NDArray[Any] = session.run(["image"], inputs)[0]
    return result


def part(pictures: npt.NDArray[Any], top: int, left: int, rows: int, columns: int) -> list[npt.NDArray[Any]]:
    """Views of a region of the first picture of an I420 batch, one a plane."""
    planes = Frame(pictures[0], "bt601").planes
    return [
        plane[top // step : (top + rows) // step, left // step : (left + columns) // step]
        for plane, step in zip(planes, (1, 2, 2), strict=True)
    ]


def layer(image: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """The mouth layer's place in an image."""
    return part(image, (BASE[0] - LAYER[0]) // 2, (BASE[1] - LAYER[1]) // 2, *LAYER)


def same(first: list[npt.NDArray[Any]], second: list[npt.NDArray[Any]]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def fill(pictures: npt.NDArray[Any], colour: tuple[int, int, int]) -> None:
    for plane, value in zip(Frame(pictures[0], "bt601").planes, colour, strict=True):
        plane[:] = value


def test_untouched_pixels_keep_their_bytes(session: onnxruntime.InferenceSession, still: Tensors) -> None:
    assert np.array_equal(run(session, still), still["base"])


def test_pixels_beyond_the_reach_keep_their_bytes(session: onnxruntime.InferenceSession, still: Tensors) -> None:
    still["base_weights"] = np.full_like(still["base_weights"], 0.5)
    image = run(session, still)
    moved = zip(part(image, 20, 20, 20, 20), part(still["base"], 20, 20, 20, 20), strict=True)
    assert not any(np.array_equal(after, before) for after, before in moved)
    assert same(part(image, 0, 80, BASE[0], BASE[1] - 80), part(still["base"], 0, 80, BASE[0], BASE[1] - 80))
    assert same(part(image, 0, 0, 2, BASE[1]), part(still["base"], 0, 0, 2, BASE[1])), "the crop's border never moves"


def test_chroma_moves_with_luma(session: onnxruntime.InferenceSession, still: Tensors) -> None:
    y, x = np.mgrid[: BASE[0], : BASE[1]]
    for plane, step in zip(Frame(still["base"][0], "bt601").planes, (1, 2, 2), strict=True):
        plane[:] = (2 * x + 0.5 * y)[::step, ::step] // 2 + step - 1
    still["base_weights"] = np.full_like(still["base_weights"], 0.5)
    luma, *chroma = Frame(run(session, still)[0], "bt601").planes
    assert np.ptp(luma.astype(int) - Frame(still["base"][0], "bt601").planes[0]) > 2
    for plane in chroma:
        assert np.abs(plane - luma.astype(float)[::2, ::2]).max() <= 2


def test_an_opaque_layer_shows_the_mouth_and_nothing_else(
    session: onnxruntime.InferenceSession, still: Tensors
) -> None:
    still["alpha"][:] = 255
    image = run(session, still)
    assert same(layer(image), part(still["mouth"], 8, 8, *LAYER))
    for drawn, base in zip(layer(image), layer(still["base"]), strict=True):
        drawn[:] = base
    assert np.array_equal(image, still["base"])


def test_the_affine_map_shifts_the_mouth(session: onnxruntime.InferenceSession, still: Tensors) -> None:
    still["alpha"][:] = 255
    still["mouth_affine"][0, 2] = [12, 6]
    assert same(layer(run(session, still)), part(still["mouth"], 6, 12, *LAYER))


def test_the_ring_takes_a_difference_of_colour_away(session: onnxruntime.InferenceSession, still: Tensors) -> None:
    fill(still["base"], (120, 110, 150))
    fill(still["mouth"], (90, 120, 140))
    still["alpha"][:] = 255
    still["ring"][:, 1:-1, 1:-1] = 255
    still["ring"][:, 4:8, 4:12] = 0
    difference = run(session, still).astype(int) - still["base"]
    assert np.abs(difference).max() <= 1


def test_a_missing_reach_does_no_harm(session: onnxruntime.InferenceSession, still: Tensors) -> None:
    still["base_reach"][:] = 0
    assert np.array_equal(run(session, still), still["base"])


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_runtimes_agree_with_the_definition(runtime: str, session: onnxruntime.InferenceSession) -> None:
    tensors = example(batch=3)
    inputs = {name: tensor.numpy() for name, tensor in zip(INPUTS, tensors, strict=True)}
    for name, cut in {"base": np.s_[:, :168], "mouth": np.s_[:, :, :80]}.items():
        inputs[name] = inputs[name][cut]
    with torch.inference_mode():
        wanted = MouthRenderer()(*(torch.from_numpy(value) for value in inputs.values())).numpy()
    if runtime == "onnxruntime":
        image = run(session, inputs)
    else:
        model = openvino.Core().compile_model(MODEL, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        image = model(inputs)[model.output(0)]
    difference = np.abs(image.astype(int) - wanted)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-3


def test_the_committed_model_is_what_the_exporter_writes(tmp_path: Path) -> None:
    export(tmp_path)
    inputs = {name: tensor.numpy() for name, tensor in zip(INPUTS, example(), strict=True)}
    ours, committed = (run(onnxruntime.InferenceSession(path), inputs) for path in (tmp_path / "model.onnx", MODEL))
    assert np.array_equal(ours, committed)
