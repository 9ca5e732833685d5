"""Tensors in shared memory: the answers of the socket, nothing left behind, and done without where it fails."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tritonclient.http import InferenceServerClient
from tritonclient.utils import InferenceServerException

from digital_human.errors import ServiceError
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded.server import TritonServer
from digital_human.triton.shared_memory import Region

ROOT = Path(__file__).resolve().parents[2]


def faces(count: int, seed: int = 1) -> npt.NDArray[Any]:
    return np.random.default_rng(seed).integers(0, 256, (count, 192, 192, 3), np.uint8)


def registered(triton: TritonServer) -> list[str]:
    return [region["name"] for region in InferenceServerClient(triton.url).get_system_shared_memory_status()]


def files() -> list[Path]:
    return list(Path("/dev/shm").glob("digital-human-client-*"))


def test_answers_are_those_of_the_socket(triton: TritonServer) -> None:
    shared, plain = TritonModels(triton.url), TritonModels(triton.url, shared_memory=False)
    for seed in range(3):
        for count in (2, 5):
            images = faces(count, seed)
            expected = plain.infer("face_mesh", {"face": images})
            answer = shared.infer("face_mesh", {"face": images})
            assert answer.keys() == expected.keys()
            for name, array in expected.items():
                assert answer[name].dtype == array.dtype
                np.testing.assert_array_equal(answer[name], array)
    assert registered(triton)
    shared.close()


def test_an_answer_outlives_the_next_request(triton: TritonServer) -> None:
    models = TritonModels(triton.url)
    models.infer("face_mesh", {"face": faces(2)})
    first = models.infer("face_mesh", {"face": faces(2)})["landmarks"]
    kept = first.copy()
    models.infer("face_mesh", {"face": faces(2, seed=2)})
    np.testing.assert_array_equal(first, kept)
    models.close()


def test_requests_side_by_side_do_not_share_a_region(triton: TritonServer) -> None:
    models = TritonModels(triton.url)
    expected = {seed: models.infer("face_mesh", {"face": faces(4, seed)})["landmarks"] for seed in range(4)}

    def ask(seed: int) -> None:
        for _ in range(5):
            answer = models.infer("face_mesh", {"face": faces(4, seed)})["landmarks"]
            assert np.abs(answer.astype(float) - expected[seed].astype(float)).max() <= 0.01

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(4)))
    models.close()


def test_nothing_is_left_behind(triton: TritonServer) -> None:
    before = set(registered(triton))
    models = TritonModels(triton.url)
    for count in (2, 2, 20, 20):
        models.infer("face_mesh", {"face": faces(count)})
    assert len(set(registered(triton)) - before) == 1
    assert files() == []
    models.close()
    assert set(registered(triton)) == before


def test_what_a_killed_process_left_is_given_up_by_the_next(triton: TritonServer) -> None:
    script = """
import os, signal, sys
import numpy as np
from digital_human.triton.client import TritonModels
models = TritonModels(sys.argv[1])
for _ in range(2):
    models.infer("face_mesh", {"face": np.zeros((2, 192, 192, 3), np.uint8)})
os.kill(os.getpid(), signal.SIGKILL)
"""
    before = set(registered(triton))
    subprocess.run([sys.executable, "-c", script, triton.url], cwd=ROOT)
    left = set(registered(triton)) - before
    assert len(left) == 1
    assert files() == []
    models = TritonModels(triton.url)
    for _ in range(2):
        models.infer("face_mesh", {"face": faces(2)})
    assert not left & set(registered(triton))
    models.close()


def test_a_server_that_forgot_the_region_is_no_matter(triton: TritonServer) -> None:
    models = TritonModels(triton.url)
    models.infer("face_mesh", {"face": faces(3)})
    expected = models.infer("face_mesh", {"face": faces(3)})["landmarks"]
    InferenceServerClient(triton.url).unregister_system_shared_memory()
    for _ in range(2):
        np.testing.assert_array_equal(models.infer("face_mesh", {"face": faces(3)})["landmarks"], expected)
    assert registered(triton)
    models.close()


@pytest.mark.parametrize("error", [InferenceServerException("shared memory is off"), OSError("no space left")])
def test_without_shared_memory_the_socket_serves(
    triton: TritonServer, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    asked = []

    def refuse(size: int, client: object) -> Region:
        asked.append(size)
        raise error

    monkeypatch.setattr(Region, "register", refuse)
    models = TritonModels(triton.url)
    for _ in range(3):
        assert models.infer("face_mesh", {"face": faces(3)})["landmarks"].shape == (3, 468, 3)
    assert len(asked) == 1


def test_errors_of_a_network_are_told_all_the_same(triton: TritonServer) -> None:
    models = TritonModels(triton.url)
    for _ in range(2):
        with pytest.raises(ServiceError, match="face"):
            models.infer("face_mesh", {"face": np.zeros((2, 64, 64, 3), np.uint8)})
    models.close()
