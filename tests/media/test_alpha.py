"""An alpha channel is read, in every order, and what it hides is not looked at."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.alpha import over_colour
from digital_human.core.frame import Frame, crop, yuv_to_rgb
from digital_human.media import (
    EncoderSettings,
    VideoInfo,
    VideoReader,
    compose,
    encode_audio,
    probe_video,
    write_segment,
    write_video,
)
from digital_human.media.encode_alpha import codec_for
from digital_human.media.video_info import ColourTags
from digital_human.pipeline.output import resized
from digital_human.pipeline.overlay import apply_overlays, place
from tests.media.alpha import Kind, write_alpha
from tests.media.factory import greys, write_clip

KINDS = pytest.mark.parametrize("kind", ["prores", "vp9", "qtrle"])
HIDDEN, SEEN = (20, 200, 40), (180, 120, 100)


def discs(count: int) -> list[npt.NDArray[np.uint8]]:
    """A disc with a soft edge that moves, over a hidden green; half transparent in its lower half."""
    rows, columns = np.mgrid[:64, :96]
    pictures = []
    for k in range(count):
        cover = np.clip(24.5 - np.hypot(columns - 30 - 3 * k, rows - 32), 0, 1) * np.where(rows < 32, 255, 128)
        colours = np.where((cover > 0)[..., None], SEEN, HIDDEN)
        pictures.append(np.dstack([colours, np.rint(cover)]).astype(np.uint8))
    return pictures


def rgb(frame: Frame) -> npt.NDArray[np.int64]:
    return yuv_to_rgb(crop(frame, 0, 0, frame.width, frame.height), frame.matrix).astype(np.int64)


@KINDS
def test_alpha_is_read_as_it_is_and_what_it_hides_is_black(tmp_path: Path, kind: Kind) -> None:
    pictures = discs(3)
    reader = VideoReader(write_alpha(tmp_path, pictures, kind))
    assert reader.info.alpha
    for frame, picture in zip(list(reader.frames()), pictures, strict=True):
        assert frame.alpha is not None
        alpha = picture[..., 3]
        # ProRes keeps alpha without loss; VP9 is set to.
        assert np.abs(frame.alpha.astype(int) - alpha).max() <= 1
        assert np.abs(rgb(frame)[14:24, 26:34] - SEEN).max() <= 6
        assert rgb(frame)[:, 92:].max() == 0


@KINDS
def test_it_is_laid_over_a_colour(tmp_path: Path, kind: Kind) -> None:
    (picture,) = discs(1)
    frame = next(VideoReader(write_alpha(tmp_path, [picture], kind)).frames())
    made = over_colour(frame, (250, 250, 200))
    assert made.alpha is None
    share = picture[..., 3:] / 255
    expected = picture[..., :3] * share + np.array((250, 250, 200)) * (1 - share)
    difference = np.abs(rgb(made) - expected)
    # Chroma has half the resolution: the hidden green must not shine through at the edge either, unless it is mixed in
    # already in the file.
    assert difference.mean() < 2 and (kind == "vp9" or difference.max() < 40)
    assert np.abs(rgb(made)[40:50, 26:34] - expected[40:50, 26:34]).max() <= 6


@KINDS
def test_frames_with_alpha_are_the_same_in_every_order(
    tmp_path: Path, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_alpha(tmp_path, discs(12), kind)
    inward = list(VideoReader(path).frames())
    monkeypatch.setattr("digital_human.media.reader._BUFFER_BYTES", 0)
    monkeypatch.setattr("digital_human.media.reader._LEAST_BUFFERED", 2)
    reader = VideoReader(path)
    order = np.array([*range(11, -1, -1), 5, 6, 7])
    for index, frame in zip(order, reader.play(order), strict=True):
        assert np.array_equal(frame.data, inward[index].data)
        assert frame.alpha is not None and inward[index].alpha is not None
        assert np.array_equal(frame.alpha, inward[index].alpha)
    assert np.array_equal(next(islice(reader.frames(7), 1)).data, inward[7].data)


def test_an_odd_picture_with_alpha_is_padded(tmp_path: Path) -> None:
    path = tmp_path / "still.png"
    picture = discs(1)[0][:63, :95]
    cv2.imwrite(str(path), picture[..., [2, 1, 0, 3]])
    reader = VideoReader(path)
    frame = reader.first_frame()
    assert (frame.width, frame.height, reader.info.alpha) == (96, 64, True)
    assert frame.alpha is not None
    assert np.abs(frame.alpha[:63, :95].astype(int) - picture[..., 3]).max() <= 1


def test_what_is_opaque_everywhere_has_no_alpha(tmp_path: Path) -> None:
    opaque = np.dstack([discs(1)[0][..., :3], np.full((64, 96), 255, np.uint8)])
    cv2.imwrite(str(tmp_path / "a.png"), opaque)
    clips = write_alpha(tmp_path, [opaque], "qtrle"), write_clip(tmp_path / "a.mp4", greys(1))
    for path in (tmp_path / "a.png", *clips):
        info, _ = probe_video(path)
        assert not info.alpha
        assert next(VideoReader(path).frames()).alpha is None


@pytest.mark.parametrize("suffix", [".mov", ".webm"])
def test_a_file_that_can_hold_it_keeps_the_alpha_channel(tmp_path: Path, samples: Path, suffix: str) -> None:
    given = list(VideoReader(write_alpha(tmp_path, discs(10), "vp9")).frames())
    info = probe_video(tmp_path / "alpha.webm")[0]
    sound, target = samples / "speech.wav", tmp_path / f"out{suffix}"
    codec, settings = codec_for(suffix, alpha=True), EncoderSettings(crf=4)
    pieces = []
    for start, count in ((0, 4), (4, 6)):
        pieces.append((tmp_path / f"{start}.part", count))
        write_segment(pieces[-1][0], given[start : start + count], info, settings, codec=codec)
    track = encode_audio(sound, 10, info.fps, settings, suffix=suffix)
    compose(target, pieces, track, info.fps, suffix, {"AIGC": '{"Label":"1"}'})
    made = list(VideoReader(target).frames())
    assert len(made) == 10
    for frame, original in zip(made, given, strict=True):
        assert frame.alpha is not None and original.alpha is not None
        difference = np.abs(frame.alpha.astype(int) - original.alpha)
        assert difference.max() <= (1 if suffix == ".mov" else 40) and difference.mean() < 1
        shown = original.alpha > 200
        assert np.abs(frame.planes[0].astype(int) - original.planes[0])[shown].mean() < 3
    with av.open(str(target)) as container:
        assert container.metadata["AIGC"] == '{"Label":"1"}'
        audio = container.streams.audio[0]
        seconds = sum(frame.samples for frame in container.decode(audio)) / audio.codec_context.sample_rate
        assert abs(seconds - 0.4) < 0.1


def test_an_opaque_video_goes_into_webm_too(tmp_path: Path, samples: Path) -> None:
    reader = VideoReader(write_clip(tmp_path / "a.mp4", greys(5)))
    target = tmp_path / "out.webm"
    write_video(target, reader.frames(), reader.info, samples / "speech.wav", 5)
    made = VideoReader(target)
    assert not made.info.alpha
    levels = [float(frame.planes[0].mean()) for frame in made.frames()]
    assert levels == pytest.approx([float(frame.planes[0].mean()) for frame in reader.frames()], abs=3)


def test_a_resized_frame_has_no_dark_edge_and_transparent_bars() -> None:
    frame = Frame(np.full((96, 64), 150, np.uint8), "bt709", np.zeros((64, 64), np.uint8))
    assert frame.alpha is not None
    frame.alpha[20:43, 21:40] = 255
    frame.planes[0][frame.alpha == 0] = 16
    made = resized(frame, 100, 40, "letterbox")
    assert made.alpha is not None and made.alpha[:, :24].max() == 0 and made.alpha[:, -24:].max() == 0
    shown = made.alpha > 20
    assert made.alpha.max() == 255 and np.abs(made.planes[0][shown].astype(int) - 150).max() <= 6


def test_a_mark_shows_where_the_picture_is_transparent() -> None:
    frame = Frame(np.full((96, 64), 16, np.uint8), "bt709", np.zeros((64, 64), np.uint8))
    frame.planes[1][...] = frame.planes[2][...] = 128
    assert frame.alpha is not None
    frame.alpha[:, 32:] = 255
    frame.planes[0][:, 32:] = 180
    mark = np.full((8, 20, 4), 255, np.uint8)
    mark[:4, :, 3] = 128
    info = VideoInfo(64, 64, Fraction(25), ColourTags(), still=False)
    made = apply_overlays(frame, [place(mark, 22, 10, info)])
    assert made.alpha is not None
    assert made.alpha[16, 24] == 255 and made.alpha[12, 24] == pytest.approx(128, abs=1) and made.alpha[16, 40] == 255
    assert made.planes[0][16, 24] == 235 and made.planes[0][12, 24] == pytest.approx(235, abs=2)
    assert made.planes[0][12, 38] == pytest.approx((235 + 180) / 2, abs=2)
    # Nothing else changed.
    outside = np.ones((64, 64), np.bool_)
    outside[10:18, 22:42] = False
    assert np.array_equal(made.alpha[outside], frame.alpha[outside])
    assert np.array_equal(made.planes[0][outside], frame.planes[0][outside])
