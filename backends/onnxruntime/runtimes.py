"""Opens an ONNX file with OpenVINO or ONNX Runtime, whichever was asked for and works here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idle import Idle
from openvino_session import Arrays, Session, open_openvino

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
    most: int = 0,
    dims: Mapping[str, Sequence[int]] | None = None,
    compiled: Path | None = None,
    idle: Idle | None = None,
) -> tuple[Session, Report]:
    """A function (inputs by name, output names) -> outputs by name, and what it runs on.

    gpu: number of the CUDA device, None for the CPU
    threads: of one execution; 0 leaves it to the runtime
    most, dims, compiled, idle: for OpenVINO, see `open_openvino`
    Raises ValueError for accelerators that the network or the native backend contradicts, and whatever the runtime
    raises where it cannot read the file.
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
            asked_precision = accelerator.parameters.get("precision", "f32")
            session, precision = open_openvino(
                path,
                threads=threads,
                precision=asked_precision,
                samples=int(accelerator.parameters.get("samples", "0")),
                most=most,
                dims=dims,
                compiled=compiled,
                idle=idle,
            )
        except ImportError:
            missed += "OpenVINO is not installed; "
        else:
            lacks = "" if precision == asked_precision else f", for this CPU has no {asked_precision}"
            return session, Report(f"{missed}OpenVINO, CPU, {precision}{lacks}", bool(missed or lacks))
    try:
        session, _ = _onnxruntime(path, threads, [])
    except ImportError:
        session, precision = open_openvino(path, threads=threads, compiled=compiled, idle=idle)
        return session, Report(f"{missed}ONNX Runtime is not installed: OpenVINO, CPU, {precision}", bool(missed))
    return session, Report(f"{missed}ONNX Runtime, CPU", bool(missed))


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
