"""The Python backend inside Triton, on small networks made for the purpose."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from digital_human.errors import ServiceError
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded.server import TritonServer

CONFIG = """
name: "{name}"
backend: "onnxruntime"
max_batch_size: {max_batch_size}
input [ {{ name: "x" data_type: TYPE_FP32 dims: {dims} }} ]
output [ {{ name: "y" data_type: TYPE_FP32 dims: {dims} }} ]
instance_group [ {{ count: 1 kind: KIND_CPU }} ]
parameters [ {{ key: "intra_op_thread_count" value {{ string_value: "{threads}" }} }} ]
{extra}
"""
OPENVINO = """
dynamic_batching { max_queue_delay_microseconds: 100000 }
optimization { execution_accelerators { cpu_execution_accelerator: [ { name: "openvino" } ] } }
"""


def save(
    folder: Path,
    name: str,
    nodes: list[onnx.NodeProto],
    axes: list[int],
    constants: Sequence[onnx.TensorProto] = (),
    threads: str = "1",
    **config: object,
) -> None:
    shape = [None if dim == -1 else dim for dim in axes]
    tensors = [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape) for tensor in ("x", "y")]
    graph = helper.make_graph(nodes, name, tensors[:1], tensors[1:], list(constants))
    (folder / name / "1").mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / name / "1" / "model.onnx")
    (folder / name / "config.pbtxt").write_text(CONFIG.format(name=name, threads=threads, **config))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonModels]:
    folder = tmp_path_factory.mktemp("repository")
    double = helper.make_node("Add", ["x", "x"], ["y"])
    save(folder, "free", [double], [-1, -1], max_batch_size=8, dims="[ -1 ]", extra=OPENVINO)
    save(folder, "unbatched", [double], [-1, 3], max_batch_size=0, dims="[ -1, 3 ]", extra="")
    # A product that only works for rows of four; others are refused when it runs.
    product = helper.make_node("MatMul", ["x", "w"], ["y"])
    weight = helper.make_tensor("w", TensorProto.FLOAT, [4, 4], np.eye(4, dtype=np.float32).ravel())
    save(folder, "fours", [product], [-1, -1], [weight], max_batch_size=8, dims="[ -1 ]", extra="")
    with TritonServer(folder) as server:
        server.ready()
        yield TritonModels(server.url)


def test_each_request_of_a_batch_gets_its_own_answer(models: TritonModels) -> None:
    inputs = [np.full((1 + k % 3, 5), k, np.float32) for k in range(24)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda x: models.infer("free", {"x": x})["y"], inputs))
    assert all(np.array_equal(answer, 2 * x) for answer, x in zip(answers, inputs, strict=True))


def test_free_axes_may_change_from_request_to_request(models: TritonModels) -> None:
    for length in (1, 7, 1000, 7):
        x = np.random.default_rng(length).random((2, length), np.float32)
        assert np.array_equal(models.infer("free", {"x": x})["y"], 2 * x)


def test_a_network_without_batch_axis_is_served_too(models: TritonModels) -> None:
    x = np.ones((20, 3), np.float32)
    assert np.array_equal(models.infer("unbatched", {"x": x})["y"], 2 * x)


def test_a_network_that_fails_answers_with_its_error_and_lives_on(models: TritonModels) -> None:
    with pytest.raises(ServiceError, match="fours"):
        models.infer("fours", {"x": np.ones((1, 5), np.float32)})
    assert np.array_equal(models.infer("fours", {"x": np.ones((2, 4), np.float32)})["y"], np.ones((2, 4)))


def test_threads_are_those_of_the_network_or_of_all_that_name_none_or_what_the_container_is_granted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, threads in (("own", "2"), ("unnamed", ""), ("every", "0")):
        double = helper.make_node("Add", ["x", "x"], ["y"])
        save(tmp_path, name, [double], [-1, 3], max_batch_size=0, dims="[ -1, 3 ]", threads=threads, extra="")
    monkeypatch.setenv("ONNXRUNTIME_PROCESSORS", "3")
    with caplog.at_level(logging.INFO, "triton"), TritonServer(tmp_path, threads=1) as server:
        server.ready()
    said = "\n".join(record.getMessage() for record in caplog.records)
    for name, used in (("own", 2), ("unnamed", 1), ("every", 3)):
        assert f"{name}: ONNX Runtime, CPU, threads: {used}" in said
