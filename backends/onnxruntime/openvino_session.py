"""Runs an ONNX file with OpenVINO: batches of any shape, or a few samples at a time by a network made for the shape."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from compiled import Shapes, compile_network
from idle import Idle

Arrays = dict[str, np.ndarray[Any, Any]]
Session = Callable[[Arrays, Sequence[str]], Arrays]

KEPT_SHAPES = 16
"""Networks for so many shapes stay in memory. The renderer takes 18 to 29 MB for each, twice that with 8 threads."""


def open_openvino(
    path: Path,
    *,
    threads: int,
    precision: str = "f32",
    samples: int = 0,
    most: int = 0,
    dims: Mapping[str, Sequence[int]] | None = None,
    compiled: Path | None = None,
    idle: Idle | None = None,
) -> tuple[Session, str]:
    """A function (inputs by name, output names) -> outputs by name, and the precision it computes in.

    threads: of one execution; 0 leaves it to OpenVINO
    precision: "f32", or "bf16" where the CPU has it
    samples: how many of a batch are computed at a time, by a network compiled for the shape of what comes; each thread
        takes so many. 0: the whole batch by all threads, with one network compiled for every shape
    most: samples of the largest batch, 0 where there is no batch axis
    dims: of each input, after the batch axis; -1 where any size goes
    compiled: folder in which networks are kept as they were compiled
    idle: told how to give back memory, of a network for every shape
    Raises ValueError for `samples` without a batch axis, and whatever OpenVINO raises where it cannot read the file.
    """
    import openvino

    if samples and not most:
        raise ValueError("a network without a batch axis is not computed in samples")
    core = openvino.Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        precision = "f32"
    streams = max(min(threads or len(os.sched_getaffinity(0)), most // samples), 1) if samples else 1
    options: dict[str, object] = {
        # Left alone, OpenVINO would take bf16 wherever it is quick, at the price of half a pixel in the face mesh.
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": streams,
        # The process of every network would choose the same processors.
        "ENABLE_CPU_PINNING": False,
    }
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    if not samples:
        network = compile_network(core, path, options, compiled)
        if idle is not None:
            idle.add(network.release_memory)
        whole = _whole_batches(network)
        return (_warmed_up_by_few(whole, 1) if most else whole), precision

    @lru_cache(KEPT_SHAPES)
    def parts(shapes: Shapes) -> list[_Part]:
        network = compile_network(core, path, options, compiled, shapes)
        return [_Part(network) for _ in range(streams)]

    def run(inputs: Arrays, outputs: Sequence[str]) -> Arrays:
        shapes = tuple((name, (samples, *array.shape[1:])) for name, array in inputs.items())
        try:
            return _in_parts(parts(shapes), samples, inputs, outputs)
        except Exception:
            # Some parts may still be at work.
            parts.cache_clear()
            raise

    sizes = {name: tuple(of) for name, of in (dims or {}).items()}
    if sizes and all(size > 0 for of in sizes.values() for size in of):
        parts(tuple((name, (samples, *of)) for name, of in sizes.items()))
    else:
        core.read_model(path)
    return _warmed_up_by_few(run, samples * streams), precision


def _warmed_up_by_few(session: Session, enough: int) -> Session:
    """A session that computes `enough` samples of a full batch of the same one: Triton warms networks up with such."""
    cold = True

    def run(inputs: Arrays, outputs: Sequence[str]) -> Arrays:
        nonlocal cold
        count = len(next(iter(inputs.values())))
        if cold and count > enough and all((array == array[:1]).all() for array in inputs.values()):
            few = session({name: array[:enough] for name, array in inputs.items()}, outputs)
            return {name: np.repeat(array[:1], count, 0) for name, array in few.items()}
        cold = False
        return session(inputs, outputs)

    return run


def _whole_batches(network: Any) -> Session:
    request = network.create_infer_request()

    def run(inputs: Arrays, outputs: Sequence[str]) -> Arrays:
        request.infer(inputs, share_inputs=True)
        return {name: request.get_tensor(name).data.copy() for name in outputs}

    return run


class _Part:
    """One execution of a network made for a few samples; its tensors are arrays to write to and to read from."""

    def __init__(self, network: Any) -> None:
        self.request = network.create_infer_request()
        self._tensors: Arrays = {}

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        if name not in self._tensors:
            self._tensors[name] = self.request.get_tensor(name).data
        return self._tensors[name]


def _in_parts(parts: Sequence[_Part], samples: int, inputs: Arrays, outputs: Sequence[str]) -> Arrays:
    """The batch computed `samples` at a time, by all parts side by side."""
    count = len(next(iter(inputs.values())))
    results = {name: np.empty((count, *parts[0][name].shape[1:]), parts[0][name].dtype) for name in outputs}
    begun: deque[tuple[slice, _Part]] = deque()

    def collect() -> None:
        rows, part = begun.popleft()
        part.request.wait()
        for name, result in results.items():
            result[rows] = part[name][: rows.stop - rows.start]

    for start in range(0, count, samples):
        if len(begun) == len(parts):
            collect()
        rows, part = slice(start, min(start + samples, count)), parts[start // samples % len(parts)]
        for name, array in inputs.items():
            # Copied, as handing other arrays to OpenVINO costs more. A last part that is not full keeps old samples.
            part[name][: rows.stop - start] = array[rows]
        part.request.start_async()
        begun.append((rows, part))
    while begun:
        collect()
    return results
