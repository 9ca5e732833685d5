"""Nobody both teaches and judges."""

import json
from pathlib import Path

import pytest

from training.speech.split import Share, is_natural, read_split


def test_the_shares_have_nobody_in_common_and_each_has_people_readers_and_voices() -> None:
    shares = read_split()
    assert set(shares) == {"training", "validation", "test"}
    assert all(share.clips and share.readers and share.kokoro for share in shares.values())


def test_somebody_in_two_shares_is_refused(tmp_path: Path) -> None:
    share = {"clips": ["s1_*"], "readers": [], "kokoro": []}
    path = tmp_path / "split.json"
    path.write_text(json.dumps({"training": share, "test": share}))
    with pytest.raises(ValueError, match=r"s1_\*"):
        read_split(path)


def test_clips_are_found_by_their_names(tmp_path: Path) -> None:
    for name in ("grid/s1_a.mkv", "grid/s16_b.mpg", "us/whitehouse_1.mp4", "us/notes.txt", "us/s1_c.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    share = Share(("s1_*", "whitehouse_*"), (), ())
    assert [path.name for path in share.clips_in([tmp_path])] == ["s1_a.mkv", "whitehouse_1.mp4"]


def test_only_clips_that_ship_may_teach() -> None:
    assert set(read_split()["training"].clips) == {"s1_*", "s4_*", "whitehouse_*"}
    assert is_natural("hdtf_wda_aoc") and is_natural("whitehouse_1") and not is_natural("s1_bbaf2n")
