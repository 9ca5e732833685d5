"""How many processors are counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from digital_human.core.cpus import usable_processors

ALLOWED = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(("limit", "granted"), [("max", ALLOWED), ("100000", 1), ("20000", 1), ("6400000", ALLOWED)])
def test_a_container_has_as_many_as_it_is_granted_time_of(tmp_path: Path, limit: str, granted: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{limit} 100000\n")
    assert usable_processors(tmp_path) == granted


@pytest.mark.parametrize(("quota", "granted"), [("-1", ALLOWED), ("50000", 1)])
def test_the_older_control_groups_are_read_too(tmp_path: Path, quota: str, granted: int) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_processors(tmp_path) == granted


def test_without_control_groups_all_that_it_may_run_on_count(tmp_path: Path) -> None:
    assert usable_processors(tmp_path) == ALLOWED
