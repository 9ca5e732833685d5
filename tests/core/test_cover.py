"""Masks of a template: how they are stored, and how pictures keep in front what is in front."""

from __future__ import annotations

import numpy as np
import pytest

from digital_human.core.cover import SIZE, UNIT, Cover, pack
from digital_human.core.frame import Frame, Uint8
from digital_human.occlusion.masks import shown_as_is
from digital_human.occlusion.tidy import LEAST_FRAMES, LOOSE, tidied

WIDTH, HEIGHT = 200, 160
SCALE = 0.8
"""Pixels of a mask to a pixel of these frames."""


def cover(masks: list[Uint8 | None]) -> Cover:
    """Masks laid over the middle of frames of WIDTH by HEIGHT."""
    count = len(masks)
    middle = np.array([SIZE / 2, SIZE / 2]) - SCALE * np.array([WIDTH / 2, HEIGHT / 2])
    maps = np.tile(np.column_stack([np.eye(2) * SCALE, middle]).astype(np.float32), (count, 1, 1))
    packed, ends = pack(masks)
    share = np.array([0.0 if mask is None else mask.mean() / 255 for mask in masks], np.float32)
    return Cover(maps, packed, ends, share, share, np.zeros(count, bool), np.zeros(count, np.float32))


def square(left: int, top: int, side: int) -> Uint8:
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[top : top + side, left : left + side] = 255
    return mask


def noise(seed: int) -> Frame:
    return Frame(np.random.default_rng(seed).integers(16, 236, (HEIGHT * 3 // 2, WIDTH), np.uint8), "bt709")


def test_masks_come_back_as_they_were_and_empty_ones_take_no_bytes() -> None:
    masks = [None, square(10, 20, 30), None, square(90, 90, 20)]
    stored = Cover.from_arrays(cover(masks).to_arrays())
    assert stored.ends[0] == 0 and stored.ends[1] == stored.ends[2]
    assert stored.touched.tolist() == [False, True, False, True]
    for frame, mask in enumerate(masks):
        found = stored.mask(frame)
        assert (found is None) == (mask is None)
        if mask is not None and found is not None:
            np.testing.assert_array_equal(found, mask)


def test_what_is_in_front_keeps_its_exact_bytes_and_the_rest_is_what_was_drawn() -> None:
    before, drawn = noise(1), noise(2)
    out = drawn.copy()
    cover([square(40, 40, 40)]).restore(0, before, out)
    rows = np.arange(HEIGHT)[:, None] * SCALE + SIZE / 2 - SCALE * HEIGHT / 2
    columns = np.arange(WIDTH) * SCALE + SIZE / 2 - SCALE * WIDTH / 2
    inside = (rows >= 40) & (rows <= 79) & (columns >= 40) & (columns <= 79)
    away = (rows < 28) | (rows > 91) | (columns < 28) | (columns > 91)
    assert inside.sum() > 2000 and away.sum() > 2000
    for plane, step in ((0, 1), (1, 2), (2, 2)):
        kept, free = inside[::step, ::step], away[::step, ::step]
        assert (out.planes[plane][kept] == before.planes[plane][kept]).all()
        assert (out.planes[plane][free] == drawn.planes[plane][free]).all()


def test_a_frame_without_a_mask_is_left_as_it_was_drawn() -> None:
    out = noise(2)
    cover([None]).restore(0, noise(1), out)
    np.testing.assert_array_equal(out.data, noise(2).data)


def test_a_mouth_comes_and_goes_over_a_few_frames() -> None:
    hidden = np.array([0, 0, 0, 0, 0, 0.9, 0.5, 0.9, 0, 0, 0, 0, 0], np.float32)
    shown = shown_as_is(hidden, np.zeros(len(hidden), bool))
    assert (shown[5:8] == 1).all(), "no mouth flashes up in between"
    np.testing.assert_allclose(shown[1:6], [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(shown[7:12], [1, 0.75, 0.5, 0.25, 0])


def test_the_face_holds_still_beside_what_is_in_front_and_moves_freely_away_from_it() -> None:
    stored = cover([square(40, 40, 40), None])
    middle = np.array([WIDTH / 2, HEIGHT / 2])
    points = middle + np.array([[0, 0], [(16 + 0.05 * UNIT) / SCALE, 0], [90, 0]])
    on, beside, away = stored.freedom(0, points.astype(np.float32))
    assert on == 0 and 0 < beside < 0.2 and away == 1
    assert (stored.freedom(1, points.astype(np.float32)) == 1).all()


@pytest.mark.parametrize(("frames", "kept"), [(LEAST_FRAMES, True), (1, False)])
def test_only_what_lasts_and_is_large_and_sure_is_in_front(frames: int, kept: bool) -> None:
    probability = np.zeros((9, SIZE, SIZE), np.uint8)
    probability[3 : 3 + frames, 60:128, 50:70] = 250
    probability[2, 20:22, 20:22] = 250
    probability[:, 90:110, 10:30] = 120
    found, _ = tidied(probability, np.full_like(probability, 99))
    assert (found.max((1, 2)) > 0).tolist() == [kept and 3 <= k < 3 + frames for k in range(9)]
    if kept:
        assert (found[3][60:128, 50:70] == 255).all()
        assert found[3][:, :40].max() == 0


def test_a_gap_of_one_frame_is_filled_in() -> None:
    probability = np.zeros((7, SIZE, SIZE), np.uint8)
    probability[:, 60:128, 50:70] = 250
    probability[3] = 0
    assert (tidied(probability, np.full_like(probability, 99))[0][3][60:128, 50:70] == 255).all()


def test_what_always_looks_like_that_needs_more_certainty() -> None:
    probability = np.zeros((7, SIZE, SIZE), np.uint8)
    probability[:, 60:128, 50:70] = 230
    assert tidied(probability, np.full_like(probability, 99))[0].any()
    assert not tidied(probability, np.zeros_like(probability))[0].any()
    probability[:, 60:128, 50:70] = 250
    assert tidied(probability, np.zeros_like(probability))[0].any()


def test_what_may_belong_to_something_in_front_is_kept_with_it() -> None:
    probability = np.zeros((7, SIZE, SIZE), np.uint8)
    probability[:, 60:128, 50:70] = 250
    probability[:, 60:128, 70:76] = LOOSE
    probability[:, 60:128, 110:120] = LOOSE
    found = tidied(probability, np.full_like(probability, 99))[0]
    assert (found[:, 62:126, 70:76] == 255).all()
    assert found[..., 100:].max() == 0


def test_something_in_front_of_a_place_that_is_always_taken_for_hidden_is_seen_alone() -> None:
    probability, difference = np.zeros((20, SIZE, SIZE), np.uint8), np.zeros((20, SIZE, SIZE), np.uint8)
    probability[:, 40:80, 40:90] = 220
    probability[8:13, 60:128, 50:70] = 250
    difference[2:5] = 20  # the light changes
    difference[8:13, 60:128, 50:70] = 99
    found, doubtful = tidied(probability, difference)
    assert (found.max((1, 2)) > 0).tolist() == [8 <= k < 13 for k in range(20)]
    assert (found[8:13, 62:128, 50:70] == 255).all()
    assert found[..., 85:].max() == 0 and doubtful.max() == 0
