"""A template of any kind is read at a constant rate, in any order, and within the memory it may take."""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from digital_human.core.frame import Frame
from digital_human.core.looping import LOOPS, Loop, loop_frames
from digital_human.errors import BadInputError
from digital_human.media import VideoReader
from digital_human.media import reader as read_module
from digital_human.media.container import open_media
from digital_human.media.decode import decode_from
from tests.media.factory import grey, greys, moving, rgb, write_clip


def numbers(frames: list[Frame]) -> list[int]:
    levels = {grey(k): k for k in range(28)}
    shown = [float(rgb(frame)[..., 1].mean()) for frame in frames]
    return [levels[min(levels, key=partial(distance, mean))] for mean in shown]


def distance(first: float, second: float) -> float:
    return abs(first - second)


def hold_at_most(frames: int, reader: VideoReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_module, "_BUFFER_BYTES", reader.info.frame_bytes * frames)
    monkeypatch.setattr(read_module, "_LEAST_BUFFERED", 1)


def test_constant_rate_clip_is_read_frame_by_frame(tmp_path: Path) -> None:
    reader = VideoReader(write_clip(tmp_path / "a.mp4", greys(20)))
    assert (reader.info.width, reader.info.height, reader.info.fps) == (96, 64, Fraction(25))
    assert numbers(list(reader.frames())) == list(range(20))


def test_variable_rate_becomes_constant_at_the_right_times(tmp_path: Path) -> None:
    # 2 fps worth of holes: frames 0..9 at 40 ms steps, then each held for 120 ms.
    times = [k * 0.04 for k in range(10)] + [0.4 + k * 0.12 for k in range(10)]
    reader = VideoReader(write_clip(tmp_path / "a.mkv", greys(20), times=times))
    shown = numbers(list(reader.frames()))
    fps = float(reader.info.fps)
    wanted = [max(i for i, t in enumerate(times) if t <= (k + 0.5) / fps) for k in range(len(shown))]
    assert len(shown) >= fps * 1.4
    assert shown == wanted


def test_reading_may_start_anywhere(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", greys(28), options={"crf": "4", "g": "5", "bf": "2"})
    assert numbers(list(VideoReader(path).frames(start=13))) == list(range(13, 28))


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"crf": "4", "g": "12", "bf": "3"}),
        ("libx264", {"crf": "4", "g": "12", "bf": "0"}),
        ("libx264", {"crf": "4", "g": "28", "bf": "3", "x264-params": "open-gop=1"}),
        ("libx265", {"x265-params": "crf=4:keyint=12:bframes=3:open-gop=0:log-level=none"}),
        ("libvpx-vp9", {"crf": "4", "g": "12"}),
        ("mpeg4", {"g": "12", "bf": "2"}),
    ],
)
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_from_any_start_on_the_frames_are_those_of_the_whole(
    tmp_path: Path, codec: str, options: dict[str, str], holes: bool, suffix: str
) -> None:
    times = [k * 0.04 + (k // 7) * 0.1 for k in range(28)] if holes else None
    path = write_clip(tmp_path / f"a.{suffix}", moving(28), codec=codec, options=options, times=times)
    reader = VideoReader(path)
    whole = [frame.data.tobytes() for frame in reader._decoded(0)]
    for start in range(len(whole)):
        assert [frame.data.tobytes() for frame in VideoReader(path)._decoded(start)] == whole[start:]
        assert [frame.data.tobytes() for frame in reader._decoded(start)] == whole[start:]


def test_pictures_that_no_other_needs_are_not_decoded_on_the_way_to_a_start(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", moving(28), options={"crf": "4", "g": "28", "bf": "3", "b_strategy": "0"})
    with open_media(path, "video_path") as container:
        decoded = list(decode_from(container, container.streams.video[0], Fraction(20, 25)))
    assert [frame.time for frame in decoded][-8:] == [k / 25 for k in range(20, 28)]
    assert len(decoded) < 20, "of the twenty before it, half"


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("buffered", [6, 1000])
@pytest.mark.parametrize("suffix", ["mp4", "mpg"])
def test_frames_come_in_the_order_asked_for_whether_they_fit_in_memory_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loop: Loop, buffered: int, suffix: str
) -> None:
    codec = "libx264" if suffix == "mp4" else "mpeg2video"
    options = {"g": "8", "bf": "2"} | ({"crf": "4"} if suffix == "mp4" else {"b": "4000000"})
    reader = VideoReader(write_clip(tmp_path / f"a.{suffix}", greys(20), codec=codec, options=options))
    hold_at_most(buffered, reader, monkeypatch)
    order = loop_frames(20, 70, loop)
    for start, stop in ((0, 70), (0, 11), (7, 24), (19, 20), (25, 33), (31, 70)):
        assert numbers(list(reader.play(order[start:stop]))) == order[start:stop].tolist()


@pytest.mark.parametrize("buffered", [19, 20])
def test_a_template_that_fits_into_memory_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buffered: int
) -> None:
    reader = VideoReader(write_clip(tmp_path / "a.mp4", greys(20)))
    hold_at_most(buffered, reader, monkeypatch)
    assert len(list(reader.frames())) == 20
    reader.path.unlink()
    if buffered < 20:
        with pytest.raises(BadInputError):
            list(reader.frames())
    else:
        assert numbers(list(reader.frames(start=4))) == list(range(4, 20))
        assert numbers(list(reader.play(loop_frames(20, 50)))) == loop_frames(20, 50).tolist()


def test_frames_are_played_as_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = VideoReader(write_clip(tmp_path / "a.mp4", greys(20)))
    decoded: list[Frame] = []
    decode = reader._decoded

    def counted(start: int) -> Iterator[Frame]:
        for frame in decode(start):
            decoded.append(frame)
            yield frame

    monkeypatch.setattr(reader, "_decoded", counted)
    playing = reader.play(loop_frames(20, 50))
    next(playing)
    assert len(decoded) == 1
    list(playing)
    assert len(decoded) == 20


def test_where_the_order_turns_back_the_frames_are_there_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = VideoReader(write_clip(tmp_path / "a.mp4", greys(20), options={"crf": "4", "g": "5"}))
    hold_at_most(8, reader, monkeypatch)
    assert reader.capacity == 8
    decoded: list[int] = []
    decode = reader._decoded

    def counted(start: int) -> Iterator[Frame]:
        for number, frame in enumerate(decode(start), start):
            decoded.append(number)
            yield frame

    monkeypatch.setattr(reader, "_decoded", counted)
    order = loop_frames(20, 58)
    assert numbers(list(reader.play(order))) == order.tolist()
    # Back from 19 the last eight are there; then 4 to 11 and 0 to 3, from where it goes on forwards.
    assert decoded == [*range(20), *range(4, 12), *range(20)]
    decoded.clear()
    assert numbers(list(reader.play(order[:30]))) == order[:30].tolist()
    # No further back than it goes.
    assert decoded == [*range(20), *range(9, 12)]


def test_a_part_of_what_is_kept_is_not_decoded_again(tmp_path: Path) -> None:
    """A later segment of the same job may walk over each frame once only."""
    reader = VideoReader(write_clip(tmp_path / "a.mp4", greys(20), options={"crf": "4"}))
    list(reader.play(loop_frames(20, 38)))
    reader.path.unlink()
    assert numbers(list(reader.play(np.arange(15, 4, -1)))) == list(range(15, 4, -1))
    assert numbers(list(reader.play(np.arange(20)))) == list(range(20))


def test_a_stretch_that_is_played_again_is_decoded_once(tmp_path: Path) -> None:
    reader = VideoReader(write_clip(tmp_path / "a.mp4", greys(20)))
    order = loop_frames(20, 70)
    list(reader.play(order[0:30]))
    reader.path.unlink()
    assert numbers(list(reader.play(order[30:70]))) == order[30:70].tolist()


def test_no_more_is_held_than_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = VideoReader(write_clip(tmp_path / "a.mp4", greys(20), options={"crf": "4"}))
    hold_at_most(8, reader, monkeypatch)
    assert numbers(list(reader.play(np.arange(6)))) == list(range(6))
    assert len(reader._kept) == 6
    order = loop_frames(20, 58)
    playing = reader.play(order)
    assert len(reader._kept) == 0, "beside the stretch for the way back"
    assert numbers(list(playing)) == order.tolist()


def test_a_reader_of_the_same_content_takes_over_what_was_decoded(tmp_path: Path) -> None:
    path, order = write_clip(tmp_path / "a.mp4", greys(20), options={"crf": "4"}), np.arange(4, 16)
    reader, other = VideoReader(path), VideoReader(path)
    playing = reader.play(order)
    for _ in order:  # nobody asks what comes behind the last
        next(playing)
    other.adopt_buffer(reader)
    path.unlink()
    assert numbers(list(other.play(order[::-1]))) == order[::-1].tolist()
    with pytest.raises(BadInputError):
        list(other.play(np.arange(3, 16)))


def test_a_template_that_is_too_short_for_its_order_is_refused(tmp_path: Path) -> None:
    reader = VideoReader(write_clip(tmp_path / "a.mp4", greys(20)))
    with pytest.raises(BadInputError, match="ended after 20 of 24 frames"):
        list(reader.play(loop_frames(24, 24)))


def test_loops_go_to_and_fro_or_again_or_stay() -> None:
    assert loop_frames(4, 9).tolist() == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert loop_frames(4, 9, "repeat").tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert loop_frames(4, 9, "hold").tolist() == [0, 1, 2, 3, 3, 3, 3, 3, 3]
    assert all(loop_frames(1, 3, loop).tolist() == [0, 0, 0] for loop in LOOPS)
