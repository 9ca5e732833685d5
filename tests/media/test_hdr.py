"""HDR becomes SDR by the standards' formulas, in every order of reading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.core.frame import Frame, crop, yuv_to_rgb
from digital_human.errors import BadInputError
from digital_human.media import VideoReader, probe_video
from digital_human.media.hdr import Hdr, eetf, to_sdr
from tests.media.hdr import Picture, Transfer, light_of, signal_of, write_hdr

BOTH = pytest.mark.parametrize("transfer", ["hlg", "pq"])
SIDE = 16
# What lies below the knee of the EETF: skin in several lights, foliage, cloth, greys.
PATCHES = [
    (176, 130, 110),
    (150, 105, 84),
    (92, 62, 50),
    (70, 110, 60),
    (60, 80, 140),
    (150, 60, 60),
    (128,) * 3,
    (40,) * 3,
]


def card(colours: Sequence[tuple[int, ...]]) -> npt.NDArray[np.uint8]:
    return np.repeat(np.repeat(np.array([colours], np.uint8), SIDE * 2, axis=0), SIDE, axis=1)


def rgb(frame: Frame) -> npt.NDArray[np.int64]:
    return yuv_to_rgb(crop(frame, 0, 0, frame.width, frame.height), frame.matrix).astype(np.int64)


def patches(frame: Frame) -> npt.NDArray[np.int64]:
    """The colour in the middle of each patch."""
    return rgb(frame)[SIDE, SIDE // 2 :: SIDE]


def grey_light(*levels: float) -> Picture:
    """Grey patches of cd/m2."""
    return np.repeat(np.repeat(np.array(levels)[None, :, None], SIDE * 2, 0), SIDE, 1).repeat(3, 2)


def moving(count: int) -> list[Picture]:
    """Pictures that differ by their level."""
    return [light_of(np.full((32, 48, 3), 30 + 10 * k, np.uint8)) for k in range(count)]


@BOTH
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_what_an_sdr_screen_can_show_looks_the_same(tmp_path: Path, transfer: Transfer, codec: str) -> None:
    options = {"x265-params": "lossless=1:log-level=error"} if codec == "libx265" else None
    path = write_hdr(tmp_path / "a.mp4", [light_of(card(PATCHES))], transfer, codec, options=options)
    seen = patches(next(VideoReader(path).frames()))
    assert np.abs(seen - np.array(PATCHES)).max() <= 3


@BOTH
def test_brighter_light_is_compressed_up_to_the_peak(tmp_path: Path, transfer: Transfer) -> None:
    path = write_hdr(tmp_path / "a.mp4", [grey_light(0.0, 50.0, 203.0, 400.0, 1000.0)], transfer)
    frame = next(VideoReader(path).frames())
    levels = (frame.planes[0][SIDE, SIDE // 2 :: SIDE].astype(int) - 16) / 219
    # BT.2390 from 1000 to 203 cd/m2: the knee is at 0.4956 of PQ, and 203 cd/m2 becomes 159 cd/m2.
    expected = [0.0, (50 / 203) ** (1 / 2.4), (158.9 / 203) ** (1 / 2.4), (193.1 / 203) ** (1 / 2.4), 1.0]
    assert levels == pytest.approx(expected, abs=0.006)


def test_the_curve_is_smooth_and_never_falls() -> None:
    light = np.linspace(0, 1000, 20_001)
    shown = eetf(light, 1000.0)
    steps = np.diff(shown)
    assert steps.min() >= 0 and shown[-1] == pytest.approx(203, abs=0.01)
    assert shown[light < 88] == pytest.approx(light[light < 88], abs=0.01)
    # No step at the knee.
    assert np.abs(np.diff(steps)).max() < 1e-4


@BOTH
def test_bright_colours_keep_their_hue_and_stay_in_range(transfer: Transfer) -> None:
    # Pure colours of BT.2020, which BT.709 does not have, as bright as they get.
    brightest = 1.0 if transfer == "hlg" else 0.7518
    pure = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]])
    made = to_sdr(brightest * pure, Hdr(transfer))
    assert made.min() >= 0 and made.max() <= 1
    assert [set(np.flatnonzero(one == one.max())) for one in made[:3]] == [{0}, {1}, {2}]
    assert made[3, 2] < made[3, :2].min()


@BOTH
def test_the_table_agrees_with_the_formulas(tmp_path: Path, transfer: Transfer) -> None:
    colours = np.random.default_rng(0).integers(20, 236, (12, 3))
    grey = colours.mean(1, keepdims=True)
    light = light_of(card([tuple(one) for one in np.rint(grey + 0.6 * (colours - grey)).astype(int)])) * 2
    path = write_hdr(tmp_path / "a.mp4", [light], transfer)
    expected = 255 * to_sdr(signal_of(light, transfer), Hdr(transfer))[SIDE, SIDE // 2 :: SIDE]
    difference = np.abs(patches(next(VideoReader(path).frames())) - expected)
    assert difference.mean() < 1.5 and difference.max() < 8


def test_the_metadata_of_pq_says_what_is_white(tmp_path: Path) -> None:
    options = {"x265-params": "lossless=1:log-level=error:max-cll=400,100"}
    path = write_hdr(tmp_path / "a.mp4", [grey_light(50, 400, 800)], "pq", "libx265", options=options)
    info, _ = probe_video(path)
    assert info.hdr == Hdr("pq", peak=400)
    assert VideoReader(path).first_frame().planes[0][SIDE, SIDE // 2 :: SIDE].tolist()[1:] == [235, 235]
    graded = (
        "lossless=1:log-level=error:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(6000000,50)"
    )
    path = write_hdr(tmp_path / "b.mp4", [grey_light(50, 600)], "pq", "libx265", options={"x265-params": graded})
    assert probe_video(path)[0].hdr == Hdr("pq", peak=600)


@BOTH
def test_frames_are_the_same_in_every_order_of_reading(
    tmp_path: Path, transfer: Transfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_hdr(tmp_path / "a.mp4", moving(12), transfer, options={"crf": "1", "g": "4"})
    reader = VideoReader(path)
    inward = [frame.data for frame in reader.frames()]
    assert len(inward) == 12 and (reader.info.tags.space, reader.info.tags.transfer) == (1, 1)
    means = [float(data[:32].mean()) for data in inward]
    assert means == sorted(means)
    monkeypatch.setattr("digital_human.media.reader._BUFFER_BYTES", 0)
    monkeypatch.setattr("digital_human.media.reader._LEAST_BUFFERED", 2)
    order = np.array([*range(11, -1, -1), 5, 6, 7])
    for index, frame in zip(order, VideoReader(path).play(order), strict=True):
        assert np.array_equal(frame.data, inward[index])


def test_turned_and_other_pixels_are_converted_alike(tmp_path: Path) -> None:
    light = light_of(card(PATCHES))
    plain = patches(next(VideoReader(write_hdr(tmp_path / "a.mp4", [light], "hlg")).frames()))
    turned = next(VideoReader(write_hdr(tmp_path / "b.mp4", [light], "hlg", rotation=90)).frames())
    assert (turned.width, turned.height) == (2 * SIDE, len(PATCHES) * SIDE)
    column = rgb(turned)[SIDE // 2 :: SIDE, SIDE]
    assert min(np.abs(column - plain).max(), np.abs(column[::-1] - plain).max()) <= 2


def test_hdr_of_another_kind_of_colour_is_refused_with_a_reason(tmp_path: Path) -> None:
    path = write_hdr(tmp_path / "a.mkv", moving(1), "pq", space=14)
    with pytest.raises(BadInputError, match="ICtCp"):
        probe_video(path)
