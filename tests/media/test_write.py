"""What is written is whole, in time and in the template's colours, or not there at all."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from digital_human.core.frame import Frame
from digital_human.errors import OutputError
from digital_human.media import (
    EncoderSettings,
    VideoInfo,
    VideoReader,
    compose,
    encode_audio,
    read_speech,
    write_segment,
    write_video,
)
from digital_human.media.video_info import ColourTags
from tests.media.factory import click, write_sound


def frames(count: int, width: int = 96, height: int = 64) -> list[Frame]:
    rng = np.random.default_rng(1)
    base = rng.integers(40, 200, (height * 3 // 2, width), np.uint8)
    return [Frame(np.roll(base, k, axis=1), "bt709") for k in range(count)]


def info(fps: Fraction = Fraction(25), tags: ColourTags | None = None) -> VideoInfo:
    return VideoInfo(96, 64, fps, tags or ColourTags(), still=False)


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), Fraction(1350, 61)])
@pytest.mark.parametrize("sound_seconds", [0.3, 2.0, 5.0])
def test_picture_and_sound_are_equally_long(tmp_path: Path, fps: Fraction, sound_seconds: float) -> None:
    sound = write_sound(tmp_path / "s.wav", click(sound_seconds, 0.1, 44100, 2), 44100)
    target = tmp_path / "deep" / "folder" / "out.mp4"
    count = round(2 * fps)
    write_video(target, frames(count), info(fps), sound, count)
    with av.open(str(target)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.pix_fmt, audio.codec_context.name) == ("h264", "yuv420p", "aac")
        assert video.average_rate == fps
        assert sum(1 for _ in container.decode(video=0)) == count
        assert audio.duration is not None and audio.time_base is not None
        assert abs(float(audio.duration * audio.time_base) - float(count / fps)) < 0.03
    assert [path.name for path in target.parent.iterdir()] == ["out.mp4"]


def test_sound_is_not_shifted(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "s.wav", click(2, 0.75, 44100, 1), 44100)
    write_video(tmp_path / "out.mp4", frames(50), info(), sound, 50)
    speech = read_speech(tmp_path / "out.mp4")
    assert abs(np.argmax(np.abs(speech) > 0.2) / 16000 - 0.75) < 0.006


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_segments_join_without_a_seam(tmp_path: Path, suffix: str) -> None:
    fps, given, settings = Fraction(30000, 1001), frames(40), EncoderSettings(preset="veryfast", crf=0)
    sound = write_sound(tmp_path / "s.wav", click(float(40 / fps), 0.75, 44100), 44100)
    pieces = [(tmp_path / f"{start}.seg", len(given[start : start + 15])) for start in (0, 15, 30)]
    for (path, count), start in zip(pieces, (0, 15, 30), strict=True):
        write_segment(path, given[start : start + count], info(fps), settings)
    target = tmp_path / f"out{suffix}"
    compose(target, pieces, encode_audio(sound, 40, fps, settings), fps, suffix, {"AIGC": '{"Label":"1"}'})
    with av.open(str(target)) as container:
        assert container.metadata["AIGC"] == '{"Label":"1"}'
        times = [frame.time for frame in container.decode(video=0)]
    assert np.allclose(times, [k / float(fps) for k in range(40)], atol=1e-3)
    for a, b in zip(VideoReader(target).frames(), given, strict=True):
        assert np.array_equal(a.data, b.data)
    assert abs(np.argmax(np.abs(read_speech(target)) > 0.2) / 16000 - 0.75) < 0.006


def test_no_frame_is_cut_into_slices(tmp_path: Path) -> None:
    size = VideoInfo(256, 256, Fraction(25), ColourTags(), still=False)
    write_segment(tmp_path / "out.mp4", frames(10, 256, 256), size, EncoderSettings())
    with av.open(str(tmp_path / "out.mp4")) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert [sum(kind in (1, 5) for kind in units(packet)) for packet in packets] == [1] * 10


def units(packet: bytes) -> Iterator[int]:
    """Kinds of the NAL units of an MP4's packet; 1 and 5 are slices."""
    start = 0
    while start < len(packet):
        yield packet[start + 4] & 31
        start += 4 + int.from_bytes(packet[start : start + 4], "big")


def test_index_comes_first(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "s.wav", click(1, 0.2, 16000), 16000)
    write_video(tmp_path / "out.mp4", frames(25), info(), sound, 25)
    data = (tmp_path / "out.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_pixels_and_colour_tags_come_back(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "s.wav", click(1, 0.2, 16000), 16000)
    given = frames(10)
    tags = ColourTags(1, 1, 1)
    write_video(tmp_path / "out.mp4", given, info(tags=tags), sound, 10, EncoderSettings(preset="ultrafast", crf=0))
    reader = VideoReader(tmp_path / "out.mp4")
    assert reader.info.tags == tags
    for before, after in zip(given, reader.frames(), strict=True):
        assert np.array_equal(before.data, after.data)


def test_nothing_is_left_when_drawing_fails(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "s.wav", click(1, 0.2, 16000), 16000)

    def broken() -> Iterator[Frame]:
        yield from frames(5)
        raise RuntimeError("drawing failed")

    out = tmp_path / "out"
    with pytest.raises(RuntimeError, match="drawing failed"):
        write_video(out / "out.mp4", broken(), info(), sound, 25)
    assert list(out.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "s.wav", click(1, 0.2, 16000), 16000)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="save_path: cannot be written"):
        write_video(tmp_path / "file" / "out.mp4", frames(5), info(), sound, 5)


def test_an_existing_output_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "s.wav", click(1, 0.2, 16000), 16000)
    target = tmp_path / "out.mp4"
    target.write_bytes(b"older result")

    def broken() -> Iterator[Frame]:
        yield from frames(5)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_video(target, broken(), info(), sound, 25)
    assert target.read_bytes() == b"older result"
