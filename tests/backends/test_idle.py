"""Memory is given back once there is nothing to do."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def module() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "backends" / "onnxruntime")
        yield importlib.import_module("idle")


def test_memory_is_given_back_after_the_start_and_after_each_spell_of_work(module: ModuleType) -> None:
    given_back = threading.Semaphore(0)
    idle = module.Idle(quiet=0.01)
    idle.add(given_back.release)
    with idle.at_work():
        pass
    assert given_back.acquire(timeout=30)
    with idle.at_work():
        pass
    assert given_back.acquire(timeout=30)


def test_nothing_is_given_back_during_work(module: ModuleType) -> None:
    given_back = threading.Event()
    idle = module.Idle(quiet=0)
    idle.add(given_back.set)
    with idle.at_work():
        given_back.clear()
        for _ in range(1000):
            idle.add(int)
        assert not given_back.is_set()
    assert given_back.wait(30)
