"""A stage in its own thread hands on items and errors, and ends when nobody listens."""

import threading
import time
from collections.abc import Iterator

import pytest

from digital_human.core.batching import batched
from digital_human.core.concurrency import ordered_map, prefetch


def test_items_keep_their_order() -> None:
    assert list(prefetch(range(100), 3, "numbers")) == list(range(100))


def test_an_error_of_the_producer_is_raised_after_its_items() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    stage = prefetch(broken(), 2, "broken")
    assert next(stage) == 1
    with pytest.raises(ValueError, match="broken"):
        next(stage)


def test_the_thread_ends_and_closes_its_source_when_the_consumer_stops() -> None:
    closed = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 0
        finally:
            closed.set()

    stage = prefetch(endless(), 2, "endless")
    next(stage)
    stage.close()
    assert closed.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name == "endless"]


def test_it_stays_only_a_little_in_front() -> None:
    made = []

    def counting() -> Iterator[int]:
        for k in range(100):
            made.append(k)
            yield k

    stage = prefetch(counting(), 2, "counting")
    next(stage)
    time.sleep(0.2)
    assert len(made) <= 5
    stage.close()


def test_spread_work_comes_in_the_order_of_its_items() -> None:
    def slow_at_first(k: int) -> int:
        time.sleep(0.05 if k == 0 else 0)
        return k * k

    assert list(ordered_map(range(20), slow_at_first, 3, "square")) == [k * k for k in range(20)]
    assert list(ordered_map([], slow_at_first, 3, "square")) == []


def test_work_is_done_side_by_side_and_only_so_much_at_a_time() -> None:
    both = threading.Barrier(2, timeout=60)
    busy, most, lock = 0, 0, threading.Lock()

    def together(k: int) -> int:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        both.wait()
        with lock:
            busy -= 1
        return k

    assert list(ordered_map(range(6), together, 2, "pair")) == list(range(6))
    assert most == 2


def test_an_error_of_spread_work_is_raised_in_its_turn() -> None:
    def broken(k: int) -> int:
        if k == 2:
            raise ValueError("broken")
        return k

    stage = ordered_map(range(9), broken, 3, "broken")
    assert [next(stage), next(stage)] == [0, 1]
    with pytest.raises(ValueError, match="broken"):
        next(stage)


def test_spread_work_ends_when_the_consumer_stops() -> None:
    begun = []
    stage = ordered_map(range(100), lambda k: begun.append(k), 2, "stop")
    next(stage)
    stage.close()
    assert len(begun) <= 3
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("stop")]


def test_batches() -> None:
    assert list(batched(range(6), [1, 2, 2, 2])) == [[0], [1, 2], [3, 4], [5]]
    assert list(batched([], [2])) == []
