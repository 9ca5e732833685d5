"""Calls for the operator of the service, who has a separate key."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from pydantic import BaseModel

from digital_human.api.auth import OperatorDep, ServiceDep, schemes
from digital_human.api.blocking import run_blocking
from digital_human.api.errors import error_responses

router = APIRouter(prefix="/operator", tags=["operator"], dependencies=schemes)


class Status(BaseModel):
    queued: int
    running: int
    triton_ready: bool
    triton_restarts: int
    stopping: bool


@router.get("/status", responses=error_responses(401, 403, 503))
async def status(service: ServiceDep, caller: OperatorDep) -> Status:
    """Jobs in the queue and under way, in all processes, and how this process's Triton does."""
    counts = await run_blocking(service.jobs.counts)
    is_ready = await asyncio.to_thread(service.triton.is_ready)
    return Status(
        queued=counts["queued"],
        running=counts["running"],
        triton_ready=is_ready,
        triton_restarts=service.triton.restarts,
        stopping=service.jobs.is_stopping,
    )
