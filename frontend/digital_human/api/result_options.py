"""What a request may ask of its result, beside the files: common to everything that makes videos."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from digital_human.core.face_choice import FaceChoice, FacePoint
from digital_human.core.trim import Trim
from digital_human.pipeline.output import Fit
from digital_human.subtitles.kinds import Subtitles


class FaceAt(BaseModel):
    """The face at a place of the template's picture."""

    model_config = ConfigDict(extra="forbid")

    x: float = Field(ge=0, le=1, allow_inf_nan=False, description="Fraction of the picture, from its left.")
    y: float = Field(ge=0, le=1, allow_inf_nan=False, description="Fraction of the picture, from its top.")
    time: float = Field(0.0, ge=0, allow_inf_nan=False, description="Seconds from the template's beginning.")


class TrimBody(BaseModel):
    """A part of the template."""

    model_config = ConfigDict(extra="forbid")

    start: float = Field(0.0, ge=0, allow_inf_nan=False, description="Seconds from the template's beginning.")
    end: float | None = Field(None, gt=0, allow_inf_nan=False, description="Seconds; null for the template's end.")


def _kind(value: object) -> str:
    return "name" if isinstance(value, str) else "point"


Face = Annotated[
    Annotated[Literal["auto", "largest"], Tag("name")] | Annotated[FaceAt, Tag("point")], Discriminator(_kind)
]


class FaceOption(BaseModel):
    face: Face = Field(
        "auto",
        description="Who speaks, where the template shows several people: the largest and most central at the start, "
        "the largest, or the one at a place. Everybody else stays as they are.",
    )

    def face_choice(self) -> FaceChoice:
        return FacePoint(self.face.x, self.face.y, self.face.time) if isinstance(self.face, FaceAt) else self.face


class ResultOptions(FaceOption):
    trim: TrimBody | None = Field(None, description="The part of the template that is used; null for all of it.")
    lead_in: float = Field(0.0, description="Seconds of silence before the speech; the mouth rests.")
    lead_out: float = Field(0.0, description="Seconds of silence after the speech.")
    preview: float | None = Field(None, description="Make only the first seconds, marked as a preview.")
    loudness: float | None = Field(None, description="LUFS of the audio as of EBU R128; null leaves it as it is.")
    size: int | str | None = Field(None, description="Height, or `WIDTHxHEIGHT`, of the result; both even.")
    fit: Fit = Field("letterbox", description="Whether bars fill what another shape leaves, or the picture is cut.")
    fps: float | None = Field(None, description="Frames per second of the result.")
    background: str | None = Field(
        None,
        description="In place of the template's green or blue screen: `#RRGGBB`, or a picture, which covers the frame: "
        "a path, an upload's id, or a URL.",
        max_length=4096,
    )
    subtitles: Subtitles | None = Field(
        None, description="Of `subtitle_text`: a file beside the result, or laid over the picture (`burn`)."
    )
    subtitle_text: str | None = Field(
        None, max_length=200_000, description="What is said, for subtitles; null for `text`."
    )

    def result_options(self, said: str | None) -> dict[str, Any]:
        """The fields of `RenderOptions` that these are. said: the text to be spoken, which is that of subtitles too"""
        trim = None if self.trim is None else Trim(self.trim.start, self.trim.end)
        same = ("lead_in", "lead_out", "preview", "loudness", "fit", "fps", "background", "subtitles")
        size = None if self.size is None else str(self.size)
        text = self.subtitle_text or (said if self.subtitles else None)
        return {
            "face": self.face_choice(),
            "trim": trim,
            "size": size,
            "subtitle_text": text,
            **{name: getattr(self, name) for name in same},
        }
