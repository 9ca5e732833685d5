"""Pictures of a live session are looked at when nobody waits for one, through the real Triton."""

from __future__ import annotations

import threading
from fractions import Fraction

import numpy as np
import pytest

from digital_human.core.frame import Frame, crop, from_yuv
from digital_human.core.types import Template
from digital_human.inspection.inspector import EVERY
from digital_human.live.worker.look import KEPT, Looker
from digital_human.tracking.tracker import track_face
from digital_human.triton.client import TritonModels
from tests.live_service import eventually


@pytest.fixture(scope="module")
def template(template_frames: list[Frame], models: TritonModels) -> Template:
    frames = template_frames[:2]
    return Template(
        frames[0].width, frames[0].height, Fraction(25), 2, track_face(frames, models), lambda: iter(frames)
    )


def moved(frame: Frame) -> Frame:
    """The picture with everything in another place."""
    picture = np.roll(crop(frame, 0, 0, frame.width, frame.height), frame.height // 6, 0)
    return from_yuv(np.ascontiguousarray(picture), frame.matrix)


def test_ruined_pictures_are_found_while_the_person_rests(
    template: Template, template_frames: list[Frame], models: TritonModels
) -> None:
    changed, rests, closed = threading.Condition(), threading.Event(), threading.Event()
    looker = Looker(template, None, models, changed, rests.is_set)
    thread = threading.Thread(target=looker.run, args=(closed.is_set,))
    thread.start()
    frame, ruined = template_frames[0], moved(template_frames[0])
    # The last one is shorter.
    for stretch, widest in enumerate((frame, frame, ruined)):
        for k in range(EVERY if stretch < 2 else 9):
            looker.offer(0, frame, widest if k == 7 else frame, 0.5 if k == 7 else 0.1 + 0.01 * stretch)
    assert looker.take() == []
    rests.set()
    found: list[str] = []

    def both() -> bool:
        found.extend(looker.take())
        return len(found) == KEPT

    eventually(both)
    closed.set()
    thread.join()
    assert found[0] == "" and found[1] != ""
