"""The card's codecs where there is no card, and the way they go where there is one, walked by another encoder."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from digital_human.core.frame import Frame
from digital_human.errors import OutputError
from digital_human.media import EncoderSettings, VideoInfo, VideoReader, hardware, write_segment
from digital_human.media.mux import share_encoder
from digital_human.media.normalise import Normaliser
from digital_human.media.video_info import ColourTags

SETTINGS = EncoderSettings(hardware=True)
WITHOUT_CARD = pytest.mark.skipif(hardware.has_nvidia_device(), reason="this machine has a card")


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(hardware, "_refused", [])
    hardware.decoder.cache_clear()
    hardware._nvenc_works.cache_clear()
    yield
    hardware.decoder.cache_clear()
    hardware._nvenc_works.cache_clear()


@pytest.fixture
def other_encoder(monkeypatch: pytest.MonkeyPatch) -> str:
    """Stands for NVENC: it is found and chosen as that would be."""
    monkeypatch.setattr(hardware, "NVENC", "mpeg4")
    return "mpeg4"


def segment(path: Path, settings: EncoderSettings = SETTINGS, side: int = 192) -> Path:
    frame = Frame(np.full((side * 3 // 2, side), 90, np.uint8), "bt709")
    write_segment(path, [frame] * 5, VideoInfo(side, side, Fraction(25), ColourTags(), still=False), settings)
    return path


def codec(path: Path) -> str:
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 5
        return container.streams.video[0].codec_context.name


@WITHOUT_CARD
@pytest.mark.parametrize(("seen", "level"), [(True, logging.WARNING), (False, logging.DEBUG)])
def test_without_a_driver_the_processor_does_it_and_the_log_says_why(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, seen: bool, level: int
) -> None:
    monkeypatch.setattr(hardware, "has_nvidia_device", lambda: seen)
    caplog.set_level(logging.DEBUG, hardware.__name__)
    for _ in range(2):
        assert hardware.encoder() == hardware.X264
        assert hardware.decoder() is None
    assert [(record.levelno, record.message.split(" (")[0]) for record in caplog.records] == [
        (level, "NVENC cannot be used"),
        (level, "NVDEC cannot be used"),
    ]
    assert codec(segment(tmp_path / "a.mp4")) == "h264"


def test_pictures_as_the_card_hands_them_over_are_the_same_pictures(samples: Path) -> None:
    info = VideoReader(samples / "template.mkv").info
    with av.open(str(samples / "template.mkv")) as container:
        picture = next(container.decode(video=0))
    from_card = picture.reformat(format="nv12")
    from_card.pts, from_card.time_base = picture.pts, picture.time_base
    assert np.array_equal(Normaliser(info)(from_card).data, Normaliser(info)(picture).data)


def test_an_encoder_that_works_is_used_where_it_is_asked_for(tmp_path: Path, other_encoder: str) -> None:
    assert codec(segment(tmp_path / "asked.mp4")) == other_encoder
    assert codec(segment(tmp_path / "not.mp4", EncoderSettings())) == "h264"
    assert codec(segment(tmp_path / "small.mp4", side=96)) == "h264"
    assert share_encoder([tmp_path / "not.mp4", tmp_path / "not.mp4"])
    assert not share_encoder([tmp_path / "asked.mp4", tmp_path / "not.mp4"])


def test_an_encoder_that_fails_in_mid_work_is_not_used_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, other_encoder: str
) -> None:
    # It finds out with the first frame that it does not take its options.
    assert hardware.encoder() == other_encoder
    monkeypatch.setattr(hardware, "NVENC", "libx264rgb")
    with pytest.raises(OutputError, match="the card's encoder failed") as raised:
        segment(tmp_path / "a.mp4")
    assert raised.value.transient
    assert list(tmp_path.iterdir()) == []
    assert codec(segment(tmp_path / "a.mp4")) == "h264"
