"""Batches computed a few samples at a time, by networks compiled for one shape."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import parser

ROOT = Path(__file__).resolve().parents[2]
MESH = ROOT / "model_repository" / "face_mesh" / "1" / "model.onnx"
OUTPUTS = ["score", "landmarks"]


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "backends" / "onnxruntime")
        yield importlib.import_module("openvino_session")


def faces(count: int) -> dict[str, npt.NDArray[np.uint8]]:
    return {"face": np.random.default_rng(count).integers(0, 256, (count, 192, 192, 3), np.uint8)}


@pytest.mark.parametrize(("samples", "threads"), [(1, 1), (1, 2), (3, 2)])
def test_every_sample_of_any_batch_gets_its_own_answer(module: ModuleType, samples: int, threads: int) -> None:
    session, _ = module.open_openvino(MESH, threads=threads, samples=samples, most=32, dims={"face": [192, 192, 3]})
    plain = onnxruntime.InferenceSession(MESH)
    for count in (1, 7, 2):
        answer = session(faces(count), OUTPUTS)
        for name, expected in zip(OUTPUTS, plain.run(OUTPUTS, faces(count)), strict=True):
            assert answer[name].shape == expected.shape
            assert np.abs(answer[name] - expected).max() < 0.01


@pytest.mark.parametrize("samples", [0, 1])
def test_a_batch_of_one_face_is_answered_for_each(module: ModuleType, samples: int) -> None:
    session, _ = module.open_openvino(MESH, threads=1, samples=samples, most=32, dims={"face": [192, 192, 3]})
    for batch in ({"face": np.repeat(faces(1)["face"], 8, 0)}, faces(8)):
        answer = session(batch, OUTPUTS)
        for name, expected in zip(OUTPUTS, onnxruntime.InferenceSession(MESH).run(OUTPUTS, batch), strict=True):
            assert answer[name].shape == expected.shape
            assert np.abs(answer[name] - expected).max() < 0.01


def test_of_a_warm_up_few_samples_are_computed(module: ModuleType) -> None:
    computed = []

    def session(inputs: dict[str, npt.NDArray[np.uint8]], outputs: list[str]) -> dict[str, npt.NDArray[np.uint8]]:
        computed.append(len(inputs["face"]))
        return {"score": inputs["face"].reshape(len(inputs["face"]), -1).max(1)}

    warmed = module._warmed_up_by_few(session, 2)
    assert len(warmed({"face": np.zeros((32, 192, 192, 3), np.uint8)}, ["score"])["score"]) == 32
    almost = np.zeros((32, 4), np.uint8)
    almost[31] = 1
    assert warmed({"face": almost}, ["score"])["score"].tolist() == 31 * [0] + [1]
    assert computed == [2, 32]


def test_answers_do_not_change_with_the_next_batch(module: ModuleType) -> None:
    session, _ = module.open_openvino(MESH, threads=1, samples=1, most=32)
    first = session(faces(2), OUTPUTS)
    before = first["landmarks"].copy()
    session(faces(3), OUTPUTS)
    assert np.array_equal(first["landmarks"], before)


def test_what_was_kept_computes_the_same(module: ModuleType, tmp_path: Path) -> None:
    def answer() -> npt.NDArray[np.float32]:
        session, _ = module.open_openvino(MESH, threads=1, samples=1, most=32, compiled=tmp_path)
        result: npt.NDArray[np.float32] = session(faces(2), OUTPUTS)["landmarks"]
        return result

    first, second = answer(), answer()
    assert len(list(tmp_path.iterdir())) == 1
    assert np.array_equal(first, second)


@pytest.fixture
def rows_of_four(tmp_path: Path) -> Path:
    """y = x * 2, for rows [N, L, 4] only."""
    model = parser.parse_model("""<ir_version: 8, opset_import: ["": 17]>
        rows (float[N, L, W] x) => (float[N, L, W] y)
        < float[4, 4] twice = {2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2} >
        { y = MatMul(x, twice) }""")
    onnx.save(model, tmp_path / "rows.onnx")
    return tmp_path / "rows.onnx"


def test_each_shape_is_compiled_once(module: ModuleType, rows_of_four: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    session, _ = module.open_openvino(rows_of_four, threads=1, samples=1, most=8, dims={"x": [-1, -1]}, compiled=kept)
    for count, length in ((1, 5), (8, 5), (2, 9), (3, 5)):
        x = np.random.default_rng(length).random((count, length, 4), np.float32)
        assert np.array_equal(session({"x": x}, ["y"])["y"], 2 * x)
    assert len(list(kept.iterdir())) == 2


def test_a_batch_that_fails_does_not_spoil_the_next(module: ModuleType, rows_of_four: Path) -> None:
    session, _ = module.open_openvino(rows_of_four, threads=2, samples=1, most=8)
    with pytest.raises(RuntimeError):
        session({"x": np.ones((2, 5, 3), np.float32)}, ["y"])
    with pytest.raises(RuntimeError):
        session({"x": np.ones((4, 5, 4), np.float32)}, ["z"])
    x = np.ones((4, 5, 4), np.float32)
    assert np.array_equal(session({"x": x}, ["y"])["y"], 2 * x)


def test_a_file_that_cannot_be_read_is_said_at_once(module: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"no network")
    with pytest.raises(RuntimeError):
        module.open_openvino(tmp_path / "model.onnx", threads=1, samples=1, most=8)


def test_samples_need_a_batch_axis(module: ModuleType) -> None:
    with pytest.raises(ValueError, match="batch axis"):
        module.open_openvino(MESH, threads=1, samples=1)
