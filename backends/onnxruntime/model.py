"""A Triton backend called `onnxruntime`, in Python, for servers that lack the native one.

Triton loads this file for every model whose config.pbtxt says `backend: "onnxruntime"`. The same model repository is
served by the native backend of NVIDIA's images; the fields read here are the ones read there:

    default_model_filename                                      model.onnx unless given
    parameters: intra_op_thread_count                           threads of one execution; 0: all cores
    optimization.execution_accelerators
      .cpu_execution_accelerator { name: "openvino" }           run with OpenVINO; its parameters `precision`, "f32" or
                                                                "bf16", and `samples`, how many of a batch to compute
                                                                at a time with a network compiled for their shape,
                                                                are ours, the native backend ignores them
      .gpu_execution_accelerator { name: "tensorrt" }           with the parameters of the native backend, such as
                                                                `precision_mode` and `trt_engine_cache_path`
      .gpu_execution_accelerator { name: "cuda" }               options of ONNX Runtime's CUDA provider
    parameters: cudnn_conv_algo_search and three others         of the CUDA provider, see `CUDA_PARAMETERS`
    instance_group.kind                                         GPU: CUDA where it works, else the CPU, with a warning

The environment variable `ONNXRUNTIME_THREADS` sets the threads of models that do not set their own, else these take all
cores; `ONNXRUNTIME_PROCESSORS` says how many those are, where a container is granted fewer than can be seen.
`COMPILED_NETWORKS` names a folder in which networks are kept as OpenVINO compiled them.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

sys.path.insert(0, str(Path(__file__).resolve().parent))

from idle import Idle
from runtimes import Accelerator, open_session

# Read from `parameters`, as the native backend does it, which writes choices as numbers there.
CUDA_PARAMETERS: dict[str, tuple[str, ...]] = {
    "cudnn_conv_algo_search": ("EXHAUSTIVE", "HEURISTIC", "DEFAULT"),
    "arena_extend_strategy": ("kNextPowerOfTwo", "kSameAsRequested"),
    "gpu_mem_limit": (),
    "do_copy_in_default_stream": (),
}


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        config = json.loads(args["model_config"])
        self.name = args["model_name"]
        self.batched = config["max_batch_size"] > 0
        self.inputs = [tensor["name"] for tensor in config["input"]]
        self.outputs = [tensor["name"] for tensor in config["output"]]
        accelerators = config.get("optimization", {}).get("execution_accelerators", {})
        parameters = {key: value["string_value"] for key, value in config.get("parameters", {}).items()}
        threads = int(parameters.get("intra_op_thread_count") or os.environ.get("ONNXRUNTIME_THREADS") or 0)
        threads = threads or int(os.environ.get("ONNXRUNTIME_PROCESSORS") or 0)
        compiled = os.environ.get("COMPILED_NETWORKS")
        path = Path(args["model_repository"], args["model_version"])
        self.idle = Idle()
        self.session, report = open_session(
            path / (config.get("default_model_filename") or "model.onnx"),
            gpu=int(args["model_instance_device_id"]) if args["model_instance_kind"] == "GPU" else None,
            threads=threads,
            cpu_accelerators=_accelerators(accelerators.get("cpu_execution_accelerator", [])),
            gpu_accelerators=[
                *_accelerators(accelerators.get("gpu_execution_accelerator", [])),
                Accelerator("cuda", _cuda_options(parameters)),
            ],
            most=config["max_batch_size"],
            dims={tensor["name"]: [int(dim) for dim in tensor["dims"]] for tensor in config["input"]},
            compiled=Path(compiled) if compiled else None,
            idle=self.idle,
        )
        log = pb_utils.Logger.log_warn if report.warning else pb_utils.Logger.log_info
        log(f"{self.name}: {report.text}, threads: {threads or 'all'}")

    def execute(self, requests: list[pb_utils.InferenceRequest]) -> list[pb_utils.InferenceResponse]:
        """One execution for all requests of a batch; Triton has seen to it that their shapes agree."""
        groups = [requests] if self.batched else [[request] for request in requests]
        with self.idle.at_work():
            return [response for group in groups for response in self._run(group)]

    def _run(self, requests: list[pb_utils.InferenceRequest]) -> list[pb_utils.InferenceResponse]:
        try:
            feeds = {}
            for name in self.inputs:
                parts = [pb_utils.get_input_tensor_by_name(request, name).as_numpy() for request in requests]
                feeds[name] = parts[0] if len(parts) == 1 else np.concatenate(parts)
                sizes = [len(part) for part in parts] if self.batched else []
            results = self.session(feeds, self.outputs)
        except Exception as error:
            answer = pb_utils.TritonError(f"{self.name}: {error}")
            return [pb_utils.InferenceResponse(error=answer) for _ in requests]
        ends = pairwise([0, *accumulate(sizes)])
        rows = [slice(start, stop) for start, stop in ends] if self.batched else [slice(None)]
        return [
            pb_utils.InferenceResponse(
                [
                    pb_utils.Tensor(name, np.ascontiguousarray(results[name][own]))
                    for name in request.requested_output_names()
                ]
            )
            for request, own in zip(requests, rows, strict=True)
        ]


def _cuda_options(parameters: dict[str, str]) -> dict[str, str]:
    given = {name: parameters[name] for name in CUDA_PARAMETERS if name in parameters}
    return {
        name: CUDA_PARAMETERS[name][int(value)] if CUDA_PARAMETERS[name] else value for name, value in given.items()
    }


def _accelerators(entries: list[dict[str, Any]]) -> list[Accelerator]:
    return [Accelerator(entry["name"], entry.get("parameters", {})) for entry in entries]
