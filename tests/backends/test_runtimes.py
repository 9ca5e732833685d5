"""What the backend runs a network on, and what it says when that is less than was asked for."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
MESH = ROOT / "model_repository" / "face_mesh" / "1" / "model.onnx"


@pytest.fixture(scope="module")
def runtimes() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "backends" / "onnxruntime")
        yield importlib.import_module("runtimes")


def opened(
    runtimes: ModuleType, *cpu: object, gpu: int | None = None, gpu_accelerators: tuple[object, ...] = ()
) -> Any:
    return runtimes.open_session(MESH, gpu=gpu, threads=1, cpu_accelerators=cpu, gpu_accelerators=gpu_accelerators)


def test_openvino_and_onnxruntime_agree(runtimes: ModuleType) -> None:
    faces = {"face": np.random.default_rng(0).integers(0, 256, (3, 192, 192, 3), np.uint8)}
    plain, plain_report = opened(runtimes)
    quick, quick_report = opened(runtimes, runtimes.Accelerator("openvino"))
    assert (plain_report.text, quick_report.text) == ("ONNX Runtime, CPU", "OpenVINO, CPU, f32")
    assert not plain_report.warning and not quick_report.warning
    first, second = (session(faces, ["landmarks", "score"]) for session in (plain, quick))
    assert np.abs(first["landmarks"] - second["landmarks"]).max() < 0.01
    assert np.abs(first["score"] - second["score"]).max() < 1e-3


def test_what_a_batch_took_is_given_back_when_there_is_nothing_to_do(runtimes: ModuleType) -> None:
    idle = importlib.import_module("idle").Idle(quiet=0.01)
    session, _ = runtimes.open_session(
        MESH, gpu=None, threads=1, cpu_accelerators=[runtimes.Accelerator("openvino")], gpu_accelerators=(), idle=idle
    )
    with idle.at_work():
        session({"face": np.zeros((32, 192, 192, 3), np.uint8)}, ["score"])
        taken = anonymous_memory()
    deadline = time.monotonic() + 60
    while anonymous_memory() > taken - 20 * 2**20:
        assert time.monotonic() < deadline, "nothing was given back"
        time.sleep(0.02)


def anonymous_memory() -> int:
    """Bytes of this process that no file backs."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def test_bf16_is_used_where_the_cpu_has_it_and_said_so_where_not(
    runtimes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    import openvino

    asked = runtimes.Accelerator("openvino", {"precision": "bf16"})
    real = openvino.Core

    class Core(real):  # type: ignore[misc, valid-type]  # OpenVINO has no type hints
        capabilities: tuple[str, ...] = ()

        def get_property(self, *arguments: str) -> object:
            return (
                self.capabilities if arguments[1] == "OPTIMIZATION_CAPABILITIES" else super().get_property(*arguments)
            )

    monkeypatch.setattr(openvino, "Core", Core)
    _, report = opened(runtimes, asked)
    assert (report.text, report.warning) == ("OpenVINO, CPU, f32, for this CPU has no bf16", True)
    Core.capabilities = ("FP32", "BF16")
    _, report = opened(runtimes, asked)
    assert (report.text, report.warning) == ("OpenVINO, CPU, bf16", False)


def test_without_a_gpu_the_cpu_is_used_and_said_so(runtimes: ModuleType) -> None:
    session, report = opened(
        runtimes, runtimes.Accelerator("openvino"), gpu=0, gpu_accelerators=(runtimes.Accelerator("tensorrt"),)
    )
    assert report.warning and "no CUDA" in report.text and report.text.endswith("OpenVINO, CPU, f32")
    assert session({"face": np.zeros((1, 192, 192, 3), np.uint8)}, ["score"])["score"].shape == (1, 1)


def test_an_unknown_accelerator_is_named(runtimes: ModuleType) -> None:
    _, report = opened(runtimes, runtimes.Accelerator("abacus"))
    assert report.warning and "'abacus'" in report.text and report.text.endswith("ONNX Runtime, CPU")


def test_openvino_that_is_not_installed_is_named(runtimes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    _, report = opened(runtimes, runtimes.Accelerator("openvino"))
    assert report.warning and "OpenVINO is not installed" in report.text


def test_without_onnxruntime_openvino_does_its_work(runtimes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    session, report = opened(runtimes)
    assert not report.warning and report.text == "ONNX Runtime is not installed: OpenVINO, CPU, f32"
    assert session({"face": np.zeros((1, 192, 192, 3), np.uint8)}, ["score"])["score"].shape == (1, 1)
    _, report = opened(runtimes, runtimes.Accelerator("openvino"), gpu=0)
    assert report.warning and "no CUDA" in report.text and report.text.endswith("OpenVINO, CPU, f32")


def test_tensorrt_comes_before_cuda_and_both_take_the_native_backends_parameters(runtimes: ModuleType) -> None:
    given = {"precision_mode": "FP16", "max_workspace_size_bytes": "1024", "trt_engine_cache_path": "/engines"}
    tensorrt = runtimes.Accelerator("tensorrt", given)
    cuda = runtimes.Accelerator("cuda", {"cudnn_conv_algo_search": "HEURISTIC"})
    first, second = runtimes._gpu_providers(1, [cuda, tensorrt])
    options = {"trt_fp16_enable": "1", "trt_max_workspace_size": "1024", "trt_engine_cache_path": "/engines"}
    assert first == ("TensorrtExecutionProvider", {"device_id": 1, **options})
    assert second == ("CUDAExecutionProvider", {"device_id": 1, "cudnn_conv_algo_search": "HEURISTIC"})


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("abacus", {}, "unknown GPU accelerator 'abacus'"),
        ("tensorrt", {"speed": "1"}, "knows no speed: '1'"),
        ("tensorrt", {"precision_mode": "FP4"}, "knows no precision_mode: 'FP4'"),
    ],
)
def test_what_the_native_backend_refuses_is_refused(
    runtimes: ModuleType, name: str, parameters: dict[str, str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        runtimes._gpu_providers(0, [runtimes.Accelerator(name, parameters)])
