"""The switch to TensorRT, `tritonserver --model-config-name=tensorrt`, read by a real Triton.

Without a GPU nothing runs on TensorRT here, but Triton reads, checks and serves every configuration.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digital_human.triton import kserve, schema
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded import install
from digital_human.triton.embedded.server import TritonServer
from export.exporters import wav2lip
from tests.wav2lip import tiny_onnx

REPOSITORY = Path(__file__).resolve().parents[2] / "model_repository"
SWITCHED = {"face_detector", "face_mesh", "wav2lip"}
# Those that the native backend of the image reads; any other keeps the network from loading.
TENSORRT = {"precision_mode", "trt_engine_cache_enable", "trt_engine_cache_path", "trt_engine_cache_prefix"}


@pytest.fixture(scope="module")
def switched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    folder = tmp_path_factory.mktemp("triton")
    repository = folder / "models"
    shutil.copytree(REPOSITORY, repository)
    (repository / "wav2lip" / "1").mkdir(exist_ok=True)
    wav2lip.export(repository / "wav2lip" / "1", onnx_file=tiny_onnx(folder / "tiny.onnx", 1.0))
    plain = install.Runtime.command
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(install.Runtime, "command", lambda *a: [*plain(*a), "--model-config-name=tensorrt"])
        with TritonServer(repository) as server:
            server.ready(180)
            yield server


def config(server: TritonServer, model: str) -> dict[str, Any]:
    status, found = kserve.call(server.url, f"v2/models/{model}/config")
    assert status == 200
    return dict(found)


def test_a_real_triton_takes_the_switch_and_leaves_the_others_as_they_are(switched: TritonServer) -> None:
    for model in sorted(path.parent.name for path in REPOSITORY.glob("*/config.pbtxt")):
        found = config(switched, model)
        accelerators = found["optimization"]["execution_accelerators"]
        assert found["parameters"]["cudnn_conv_algo_search"] == {"string_value": "1"}
        if model in SWITCHED:
            (tensorrt,) = accelerators["gpu_execution_accelerator"]
            assert tensorrt["name"] == "tensorrt" and set(tensorrt["parameters"]) == TENSORRT
            assert tensorrt["parameters"]["trt_engine_cache_prefix"] == model
            # Engines are built for the batches that were seen, so the warm-up shows the smallest and the largest.
            warmed = {sample["batch_size"] for sample in found["model_warmup"]}
            assert {1, found["max_batch_size"]} <= warmed
        else:
            assert not accelerators["gpu_execution_accelerator"]


def test_the_switched_networks_keep_their_tensors_and_answer(switched: TritonServer) -> None:
    schema.check(switched.url, sorted(path.parent.name for path in REPOSITORY.glob("*/config.pbtxt")))
    models = TritonModels(switched.url)
    assert models.infer("face_mesh", {"face": np.zeros((3, 192, 192, 3), np.uint8)})["landmarks"].shape == (3, 468, 3)


@pytest.mark.parametrize("model", sorted(SWITCHED))
def test_switched_and_plain_differ_in_what_runs_them_alone(model: str) -> None:
    how = re.compile(r"optimization \{.*?\n\}\n|model_warmup \[.*?\n\]\n", re.S)
    plain, other = (
        how.sub("", (REPOSITORY / model / name).read_text()) for name in ("config.pbtxt", "configs/tensorrt.pbtxt")
    )
    assert plain == other
