"""Engines are listed; weights can be brought and replaced while the service works. Real service, real Triton."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
from fastapi.testclient import TestClient

from digital_human.api import create_app
from digital_human.media import VideoReader, read_speech
from digital_human.service import running
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer
from digital_human.triton.repository import served
from export import __main__ as exporter
from tests.media.factory import write_sound
from tests.wav2lip import random_network, save_checkpoint, tiny_onnx

if TYPE_CHECKING:
    import httpx2  # what Starlette's client answers with; it wants Python 3.11

REPOSITORY = Path(__file__).parents[2] / "model_repository"
KEY = {"Authorization": "Bearer secret"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    folder = tmp_path_factory.mktemp("data")
    shutil.copy(samples / "template.mkv", folder)
    speech = read_speech(samples / "speech.wav")
    for name, seconds in (("word.wav", 0.5), ("speech.wav", 6)):
        write_sound(folder / name, np.tile(speech, 3)[None, : int(seconds * 16000)], 16000)
    return folder


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model repository as it ships, but for the folder of Wav2Lip."""
    return Path(shutil.copytree(REPOSITORY, tmp_path_factory.mktemp("models") / "all", ignore=lambda *_: {"wav2lip"}))


@pytest.fixture(scope="module")
def client(base: Path, repository: Path) -> Iterator[TestClient]:
    settings = Settings(
        base_path=base, model_repository=repository, operator_keys="secret", encoder_preset="ultrafast", batch_size=4
    )
    with TestClient(
        create_app(settings, partial(running, settings)), "http://127.0.0.1", raise_server_exceptions=False
    ) as client:
        yield client


def install(repository: Path, *arguments: str) -> None:
    exporter.main(["wav2lip", *arguments, "--repository", str(repository)])


def load(client: TestClient, name: str = "wav2lip", headers: dict[str, str] = KEY) -> httpx2.Response:
    response: httpx2.Response = client.post(f"/engines/{name}/load", headers=headers)
    return response


def generate(client: TestClient, audio: str = "word.wav", engine: str = "wav2lip") -> httpx2.Response:
    body = {"audio_path": audio, "video_path": "template.mkv", "save_path": "out.mp4", "engine": engine}
    response: httpx2.Response = client.post("/human/generate", json=body)
    return response


def engines(client: TestClient) -> dict[str, dict[str, object]]:
    return {engine["name"]: engine for engine in client.get("/engines").json()["engines"]}


def mouths(video: Path) -> npt.NDArray[Any]:
    """Luma around the mouth in every frame, [frames, rows, columns]."""
    luma = np.stack([frame.planes[0] for frame in VideoReader(video).frames()]).astype(float)
    height, width = luma.shape[1:]
    return luma[:, int(0.68 * height) : int(0.78 * height), int(0.42 * width) : int(0.5 * width)]


def unlike(mouths: npt.NDArray[Any], others: npt.NDArray[Any]) -> npt.NDArray[Any]:
    result: npt.NDArray[Any] = np.abs(mouths - others).mean((1, 2))
    return result


def test_an_engine_without_weights_says_how_to_get_them(client: TestClient) -> None:
    listed = engines(client)
    assert listed["default"]["default"] and listed["default"]["resolution"] is None
    wav2lip = listed["wav2lip"]
    assert (wav2lip["weights"], wav2lip["resolution"], wav2lip["networks"]) == ("missing", 96, ["wav2lip"])
    assert "research" in str(wav2lip["licence"])
    for answer in (generate(client), load(client)):
        assert answer.status_code == 400
        assert "`python -m export wav2lip --checkpoint wav2lip_gan.pth`" in answer.json()["message"]


def test_loading_is_for_the_operator(client: TestClient, base: Path) -> None:
    assert load(client, headers={}).status_code == 403
    assert load(client, headers={"Authorization": "Bearer guess"}).status_code == 401
    assert load(client, "nobody").status_code == 404


def test_an_engine_added_while_the_service_runs_serves_a_job(
    client: TestClient, base: Path, repository: Path, tmp_path: Path
) -> None:
    install(repository, "--checkpoint", str(save_checkpoint(random_network(), tmp_path / "wav2lip.pth")))
    assert engines(client)["wav2lip"]["weights"] == "installed"
    answer = generate(client)
    assert answer.status_code == 400 and "POST /engines/wav2lip/load" in answer.json()["message"]
    answer = load(client)
    assert answer.status_code == 200 and answer.json()["weights"] == "loaded"
    for engine in ("wav2lip", "wav2lip-sharp"):
        assert generate(client, engine=engine).status_code == 200
        # Random weights draw a grey area where lips were.
        assert unlike(mouths(base / "out.mp4"), mouths(base / "template.mkv")[:12]).min() > 5


def test_weights_are_replaced_under_a_job(client: TestClient, base: Path, repository: Path, tmp_path: Path) -> None:
    install(repository, "--onnx", str(tiny_onnx(tmp_path / "same.onnx", 1)))
    assert load(client).status_code == 200
    assert generate(client).status_code == 200
    template = mouths(base / "template.mkv")[:12]
    assert unlike(mouths(base / "out.mp4"), template).max() < 5

    install(repository, "--onnx", str(tiny_onnx(tmp_path / "dark.onnx", 0.4)))
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(generate, client, "speech.wav")
        assert load(client).status_code == 200
        assert job.result().status_code == 200
    assert len(mouths(base / "out.mp4")) == 150
    assert generate(client).status_code == 200
    assert all(mouths(base / "out.mp4").mean((1, 2)) < 0.7 * template.mean((1, 2)))


def test_weights_that_do_not_load_leave_the_old_ones_at_work(client: TestClient, base: Path, repository: Path) -> None:
    (repository / "wav2lip" / "1" / "model.onnx").write_bytes(b"not a network")
    answer = load(client)
    assert answer.status_code == 400 and "Triton cannot load wav2lip" in answer.json()["message"]
    assert engines(client)["wav2lip"]["weights"] == "loaded"
    assert generate(client).status_code == 200


def test_a_server_starts_without_the_engine_whose_weights_are_broken(repository: Path) -> None:
    with TritonServer(repository, needed=["face_mesh"]) as server:
        server.ready()
        assert served(server.url) >= {"face_detector", "face_mesh"}
        assert "wav2lip" not in served(server.url)
