"""Does it live, and would it take a job."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from digital_human.api.auth import ServiceDep
from digital_human.api.blocking import run_blocking
from digital_human.api.errors import error_responses

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: Literal["ok"] = "ok"
    service: str = "digital-human-service"


@router.get("/health")
async def health() -> Health:
    """Answers at once, whatever the service is doing."""
    return Health()


@router.get("/ready", responses=error_responses(503))
async def ready(service: ServiceDep) -> Health:
    """Whether a job would be made now: Triton and the database are there. For load balancers, and scripts that wait."""
    await run_blocking(service.require_ready)
    return Health()
