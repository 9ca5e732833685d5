"""Moonshine's weights are read from onnxruntime's own format, and its encoder computes what onnxruntime does."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

torch = pytest.importorskip("torch")

from export.graph import halve, store_in_bytes  # noqa: E402
from export.networks.moonshine import VECTOR_FIRST, VECTOR_HOP, WIDTH, Encoder, read_encoder  # noqa: E402
from export.ort_reader import read_constants  # noqa: E402


def product(weights: npt.NDArray[np.float32]) -> onnx.ModelProto:
    """x @ weights + 1."""
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "weights"], ["y"], "dense"), helper.make_node("Add", ["y", "one"], ["z"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", weights.shape[0]])],
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["n", weights.shape[1]])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.ones(1, np.float32), "one")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_an_8_bit_matrix_comes_back_as_numbers(tmp_path: Path) -> None:
    from onnxruntime.quantization import quantize_dynamic

    weights = np.random.default_rng(0).normal(0, 1, (16, 8)).astype(np.float32)
    onnx.save(product(weights), tmp_path / "plain.onnx")
    quantize_dynamic(tmp_path / "plain.onnx", tmp_path / "quantised.onnx")
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "model.ort")
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(str(tmp_path / "quantised.onnx"), options, providers=["CPUExecutionProvider"])
    constants = read_constants(tmp_path / "model.ort")
    matrices = [value for value in constants.values() if value.shape == (16, 8) and value.dtype == np.float32]
    assert len(matrices) == 1
    assert np.abs(matrices[0] - weights).max() < np.abs(weights).max() / 100


def test_another_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.ort"
    path.write_bytes(b"not a model")
    with pytest.raises(ValueError, match=r"model\.ort"):
        read_constants(path)


def test_the_encoder_has_a_vector_for_each_stretch_of_sound() -> None:
    torch.manual_seed(0)
    network = Encoder().eval()
    audio = torch.randn(2, VECTOR_FIRST * 2 + 1 + 9 * VECTOR_HOP)
    with torch.no_grad():
        vectors = network(audio)
    assert vectors.shape == (2, 10, WIDTH)


def test_a_shallower_encoder_has_the_first_layers_alone() -> None:
    torch.manual_seed(0)
    whole, shallow = Encoder().eval(), Encoder(2).eval()
    shallow.load_state_dict({name: value for name, value in whole.state_dict().items() if name in shallow.state_dict()})
    heard: list[Any] = []
    whole.layers[1].register_forward_hook(lambda _layer, _given, vectors: heard.append(vectors))
    audio = torch.randn(1, 16_000)
    with torch.no_grad():
        whole(audio)
        assert torch.equal(shallow(audio), heard[0])


def test_the_encoder_is_onnxruntimes() -> None:
    package = pytest.importorskip("moonshine_voice")
    path = Path(package.__file__).parent / "assets" / "tiny-en" / "encoder_model.ort"
    if not path.exists():
        pytest.skip("this version of moonshine-voice carries no model")
    chance = np.random.default_rng(0)
    audio = (np.sin(np.arange(48_000) / 7) * chance.normal(0, 0.1, 48_000)).astype(np.float32)[None]
    session = onnxruntime.InferenceSession(str(path))
    (wanted,) = session.run(None, {"input_values": audio, "attention_mask": np.ones_like(audio, np.int64)})
    with torch.no_grad():
        found = read_encoder(path)(torch.from_numpy(audio)).numpy()
    assert found.shape == wanted.shape
    # onnxruntime rounds what goes into its products to 8 bits; this does not
    assert np.corrcoef(found.ravel(), wanted.ravel())[0, 1] > 0.998


def test_halved_constants_compute_nearly_the_same_and_take_half_the_room() -> None:
    weights = np.random.default_rng(0).normal(0, 1, (64, 64)).astype(np.float32)
    model = product(weights)
    plain, inputs = model.SerializeToString(), {"x": np.ones((3, 64), np.float32)}
    halve(model)
    onnx.checker.check_model(model, full_check=True)
    small = model.SerializeToString()
    assert len(small) < 0.6 * len(plain)
    before, after = (onnxruntime.InferenceSession(m).run(None, inputs)[0] for m in (plain, small))
    assert np.abs(before - after).max() < 0.02
    rounded = onnxruntime.InferenceSession(product(weights.astype(np.float16).astype(np.float32)).SerializeToString())
    assert np.array_equal(after, rounded.run(None, inputs)[0]), "nothing is computed in float16"


def test_matrices_of_8_bit_integers_are_stored_as_such_without_loss() -> None:
    codes = np.random.default_rng(0).integers(0, 256, (64, 64))
    weights = ((codes - 119) * 0.0071).astype(np.float16).astype(np.float32)
    model = product(weights)
    plain, inputs = model.SerializeToString(), {"x": np.ones((3, 64), np.float32)}
    store_in_bytes(model)
    onnx.checker.check_model(model, full_check=True)
    small = model.SerializeToString()
    assert len(small) < 0.35 * len(plain)
    before, after = (onnxruntime.InferenceSession(m).run(None, inputs)[0] for m in (plain, small))
    assert np.abs(before - after).max() < 0.01


def test_other_matrices_stay_as_they_are() -> None:
    model = product(np.random.default_rng(0).normal(0, 1, (8, 8)).astype(np.float32))
    plain = model.SerializeToString()
    store_in_bytes(model)
    assert model.SerializeToString() == plain
