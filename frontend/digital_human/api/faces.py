"""GET /human/faces: who a template shows, before one of them is chosen to speak."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from digital_human.api.auth import CallerDep, ServiceDep, schemes
from digital_human.api.errors import error_responses

router = APIRouter(tags=["generate"], dependencies=schemes)

_looks = ThreadPoolExecutor(4, "faces")
"""A look takes as long as a worker is busy: in these threads it holds up nobody but those who look, too."""


class FaceBox(BaseModel):
    """In fractions of the picture, from its left and top."""

    x: float
    y: float
    width: float
    height: float


class Faces(BaseModel):
    width: int
    height: int
    duration: float = Field(description="Seconds; 0 if the file does not say.")
    faces: list[FaceBox] = Field(description="From left to right.")
    picture: str = Field(description="A still at that moment, as a data URL of a JPEG.")


class FacesResponse(BaseModel):
    code: int = 200
    message: str = "success"
    data: Faces


@router.get("/human/faces", responses=error_responses(400, 401, 403, 404, 503, 504))
async def faces(
    service: ServiceDep,
    caller: CallerDep,
    video_path: Annotated[str, Query(max_length=4096, description="A path or an upload's id.")],
    time: Annotated[float, Query(ge=0, allow_inf_nan=False, description="Seconds from the beginning.")] = 0.0,
) -> FacesResponse:
    """The faces of a template at a moment: a point in one of them chooses who speaks."""
    look = asyncio.get_running_loop().run_in_executor
    found = await look(_looks, service.faces, video_path, time, caller.owner)
    boxes = [FaceBox(x=x, y=y, width=width, height=height) for x, y, width, height in found.boxes]
    picture = f"data:image/jpeg;base64,{found.picture}"
    return FacesResponse(
        data=Faces(width=found.width, height=found.height, duration=found.seconds, faces=boxes, picture=picture)
    )
