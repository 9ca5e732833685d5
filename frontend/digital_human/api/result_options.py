"""What a request may ask of its result, beside the files: common to everything that makes videos."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from digital_human.core.face_choice import FaceChoice, FacePoint


class FaceAt(BaseModel):
    """The face at a place of the template's picture."""

    model_config = ConfigDict(extra="forbid")

    x: float = Field(ge=0, le=1, allow_inf_nan=False, description="Fraction of the picture, from its left.")
    y: float = Field(ge=0, le=1, allow_inf_nan=False, description="Fraction of the picture, from its top.")
    time: float = Field(0.0, ge=0, allow_inf_nan=False, description="Seconds from the template's beginning.")


def _kind(value: object) -> str:
    return "name" if isinstance(value, str) else "point"


Face = Annotated[
    Annotated[Literal["auto", "largest"], Tag("name")] | Annotated[FaceAt, Tag("point")], Discriminator(_kind)
]


class ResultOptions(BaseModel):
    face: Face = Field(
        "auto",
        description="Who speaks, where the template shows several people: the largest and most central at the start, "
        "the largest, or the one at a place. Everybody else stays as they are.",
    )

    def face_choice(self) -> FaceChoice:
        return FacePoint(self.face.x, self.face.y, self.face.time) if isinstance(self.face, FaceAt) else self.face
