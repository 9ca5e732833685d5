"""A template of any kind becomes upright, even-sized, constant-rate I420."""

from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.frame import Frame, yuv_to_rgb
from digital_human.core.frame import crop as crop_frame
from digital_human.core.looping import LOOPS, Loop, loop_frames
from digital_human.errors import BadInputError
from digital_human.media import VideoReader, probe_video, read_speech
from digital_human.media import reader as read_module
from digital_human.media.container import open_media
from digital_human.media.decode import decode_from
from tests.media.factory import grey, greys, leaping, write_clip, write_sound


def noise(count: int) -> list[npt.NDArray[Any]]:
    """Pictures that move, so that each is predicted from others and differs from all."""
    still = np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)
    return [np.roll(cv2.GaussianBlur(still, (0, 0), 2), k, axis=1) for k in range(count)]


def rgb(frame: Frame) -> npt.NDArray[Any]:
    return yuv_to_rgb(crop_frame(frame, 0, 0, frame.width, frame.height), frame.matrix)


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
    path = write_clip(tmp_path / f"a.{suffix}", noise(28), codec=codec, options=options, times=times)
    reader = VideoReader(path)
    whole = [frame.data.tobytes() for frame in reader._decoded(0)]
    for start in range(len(whole)):
        assert [frame.data.tobytes() for frame in VideoReader(path)._decoded(start)] == whole[start:]
        assert [frame.data.tobytes() for frame in reader._decoded(start)] == whole[start:]


def test_pictures_that_no_other_needs_are_not_decoded_on_the_way_to_a_start(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", noise(28), options={"crf": "4", "g": "28", "bf": "3", "b_strategy": "0"})
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


def test_rotation_metadata_is_applied(tmp_path: Path) -> None:
    picture = np.zeros((64, 96, 3), np.uint8)
    picture[:32, :48] = (250, 40, 40)
    for rotation, corner in ((90, (-1, 0)), (180, (-1, -1)), (270, (0, -1))):
        path = write_clip(tmp_path / f"{rotation}.mp4", [picture] * 4, rotation=rotation)
        with av.open(str(path)) as container:
            turn = next(container.decode(video=0)).rotation
        assert turn % 360 == rotation, "the test's own file must carry the rotation"
        frame = next(VideoReader(path).frames())
        upright = rgb(frame)
        # Counter-clockwise by `rotation`, as FFmpeg defines the display matrix.
        expected = np.rot90(picture, rotation // 90)
        assert upright.shape == expected.shape
        assert np.abs(upright.astype(int) - expected).mean() < 6
        assert upright[corner][0] > 150


def test_odd_size_is_padded_to_even_without_resampling(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(30, 220, (33, 51, 1), np.uint8).repeat(3, 2)
    path = write_clip(tmp_path / "a.mkv", [picture] * 2, pix_fmt="yuv444p", options={"qp": "0"})
    frame = next(VideoReader(path).frames())
    assert (frame.width, frame.height) == (52, 34)
    inner = rgb(frame)[:33, :51, 1].astype(int)
    assert np.abs(inner - picture[..., 1]).max() <= 3


def test_non_square_pixels_are_made_square(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", greys(3, 64, 48), aspect=Fraction(2))
    assert probe_video(path)[0].width == 96
    assert next(VideoReader(path).frames()).width == 96


@pytest.mark.parametrize("pix_fmt", ["yuv420p10le", "yuvj420p", "yuv444p", "yuv422p"])
def test_colour_survives_every_pixel_format(tmp_path: Path, pix_fmt: str) -> None:
    card = np.zeros((64, 96, 3), np.uint8)
    for k, colour in enumerate(
        [(200, 60, 50), (60, 180, 70), (50, 70, 190), (230, 230, 230), (20, 20, 20), (128, 128, 128)]
    ):
        card[:, k * 16 : k * 16 + 16] = colour
    path = write_clip(tmp_path / "a.mkv", [card] * 2, pix_fmt=pix_fmt, options={"crf": "1"})
    seen = rgb(next(VideoReader(path).frames())).astype(int)
    centres = np.s_[16:48:16, 8::16]
    assert np.abs(seen[centres] - card[centres]).max() <= 6


def test_a_picture_is_a_template_of_one_frame(tmp_path: Path) -> None:
    for suffix in ("png", "jpg", "webp"):
        path = tmp_path / f"still.{suffix}"
        cv2.imwrite(str(path), np.full((65, 97, 3), 90, np.uint8))
        reader = VideoReader(path)
        frames = list(reader.frames())
        assert reader.info.still
        assert len(frames) == 1
        assert abs(int(rgb(frames[0]).mean()) - 90) <= 2


def test_a_large_jpeg_is_one_picture_whatever_its_name(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (400, 600, 3), np.uint8)
    for name in ("still.jpg", "still.jpeg", "still"):
        (tmp_path / name).write_bytes(cv2.imencode(".jpg", picture)[1].tobytes())
        assert VideoReader(tmp_path / name).info.still


@pytest.mark.parametrize("content", [b"", b"not media at all" * 100, b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n"])
def test_what_is_no_media_is_a_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match="video_path: "):
        probe_video(path)


def test_sound_alone_is_no_template(tmp_path: Path) -> None:
    from tests.media.factory import click, write_sound

    path = write_sound(tmp_path / "a.wav", click(1, 0.5, 16000), 16000)
    with pytest.raises(BadInputError, match="no video stream"):
        probe_video(path)


def test_wide_pixels_count_as_the_square_ones_that_are_made_of_them(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", greys(3, 64, 48), aspect=Fraction(16))
    assert probe_video(path, max_pixels=768 * 64)[0].width == 768
    with pytest.raises(BadInputError, match="a picture of 768x64 has more than 49151 pixels"):
        probe_video(path, max_pixels=768 * 64 - 1)


def test_a_time_stamp_beyond_the_limit_is_refused_before_a_picture_is_repeated(tmp_path: Path) -> None:
    path = leaping(write_clip(tmp_path / "a.mp4", noise(12), options={"crf": "20", "bf": "2"}), seconds=71_582)
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
