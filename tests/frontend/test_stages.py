"""A stage in its own thread hands on items and errors, and ends when nobody listens."""

import threading
import time
from collections.abc import Iterator

import pytest

from frontend.stages import ahead, batched


def test_items_keep_their_order() -> None:
    assert list(ahead(range(100), 3, "numbers")) == list(range(100))


def test_an_error_of_the_producer_is_raised_after_its_items() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    stage = ahead(broken(), 2, "broken")
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

    stage = ahead(endless(), 2, "endless")
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

    stage = ahead(counting(), 2, "counting")
    next(stage)
    time.sleep(0.2)
    assert len(made) <= 5
    stage.close()


def test_batches() -> None:
    assert list(batched(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batched([], 2)) == []
