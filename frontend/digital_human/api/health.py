"""Does it live, and would it take a job."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from digital_human.api.auth import ServiceDep
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
    """Whether a job would be taken now: for load balancers and for scripts that have just started the service."""
    service.require_triton()
    return Health()
