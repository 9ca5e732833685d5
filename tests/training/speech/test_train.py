"""Training learns from the windows that it is given, and leaves the encoder as it came."""

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch

pytest.importorskip("espeakng_loader")
pytest.importorskip("soxr")

from export.networks.speech_to_lips import LIPS, Head, SpeechToLips
from training.speech import windows
from training.speech.clips import Clip
from training.speech.corpus import RealClips, Spoken, scales
from training.speech.phones import label
from training.speech.synthesis import espeak
from training.speech.train import Material, Stage, train
from training.speech.windows import (
    Backgrounds,
    Window,
    filmed_windows,
    restore,
    speechless_windows,
    spoken_windows,
    store,
)


@pytest.fixture(scope="module")
def network() -> SpeechToLips:
    torch.manual_seed(0)
    return SpeechToLips().eval()


@pytest.fixture(scope="module")
def short() -> Iterator[None]:
    """Windows of 3 s alone."""
    with mock.patch.object(windows, "LENGTHS", (300,)):
        yield


@pytest.fixture(scope="module")
def material(network: SpeechToLips, short: None) -> Material:
    said = espeak().say("People, prefer apples.", "en-us")
    assert said is not None
    backgrounds = Backgrounds([], 0)
    chance = np.random.default_rng(0)
    lips = chance.normal(0, 1, (75, len(LIPS))).astype(np.float32)
    clip = Clip("s1_a", "s1", chance.normal(0, 0.1, 48_000).astype(np.float32), np.arange(75) / 25 + 0.02, lips)
    return Material(
        list(
            spoken_windows(network, {"espeak": [Spoken(said.audio, label(said.phones, said.audio))]}, backgrounds, 6, 0)
        ),
        list(speechless_windows(network, backgrounds, 6, 0)),
        list(filmed_windows(network, RealClips([clip], scales([clip]), {}), backgrounds, 6, 0)),
    )


def test_windows_say_what_is_known_of_them_and_survive_the_disk(material: Material, tmp_path: Path) -> None:
    spoken, speechless, filmed = material.spoken[0], material.speechless[0], material.filmed[0]
    for window in (spoken, speechless, filmed):
        assert window.mels.shape[1] == 2 * len(window.vectors)
        assert np.isfinite(window.vectors.astype(np.float32)).all()
    assert len(spoken.phonemes) == spoken.mels.shape[1] and not len(spoken.lips)
    assert (speechless.phonemes == 0).all() and (speechless.rest == 1).all()
    assert filmed.lips.shape == (len(filmed.instant), len(LIPS)) and not len(filmed.phonemes)
    store(iter([spoken, filmed]), tmp_path / "windows.npz")
    again = restore(tmp_path / "windows.npz")
    for before, after in zip((spoken, filmed), again, strict=True):
        for name, value in vars(before).items():
            assert np.array_equal(value, getattr(after, name), equal_nan=value.dtype.kind == "f")


@pytest.mark.parametrize("filmed", [True, False])
def test_a_stage_lowers_its_loss_and_repeats_itself(
    material: Material, filmed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "training.speech")
    stage = Stage(steps=12, rate=3e-3, spoken=2, speechless=1, filmed=2 if filmed else 0)
    torch.manual_seed(0)
    first = train(Head(), stage, material, 0)
    reports: list[Any] = [record.args for record in caplog.records]
    learned = "lips" if filmed else "phones"
    assert reports[-1][1][learned] < reports[0][1][learned]
    assert ("lips" in reports[0][1]) == filmed and ("phones" in reports[0][1]) != filmed
    torch.manual_seed(0)
    second = train(Head(), stage, material, 0)
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_lips_learn_without_changing_what_the_head_hears(material: Material) -> None:
    torch.manual_seed(0)
    before = Head()
    after = train(copy.deepcopy(before), Stage(steps=2, spoken=2, filmed=2), material, 0)
    changed = {
        name.split(".")[0]
        for name, value in before.state_dict().items()
        if not torch.equal(value, after.state_dict()[name])
    }
    assert changed == {"mouths"}


def test_backgrounds_are_as_long_as_asked_and_mix_music_with_noise() -> None:
    music = np.full(1000, 0.5, np.float32)
    backgrounds = Backgrounds([music], 1)
    drawn = [backgrounds.draw(4000) for _ in range(12)]
    assert {len(sound) for sound in drawn} == {4000}
    assert 0 < sum(bool((sound == 0.5).all()) for sound in drawn) < 12


def test_a_window_of_lips_forgets_the_frames_near_its_ends(material: Material) -> None:
    from training.speech.train import _filmed

    window: Window = random.Random(0).choice(material.filmed)
    batch = _filmed([(window, 0)], 200)
    used = batch.instant[0][batch.weight[0] > 0]
    assert len(used) and used.min() > 10 and used.max() < 190
