"""The scores of a network that somebody brings, by a small one that follows light and loudness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

import torch

from benchmarks.syncnet import FRAMES, RATE, SIZE, judge, load, mfcc, score
from digital_human.core.types import SPEECH_RATE

# TorchScript is what the weights of others come in, deprecated or not.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class StandIn(torch.nn.Module):
    """Five values each: the light of the frames, and the log energy while they are shown."""

    def forward(self, video: torch.Tensor, audio: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        light = video.mean(dim=(1, 3, 4))
        level = audio[:, 0, 0].reshape(-1, 5, 4).mean(dim=2) * 10
        return light - light.mean(dim=1, keepdim=True), level - level.mean(dim=1, keepdim=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("syncnet")
    example = torch.zeros(2, 3, FRAMES, SIZE, SIZE), torch.zeros(2, 1, 13, 20)
    torch.jit.save(torch.jit.trace(StandIn(), example), folder / "net.pt")
    torch.onnx.export(
        StandIn(),
        example,
        folder / "net.onnx",
        input_names=["video", "audio"],
        output_names=["seen", "said"],
        dynamic_axes={name: {0: "n"} for name in ("video", "audio", "seen", "said")},
        dynamo=False,
    )
    torch.jit.save(torch.jit.trace(torch.nn.Flatten(), example[0]), folder / "other.pt")
    return {path.suffix if path.stem == "net" else path.stem: path for path in folder.iterdir()}


def talk(late: int = 0) -> tuple[list[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]:
    """Two seconds of pictures whose light is the loudness of the sound, `late` frames before."""
    chance = np.random.default_rng(0)
    loudness = chance.uniform(0, 1, 60)
    pictures = [np.full((SIZE, SIZE, 3), 60 + 120 * level, np.uint8) for level in loudness[10:60]]
    heard = np.repeat(np.exp(6 * loudness[10 - late : 60 - late] - 7), SPEECH_RATE // RATE)
    return pictures, (heard * chance.choice([-1.0, 1.0], len(heard))).astype(np.float32)


@pytest.mark.parametrize("kind", [".pt", ".onnx"])
def test_sound_and_lips_are_found_where_they_are(files: dict[str, Path], kind: str) -> None:
    network = load(files[kind])
    near, sure, offset = score(network, *talk())
    assert offset == 0 and sure > 0
    assert score(network, *talk(late=3))[2] == 3
    pictures, _ = talk()
    noise = np.random.default_rng(1).normal(0, 0.1, 2 * SPEECH_RATE).astype(np.float32)
    far, unsure, _ = score(network, pictures, noise)
    assert near < far and unsure < sure


def test_another_network_is_refused(files: dict[str, Path]) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        load(files["other"])


def test_confidence_is_the_median_distance_less_the_least() -> None:
    seen = np.eye(40, dtype=np.float32)
    distance, confidence, offset = judge(seen, seen)
    assert (round(distance, 3), offset) == (0.0, 0)
    assert confidence == pytest.approx(np.sqrt(2), abs=0.3)


def test_a_tone_is_loud_in_its_band() -> None:
    times = np.arange(SPEECH_RATE) / SPEECH_RATE
    found = mfcc((0.5 * np.sin(2 * np.pi * 500 * times)).astype(np.float32))
    assert found.shape == (13, 99) and np.ptp(found[:, 5:-5], axis=1).max() < 0.5
    assert found[0].mean() > mfcc((0.05 * np.sin(2 * np.pi * 500 * times)).astype(np.float32))[0].mean() + 4
