"""What a person who brings a template is warned of."""

from __future__ import annotations

from digital_human import messages
from digital_human.pipeline.suitability import Suitability


def warned(**figures: object) -> list[str]:
    """The sentences about a template that is fine but for these figures."""
    fine: dict[str, object] = {"face_width": 200, "frames_without_face": 0, "frames_covered": 0, "mouth": "talking"}
    template = Suitability(width=640, height=480, fps="25", frames=250, cuts=0, **{"seconds": 10.0, **fine, **figures})  # type: ignore[arg-type]
    return [messages.text(name, params) for name, params in template.warnings()]


def test_a_good_template_is_not_warned_of() -> None:
    assert warned() == []


def test_every_warning_has_words() -> None:
    everything = warned(face_width=60, frames_without_face=3, frames_covered=40, mouth="closed", seconds=2.0, hdr="HLG")
    assert len(everything) == 6
    assert everything[-1] == "It is HDR (HLG); its colours are converted to SDR (BT.709)."
    assert len(warned(mouth="picture")) == len(warned(alpha=True)) == 1
