"""A Wav2Lip of random weights, as a network and as a checkpoint."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.networks.wav2lip import Wav2Lip
from tests.wav2lip import random_network, save_checkpoint


@pytest.fixture(scope="module")
def network() -> Wav2Lip:
    return random_network()


@pytest.fixture(scope="module")
def checkpoint(network: Wav2Lip, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(network, tmp_path_factory.mktemp("weights") / "wav2lip_gan.pth")
