"""A stage of training draws from those it is told to, as often as it is told to."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("espeakng_loader")
pytest.importorskip("soxr")

from export.networks.listeners import Listener
from training.speech.corpus import Spoken
from training.speech.phones import label
from training.speech.synthesis import espeak
from training.speech.train_listeners import Stage, train

Corpora = dict[str, list[Spoken]]


@pytest.fixture(scope="module")
def spoken() -> Corpora:
    said = espeak().say("People, prefer apples.", "en-us")
    assert said is not None
    return {"voice": [Spoken(said.audio, label(said.phones, said.audio))]}


def step(synthetic: float | None, made: Corpora, read: Corpora) -> Listener:
    torch.manual_seed(0)
    return train(Listener(), Stage(steps=1, rate=1e-3, seconds=16.0, synthetic=synthetic), made, read, None, -1.0, 0)


def test_people_alone_or_synthetic_speech_alone(spoken: Corpora) -> None:
    step(0.0, {}, spoken)
    step(1.0, spoken, {})
    cases: list[tuple[float, Corpora, Corpora]] = [(0.0, spoken, {}), (1.0, {}, spoken)]
    for synthetic, made, read in cases:
        with pytest.raises(IndexError):
            step(synthetic, made, read)


def test_every_source_as_often_where_no_share_is_given(spoken: Corpora) -> None:
    first, second = step(None, spoken, {}), step(None, {}, spoken)
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.isfinite(one).all() and torch.equal(one, other)
