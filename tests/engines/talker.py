"""The sample template, or some of its frames, as a `Template`."""

from __future__ import annotations

from fractions import Fraction

from digital_human.core.frame import Frame
from digital_human.core.types import FaceTrack, Template


def part(frames: list[Frame], track: FaceTrack, chosen: list[int]) -> Template:
    """A template made of some of the frames."""
    some = [frames[k] for k in chosen]
    seen = FaceTrack(track.landmarks[chosen], track.score[chosen], track.present[chosen])
    return Template(some[0].width, some[0].height, Fraction(25), len(some), seen, lambda: iter(some))
