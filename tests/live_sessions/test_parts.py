"""The parts of a live session that need no service: its clock, its viewers, its tokens, its pictures at rest."""

from __future__ import annotations

import asyncio
import threading
import time
from fractions import Fraction
from typing import cast

import numpy as np
import pytest

from benchmarks.live_clock import drift
from digital_human.core.frame import Frame
from digital_human.engines.live import Cue, LiveMouth
from digital_human.errors import BadInputError, QueueFullError
from digital_human.live.messages import H264, I420, KEY, SOUND, Event, Opened, media
from digital_human.live.process import LiveProcess
from digital_human.live.session import MOST_AHEAD, MOST_VIEWERS, LiveOptions, LiveSession
from digital_human.live.tokens import Tokens
from digital_human.live.viewers import MOST_UNREAD, MOST_WAITING, Viewer
from digital_human.live.worker.clock import Clock, Picture
from digital_human.live.worker.rest import RestPictures
from digital_human.live.worker.speech import FIRST_WAIT, JITTER_STEP, MOST_JITTER, Speech


def picture(place: int) -> Picture[int]:
    return Picture(None, b"", 0, 0, False, 0.0, place)


def test_frames_go_out_in_order_and_none_of_before_an_interruption() -> None:
    clock: Clock[int] = Clock(Fraction(1000), -1)
    sent: list[tuple[int, int]] = []
    clock.restart()
    assert clock.put([picture(0), picture(1)], generation=0)
    thread = threading.Thread(target=clock.run, args=(lambda p, k: sent.append((p.after, k)), lambda: None))
    thread.start()
    with clock.changed:
        assert clock.changed.wait_for(lambda: len(sent) == 2, 30)
        clock.put([picture(7)], 0)
        generation = clock.interrupt()
        assert clock.last == 1  # drawing continues behind what went out
    assert not clock.put([picture(8)], 0)
    assert clock.put([picture(2)], generation)
    with clock.changed:
        assert clock.changed.wait_for(lambda: len(sent) == 3, 30)
    clock.close()
    thread.join()
    assert sent == [(0, 0), (1, 1), (2, 2)]


def test_a_slow_client_loses_pictures_until_a_key_frame_and_no_events() -> None:
    keys: list[bool] = []
    viewer = Viewer("h264", lambda: keys.append(True))
    viewer.offer(media(H264, 0, 0, 0, b"not decodable alone"))
    viewer.offer(media(H264, KEY, 0, 40, b"key"))
    viewer.offer(Event("started", 1))
    for k in range(MOST_WAITING + 1):
        viewer.offer(media(H264, 0, 1, 80 + k, b"more"))
    assert keys == [True]
    viewer.offer(media(I420, KEY, 1, 500, b"not asked for"))
    viewer.offer(media(H264, 0, 1, 501, b"lost"))
    viewer.offer(media(H264, KEY, 1, 502, b"back"))
    viewer.offer(media(SOUND, 0, 1, 502, b"sound"))
    viewer.end()
    got = list(drained(viewer))
    assert isinstance(got[0], Event)
    assert [item[16:] for item in got[1:] if isinstance(item, bytes)] == [b"back", b"sound"]


def drained(viewer: Viewer) -> list[Event | bytes]:
    import asyncio

    async def every() -> list[Event | bytes]:
        items = []
        while (item := await viewer.next()) is not None:
            items.append(item)
        return items

    return asyncio.run(every())


def test_a_token_opens_its_own_session_for_a_while() -> None:
    tokens = Tokens(60)
    token = tokens.issue("a")
    assert tokens.is_valid(token, "a")
    assert not tokens.is_valid(token, "b")
    assert not Tokens(60).is_valid(token, "a")
    assert not tokens.is_valid("", "a") and not tokens.is_valid("zz-é", "a")
    assert not Tokens(-1).is_valid(Tokens(-1).issue("a"), "a")
    expired = Tokens(-2)
    assert not expired.is_valid(expired.issue("a"), "a")


def test_pictures_at_rest_come_back_byte_for_byte() -> None:
    generator = np.random.default_rng(0)
    before = Frame(generator.integers(16, 235, (96, 64), np.uint8), "bt601")
    drawn = before.copy()
    drawn.planes[0][21:30, 13:29] = 99
    drawn.planes[2][4, 5] = 128
    resting = RestPictures()
    resting.add(3, before, drawn)
    resting.add(4, before, before)
    assert np.array_equal(resting.picture(3, before).data, drawn.data)
    assert resting.picture(4, before) is before
    assert 3 in resting and 5 not in resting


def test_a_client_that_reads_no_events_is_cut_off() -> None:
    viewer = Viewer("none", lambda: None)
    for k in range(2 * MOST_UNREAD):
        viewer.offer(Event("started", k))
    assert list(drained(viewer)) == []
    assert asyncio.run(viewer.next()) is None


class _Process:
    """Takes everything that is sent."""

    def __init__(self) -> None:
        self.sent: list[object] = []

    def send(self, item: object) -> None:
        self.sent.append(item)


def session() -> tuple[LiveSession, _Process]:
    process = _Process()
    opened = Opened(64, 64, "25", False)
    return LiveSession("id", "owner", LiveOptions("default"), cast(LiveProcess, process), opened), process


def test_a_session_takes_so_many_clients() -> None:
    live, _ = session()
    viewers = [live.attach("none") for _ in range(MOST_VIEWERS)]
    with pytest.raises(QueueFullError):
        live.attach("none")
    live.detach(viewers[0])
    live.attach("none")


def test_speech_far_ahead_of_its_time_is_left_out_until_there_is_room() -> None:
    live, process = session()
    minute = bytes(2 * 60 * 16_000)
    for _ in range(int(MOST_AHEAD // 60)):
        live.push(minute)
    with pytest.raises(BadInputError) as refused:
        live.push(minute)
    assert refused.value.name == "live_speech_ahead"
    assert process.sent.count(minute) == MOST_AHEAD // 60
    live.interrupt()
    live.push(minute)
    assert process.sent[-1] == minute


@pytest.mark.parametrize(("rate", "fps"), [(22_050, Fraction(30_000, 1001)), (16_000, Fraction(25))])
def test_sound_stays_as_long_as_its_pictures(rate: int, fps: Fraction) -> None:
    apart = drift(rate, fps, hours=0.5)
    assert apart["sound_from_pictures"] < 0.001 and apart["both_from_the_wall"] < 0.04


class _Quick:
    """A mouth whose listener hears a frame in whatever it is given."""

    def listener(self) -> _Quick:
        return self

    def hear(self, samples: object) -> list[Cue]:
        return [Cue(np.zeros(4, np.float32), np.zeros(4, np.float32))]


def test_speech_that_comes_late_once_makes_the_next_one_wait_once() -> None:
    changed = threading.Condition(threading.RLock())
    speech = Speech(cast(LiveMouth, _Quick()), 16_000, Fraction(25), changed)
    threading.Thread(target=speech.run, daemon=True).start()

    def first_frame_after() -> float:
        began = time.monotonic()
        speech.push(bytes(1280))
        with changed:
            while not speech.take(1):
                changed.wait(0.001)
                assert time.monotonic() < began + 30
        return time.monotonic() - began

    waits = []
    for times in (0, 20):  # for so many frames in a row
        for _ in range(times):
            speech.came_late()
        waits.append(first_frame_after())
        speech.interrupt()
    assert waits[0] >= FIRST_WAIT and waits[1] >= FIRST_WAIT + JITTER_STEP
    # A busy machine takes longer now and then; twenty steps would have made every wait the longest.
    for _ in range(20):
        if waits[1] < FIRST_WAIT + MOST_JITTER:
            break
        waits[1] = first_frame_after()
        speech.interrupt()
    assert waits[1] < FIRST_WAIT + MOST_JITTER


class _Deaf:
    """A mouth whose listener fails."""

    def listener(self) -> _Deaf:
        return self

    def hear(self, samples: object) -> list[Cue]:
        raise RuntimeError("cannot hear")


def test_an_ear_that_fails_is_not_silent() -> None:
    """The session's thread ends it then; otherwise it would say nothing for ever."""
    speech = Speech(cast(LiveMouth, _Deaf()), 16_000, Fraction(25), threading.Condition(threading.RLock()))
    speech.push(bytes(1280))
    with pytest.raises(RuntimeError, match="cannot hear"):
        speech.run()
