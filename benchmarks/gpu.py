"""The networks on a GPU, without the service: frames a second by batch, and the share of the card's limits.

    python3 gpu.py [--models FOLDER] [--batches 1 2 4 8 16 32 64] [--seconds 1] [--json FILE]

Needs python3, numpy and onnxruntime-gpu, and the repository's ONNX files; nothing else of this project is imported.
Inputs and outputs lie on the card (I/O binding); `with copies` moves them from and to ordinary memory as well. Each is
run plainly and as a CUDA graph; `on the CPU` names the operators that the CUDA provider left to the processor.
`differs` is the largest difference from the CPU provider, in levels of 255 where the output is a picture. Where torch
is installed too, what the card can do is measured for comparison.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SIZES = {"base": (384, 288), "mouth": (288, 208), "alpha": (264, 192), "ring": (44, 48)}
POINTS = {"base_points": 140, "base_weights": 140, "mouth_points": 90, "mouth_weights": 90}
AUDIO_SAMPLES = 128_000
TYPES: dict[str, type[np.generic]] = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}

Array = npt.NDArray[np.generic]
# ONNX Runtime has no type hints.
Runtime = Any
Session = Any
Port = Any


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", type=Path, default=Path(__file__).resolve().parents[1] / "model_repository")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64])
    parser.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()

    import onnxruntime

    if hasattr(onnxruntime, "preload_dlls"):
        onnxruntime.preload_dlls()
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        sys.exit("no CUDA here: install onnxruntime-gpu on a machine with an NVIDIA card")
    card, limits = _card(), _limits(arguments.seconds)
    rows: list[dict[str, object]] = []
    print(f"{card}\n{limits}\n")
    for path in sorted(arguments.models.glob("*/1/model.onnx")):
        plain = _open(onnxruntime, path, {})
        about = {"on the CPU": _left_to_the_cpu(onnxruntime, path), "differs": _difference(onnxruntime, path, plain)}
        print(path.parts[-3], about)
        for batch in arguments.batches:
            for graph in (False, True):
                row: dict[str, object] = {"network": path.parts[-3], "batch": batch, "graph": graph}
                try:
                    row |= _measure(onnxruntime, path, plain, batch, graph, limits, arguments.seconds)
                except Exception as error:
                    # A network with parts that stay on the CPU cannot be captured; that is a result too.
                    row["error"] = str(error).splitlines()[0][:100]
                rows.append(row | about)
                print("  ".join(f"{key} {_text(value)}" for key, value in row.items()), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"card": card, "limits": limits, "rows": rows}, indent=2) + "\n")


def _open(
    onnxruntime: Runtime,
    path: Path,
    cuda: dict[str, str],
    providers: Sequence[str] = ("CUDAExecutionProvider",),
    profile: Path | None = None,
) -> Session:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if profile:
        options.enable_profiling, options.profile_file_prefix = True, str(profile)
    chosen = [(name, cuda) for name in providers]
    session = onnxruntime.InferenceSession(str(path), options, providers=[*chosen, "CPUExecutionProvider"])
    if providers and session.get_providers()[0] != providers[0]:
        sys.exit(f"the provider {providers[0]} does not load")
    return session


def _left_to_the_cpu(onnxruntime: Runtime, path: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        session = _open(onnxruntime, path, {}, profile=Path(folder, "profile"))
        session.run(None, {port.name: _values(port, 2) for port in session.get_inputs()})
        events = json.loads(Path(session.end_profiling()).read_text())
    nodes = {event["args"].get("op_name") for event in events if event.get("args", {}).get("provider", "")[:3] == "CPU"}
    return " ".join(sorted(filter(None, nodes))) or "nothing"


def _difference(onnxruntime: Runtime, path: Path, session: Session) -> float:
    inputs = {port.name: _values(port, 2) for port in session.get_inputs()}
    pairs = zip(session.run(None, inputs), _open(onnxruntime, path, {}, ()).run(None, inputs), strict=True)
    return max(float(np.abs(one.astype(float) - other).max()) for one, other in pairs)


def _measure(
    onnxruntime: Runtime,
    path: Path,
    plain: Session,
    batch: int,
    graph: bool,
    limits: dict[str, float],
    seconds: float,
) -> dict[str, float]:
    inputs = {port.name: _values(port, batch) for port in plain.get_inputs()}
    names = [port.name for port in plain.get_outputs()]
    shapes = {name: array.shape for name, array in zip(names, plain.run(names, inputs), strict=True)}
    # A graph is of one batch, so it has a session to itself.
    session = _open(onnxruntime, path, {"enable_cuda_graph": "1"}) if graph else plain
    binding = session.io_binding()
    held = []
    for name, array in inputs.items():
        held.append(onnxruntime.OrtValue.ortvalue_from_numpy(array, "cuda", 0))
        binding.bind_ortvalue_input(name, held[-1])
    for port in session.get_outputs():
        held.append(onnxruntime.OrtValue.ortvalue_from_shape_and_type(shapes[port.name], TYPES[port.type], "cuda", 0))
        binding.bind_ortvalue_output(port.name, held[-1])

    def on_card() -> None:
        session.run_with_iobinding(binding)

    moved = sum(a.nbytes for a in inputs.values())
    moved += sum(int(np.prod(shapes[p.name])) * np.dtype(TYPES[p.type]).itemsize for p in session.get_outputs())
    rate = batch / _seconds(on_card, seconds)
    row = {"frames/s": rate, "kB a frame": moved / batch / 1000}
    if not graph:
        row["with copies"] = batch / _seconds(lambda: session.run(None, inputs), seconds)
    if limits.get("memory GB/s"):
        # Of the least that has to be moved: every input read and every output written once.
        row["share of memory bandwidth"] = rate * moved / batch / 1e9 / limits["memory GB/s"]
    return row


def _values(port: Port, batch: int) -> Array:
    random = np.random.default_rng(0)
    shape = [batch, *port.shape[1:]]
    if port.name in SIZES:
        shape = [batch, *SIZES[port.name]]
    elif port.name in POINTS:
        shape = [batch, POINTS[port.name], 2]
    elif port.name == "audio":
        shape = [batch, AUDIO_SAMPLES]
    if port.type == "tensor(uint8)":
        return random.integers(0, 256, shape, np.uint8)
    return random.random(shape, np.float32) * np.float32(200 if port.name.endswith(("points", "reach")) else 1)


def _seconds(action: Callable[[], object], seconds: float) -> float:
    """Of one call: the mean over about `seconds`, after a few calls to warm up."""
    for _ in range(5):
        action()
    count, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        action()
        count += 1
    return (time.perf_counter() - started) / count


def _card() -> str:
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total,clocks.max.sm", "--format=csv,noheader"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown card"


def _limits(seconds: float) -> dict[str, float]:
    """What the card can do, measured with torch; without it nothing is stated."""
    try:
        import torch
    except ImportError:
        return {}
    if not torch.cuda.is_available():
        return {}
    size = 2**28
    a, b = (torch.empty(size, dtype=torch.uint8, device="cuda") for _ in range(2))
    host = torch.empty(size, dtype=torch.uint8, pin_memory=True)
    left, right = (torch.randn(8192, 8192, device="cuda") for _ in range(2))

    def timed(action: Callable[[], object]) -> float:
        def synced() -> None:
            action()
            torch.cuda.synchronize()

        return _seconds(synced, seconds)

    limits = {
        "memory GB/s": 2 * size / 1e9 / timed(lambda: b.copy_(a)),
        "bus GB/s": size / 1e9 / timed(lambda: a.copy_(host, non_blocking=True)),
    }
    for name, allowed in (("FP32 TFLOP/s", False), ("TF32 TFLOP/s", True)):
        torch.backends.cuda.matmul.allow_tf32 = allowed
        limits[name] = 2 * 8192**3 / 1e12 / timed(lambda: torch.matmul(left, right))
    return limits


def _text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
