"""Triton against the same networks in process, and jobs side by side.

python -m benchmarks.serving [--batches 1 4 16 32] [--jobs 1 4 16] [--video CLIP] [--json FILE]

The first table asks each network with batches: ONNX Runtime and OpenVINO in this process, the latter with whole batches
and sample by sample as the embedded Triton does, CUDA where there is a GPU, then that Triton over its socket, and with
tensors in shared memory. The second runs jobs side by side and reads Triton's metrics.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import openvino

from benchmarks import media_fixture
from benchmarks.measure import Cost, Row, costing, interleaved, median, save, show, tree
from digital_human.core.cpus import usable_processors
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.media import EncoderSettings
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.pipeline import RenderJob, generate_video
from digital_human.pipeline.template_store import TemplateStore
from digital_human.settings import Settings
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded.server import TritonServer

sys.path.append(str(media_fixture.ROOT / "backends" / "onnxruntime"))

from openvino_session import open_openvino

MODELS = ("face_mesh", "mouth_renderer")
FREE_AXES = {"base": (384, 288), "mouth": (288, 208), "alpha": (264, 192), "ring": (44, 48)}
"""Sizes of the renderer's crops: those of a face about 200 pixels wide."""
POINTS = {"base_points": 140, "base_weights": 140, "mouth_points": 90, "mouth_weights": 90}
BY_SAMPLE = "OpenVINO in process"
FRAMES = 64
JOB_SECONDS = 6.0

Arrays = dict[str, np.ndarray[Any, Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    media_fixture.add_arguments(parser, ("512",))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, TritonServer() as server:
        server.ready()
        for model in MODELS:
            rows = [row for batch in arguments.batches for row in direct(model, server.url, batch, arguments.rounds)]
            show(model, rows)
            results[model] = rows
        for size in arguments.sizes:
            rows = jobs(arguments, size, server, Path(name))
            show(f"jobs of {JOB_SECONDS:g} s side by side, {size}", rows)
            results[f"jobs {size}"] = rows
    save(arguments.json, results)


def direct(model: str, url: str, batch: int, rounds: int) -> list[Row]:
    path = media_fixture.ROOT / "model_repository" / model / "1" / "model.onnx"
    inputs = _inputs(path, batch)
    # As many threads as the embedded server gives an execution.
    threads = int(os.environ.get("ONNXRUNTIME_THREADS") or max(usable_processors() // 2, 1))
    session_options = onnxruntime.SessionOptions()
    session_options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, session_options, providers=["CPUExecutionProvider"])
    options = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
    }
    compiled = openvino.Core().compile_model(path, "CPU", options).create_infer_request()
    by_sample, _ = open_openvino(path, threads=threads, samples=1, most=32)
    outputs = [port.get_any_name() for port in openvino.Core().read_model(path).outputs]
    plain, shared = TritonModels(url, shared_memory=False), TritonModels(url)
    ways: dict[str, Callable[[], object]] = {
        "ONNX Runtime in process": lambda: session.run(None, inputs),
        "OpenVINO in process, whole batches": lambda: compiled.infer(inputs, share_inputs=True),
        BY_SAMPLE: lambda: by_sample(inputs, outputs),
        "Triton, socket": lambda: plain.infer(model, inputs),
        "Triton, shared memory": lambda: shared.infer(model, inputs),
    }
    cuda = _on_cuda(path)
    if cuda:
        ways["CUDA in process"] = lambda: cuda.run(None, inputs)
    costs: dict[str, list[Cost]] = {name: [] for name in ways}

    def ask(name: str, way: Callable[[], object]) -> float:
        with costing(lambda: tree(os.getpid())) as cost:
            for _ in range(max(FRAMES // batch, 1)):
                way()
        costs[name].append(cost)
        return cost.wall

    for way in ways.values():
        way()
    interleaved({name: partial(ask, name, way) for name, way in ways.items()}, rounds)
    shared.close()
    frames = max(FRAMES // batch, 1) * batch
    base = median([c.wall for c in costs["CUDA in process" if cuda else BY_SAMPLE]])
    return [
        {
            "way": name,
            "batch": batch,
            "frames/s": frames / median([c.wall for c in each]),
            "cpu ms/frame": 1000 * median([c.cpu for c in each]) / frames,
            "time over CUDA" if cuda else "time over OpenVINO": median([c.wall for c in each]) / base,
        }
        for name, each in costs.items()
    ]


def _on_cuda(path: Path) -> onnxruntime.InferenceSession | None:
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return None
    onnxruntime.preload_dlls()
    providers = [("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC"}), "CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(path, providers=providers)
    return session if session.get_providers()[0] == "CUDAExecutionProvider" else None


def jobs(arguments: argparse.Namespace, size: str, server: TritonServer, folder: Path) -> list[Row]:
    """As many jobs at once as asked for, of one cached template."""
    settings, engine = Settings(), DefaultEngine()
    models = TritonModels(server.url)
    context = PipelineContext(
        models=models,
        store=TemplateStore(folder / "store", 2**32),
        encoder=EncoderSettings(settings.encoder_preset, settings.encoder_crf),
        watermark_image=Path(),
        batch_size=settings.batch_size,
        max_audio_seconds=3600,
        max_template_seconds=3600,
        max_template_pixels=2**26,
    )
    video = media_fixture.template(media_fixture.clip_of(arguments, size), size, folder)
    speech = media_fixture.speech(arguments.audio, JOB_SECONDS, folder)
    generate_video(RenderJob(speech, video, folder / "warm.mp4"), engine, context)
    frames = JOB_SECONDS * float(media_fixture.FPS)
    rows: list[Row] = []
    for count in arguments.jobs:
        before = _metrics(server.metrics_url)
        with costing(lambda: tree(os.getpid())) as cost, ThreadPoolExecutor(count) as pool:
            names = [folder / f"{number}.mp4" for number in range(count)]
            list(pool.map(lambda name: generate_video(RenderJob(speech, video, name), engine, context), names))
        after = _metrics(server.metrics_url)
        grown = {name: after[name] - before.get(name, 0) for name in after}
        rows.append(
            {
                "jobs": count,
                "frames/s": count * frames / cost.wall,
                "cpu ms/frame": 1000 * cost.cpu / (count * frames),
                "frames an execution": _ratio(grown, "inference_count", "inference_exec_count"),
                "requests an execution": _ratio(grown, "inference_request_success", "inference_exec_count"),
                "ms in the queue": _ratio(grown, "inference_queue_duration_us", "inference_request_success") / 1000,
                "of one job": 1.0 if not rows else count * frames / cost.wall / rows[0]["frames/s"],
            }
        )
    models.close()
    return rows


def _ratio(grown: Mapping[str, float], above: str, below: str) -> float:
    return grown[above] / max(grown[below], 1)


def _metrics(url: str) -> dict[str, float]:
    """Triton's counters of the renderer."""
    with urllib.request.urlopen(url) as answer:
        text = answer.read().decode()
    found = re.findall(r'^nv_(inference_\w+)\{model="mouth_renderer"[^}]*\} ([\d.e+]+)', text, re.M)
    return {name: float(value) for name, value in found}


def _inputs(path: Path, batch: int) -> Arrays:
    """Plausible inputs: noise for pictures, small numbers for the rest."""
    random = np.random.default_rng(0)
    inputs: Arrays = {}
    for port in openvino.Core().read_model(path).inputs:
        name, dims = port.get_any_name(), port.get_partial_shape()
        shape = [batch, *FREE_AXES.get(name, ())]
        if name in POINTS:
            shape = [batch, POINTS[name], 2]
        elif name not in FREE_AXES:
            shape = [batch, *(dim.get_length() for dim in list(dims)[1:])]
        if port.get_element_type() == openvino.Type.u8:
            inputs[name] = random.integers(0, 256, shape, np.uint8)
        else:
            inputs[name] = random.random(shape, np.float32) * (200 if name.endswith(("points", "reach")) else 1)
    return inputs


if __name__ == "__main__":
    main()
