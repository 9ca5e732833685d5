"""Folders with the sample media, for tests that run a service."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from digital_human.media import read_speech
from tests.frontend.media.factory import write_sound


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
