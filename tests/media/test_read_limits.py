"""What is no template, or too large or too long for one, is refused in words."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from digital_human.core.frame import Frame
from digital_human.errors import BadInputError
from digital_human.media import VideoReader, probe_video, read_speech
from tests.media.factory import click, greys, leaping, moving, write_clip, write_sound


@pytest.mark.parametrize("content", [b"", b"not media at all" * 100, b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n"])
def test_what_is_no_media_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match="video_path: "):
        probe_video(path)


def test_sound_alone_is_no_template(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", click(1, 0.5, 16000), 16000)
    with pytest.raises(BadInputError, match="no video stream"):
        probe_video(path)


def test_wide_pixels_count_as_the_square_ones_that_are_made_of_them(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", greys(3, 64, 48), aspect=Fraction(16))
    assert probe_video(path, max_pixels=768 * 64)[0].width == 768
    with pytest.raises(BadInputError, match="a picture of 768x64 has more than 49151 pixels"):
        probe_video(path, max_pixels=768 * 64 - 1)


def test_a_time_stamp_beyond_the_limit_is_refused_before_a_picture_is_repeated(tmp_path: Path) -> None:
    path = leaping(write_clip(tmp_path / "a.mp4", moving(12), options={"crf": "20", "bf": "2"}), seconds=71_582)
    assert probe_video(path)[0].length_hint < 20, "the header must know nothing of it"
    seen: list[Frame] = []
    with pytest.raises(BadInputError, match="longer than 1200 s"):
        seen.extend(VideoReader(path, max_seconds=1200).frames())
    assert len(seen) < 12


def test_a_gap_within_the_limit_repeats_one_and_the_same_picture(tmp_path: Path) -> None:
    times = [k * 0.04 for k in range(10)] + [20 + k * 0.04 for k in range(10)]
    frames = list(VideoReader(write_clip(tmp_path / "a.mp4", greys(20), times=times), max_seconds=21).frames())
    assert len({id(frame) for frame in frames}) == 20 < len(frames)


@pytest.mark.parametrize(("kind", "codec"), [("video", b"avc1"), ("audio", b"sowt")])
def test_a_codec_that_nobody_knows_is_bad_input(tmp_path: Path, kind: str, codec: bytes) -> None:
    path = tmp_path / "strange.mov"
    if kind == "video":
        write_clip(path, greys(3))
    else:
        write_sound(path, np.zeros((1, 16000), np.float32), 16000)
    known = path.read_bytes()
    assert codec in known
    path.write_bytes(known.replace(codec, b"zzzz"))
    with pytest.raises(BadInputError, match="codec"):
        probe_video(path) if kind == "video" else read_speech(path)
