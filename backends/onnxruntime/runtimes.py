"""Opens an ONNX file with OpenVINO or ONNX Runtime, whichever was asked for and works here."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from compiled import compile_network

Arrays = dict[str, np.ndarray[Any, Any]]
Session = Callable[[Arrays, Sequence[str]], Arrays]


# Of TensorRT, as config.pbtxt names them.
PRECISIONS = {"FP32": ("trt_fp16_enable", "0"), "FP16": ("trt_fp16_enable", "1"), "INT8": ("trt_int8_enable", "1")}


@dataclass(frozen=True)
class Accelerator:
    """One entry of `execution_accelerators` in config.pbtxt."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """What a session runs on; `warning` where that is less than was asked for."""

    text: str
    warning: bool = False


def open_session(
    path: Path,
    *,
    gpu: int | None,
    threads: int,
    cpu_accelerators: Sequence[Accelerator],
    gpu_accelerators: Sequence[Accelerator],
    compiled: Path | None = None,
) -> tuple[Session, Report]:
    """A function (inputs by name, output names) -> outputs by name, and what it runs on.

    gpu: number of the CUDA device, None for the CPU
    threads: of one execution; 0 leaves it to the runtime
    compiled: folder in which networks are kept as OpenVINO compiled them
    Raises whatever the runtime raises where it cannot read the file.
    """
    missed = ""
    if gpu is not None:
        asked = _gpu_providers(gpu, gpu_accelerators)
        try:
            session, providers = _onnxruntime(path, threads, asked)
        except ImportError:
            providers = ["CPUExecutionProvider"]
        if providers[0] != "CPUExecutionProvider":
            missed = "" if providers[0] == asked[0][0] else f"{asked[0][0]} does not work here: "
            return session, Report(f"{missed}ONNX Runtime, {providers[0]}, device {gpu}", bool(missed))
        missed = "no CUDA execution provider works here (is the extra `gpu` installed?), so the CPU is used: "
    for accelerator in cpu_accelerators:
        if accelerator.name != "openvino":
            missed += f"unknown CPU accelerator {accelerator.name!r}; "
            continue
        try:
            session, report = _openvino(path, threads, accelerator.parameters.get("precision", "f32"), compiled)
        except ImportError:
            missed += "OpenVINO is not installed; "
        else:
            return session, Report(missed + report.text, bool(missed) or report.warning)
    try:
        session, _ = _onnxruntime(path, threads, [])
    except ImportError:
        session, report = _openvino(path, threads, "f32", compiled)
        return session, Report(f"{missed}ONNX Runtime is not installed: {report.text}", bool(missed))
    return session, Report(f"{missed}ONNX Runtime, CPU", bool(missed))


def _openvino(path: Path, threads: int, precision: str, compiled: Path | None) -> tuple[Session, Report]:
    import openvino

    core = openvino.Core()
    report = Report(f"OpenVINO, CPU, {precision}")
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        precision, report = "f32", Report("OpenVINO, CPU, f32, for this CPU has no bf16", True)
    # Left alone, OpenVINO would take bf16 wherever it is quick, at the price of half a pixel in the face mesh.
    options: dict[str, object] = {
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
    }
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    # Compiled with the free axes left free: one graph serves every batch and crop size.
    network = compile_network(core, path, options, compiled)
    request, warm = network.create_infer_request(), False

    def run(inputs: Arrays, outputs: Sequence[str]) -> Arrays:
        nonlocal warm
        request.infer(inputs, share_inputs=True)
        results = {name: request.get_tensor(name).data.copy() for name in outputs}
        if not warm:
            # The first batch is Triton's warm-up: a full one, larger than most that follow.
            network.release_memory()
            ctypes.CDLL(None).malloc_trim(0)
            warm = True
        return results

    return run, report


def _onnxruntime(path: Path, threads: int, providers: list[Any]) -> tuple[Session, list[str]]:
    import onnxruntime

    if providers and hasattr(onnxruntime, "preload_dlls"):
        # CUDA and cuDNN that come as wheels are not on the loader's path.
        onnxruntime.preload_dlls()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    known = onnxruntime.get_available_providers()
    chosen = [provider for provider in providers if provider[0] in known]
    session = onnxruntime.InferenceSession(path, options, providers=[*chosen, "CPUExecutionProvider"])

    def run(inputs: Arrays, outputs: Sequence[str]) -> Arrays:
        return dict(zip(outputs, session.run(list(outputs), inputs), strict=True))

    return run, session.get_providers()


def _gpu_providers(device: int, accelerators: Sequence[Accelerator]) -> list[tuple[str, dict[str, object]]]:
    """The providers asked for and their options, CUDA last. Raises ValueError where the native backend refuses too."""
    tensorrt: list[tuple[str, dict[str, object]]] = []
    cuda: dict[str, object] = {"device_id": device}
    for accelerator in accelerators:
        if accelerator.name == "tensorrt":
            options = dict(_tensorrt_option(key, value) for key, value in accelerator.parameters.items())
            tensorrt.append(("TensorrtExecutionProvider", {"device_id": device, **options}))
        elif accelerator.name == "cuda":
            cuda |= accelerator.parameters
        else:
            raise ValueError(f"unknown GPU accelerator {accelerator.name!r}")
    return [*tensorrt, ("CUDAExecutionProvider", cuda)]


def _tensorrt_option(key: str, value: str) -> tuple[str, object]:
    """From the native backend's name of a parameter to ONNX Runtime's name of the option."""
    if key == "precision_mode" and value in PRECISIONS:
        return PRECISIONS[value]
    if key == "max_workspace_size_bytes":
        return "trt_max_workspace_size", value
    if key.startswith("int8_"):
        return f"trt_{key}", value
    if key.startswith("trt_"):
        return key, value
    raise ValueError(f"the GPU accelerator tensorrt knows no {key}: {value!r}")
