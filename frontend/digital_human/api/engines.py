"""The engines: which there are, and loading the weights of one."""

from __future__ import annotations

import asyncio
import logging

from fastapi import APIRouter
from pydantic import BaseModel, Field

from digital_human.api.auth import CallerDep, OperatorDep, ServiceDep, schemes
from digital_human.api.errors import error_responses
from digital_human.engines import Engine
from digital_human.errors import NotFoundError
from digital_human.runtime import engine_weights
from digital_human.runtime.engine_weights import Weights
from digital_human.service import Service
from digital_human.triton import repository

log = logging.getLogger(__name__)
router = APIRouter(prefix="/engines", tags=["engines"], dependencies=schemes)


class EngineInfo(BaseModel):
    name: str = Field(description="What `engine` of a job may be.")
    default: bool = Field(description="Whether it is taken where a job names none.")
    licence: str = Field(description="Under which its weights may be used.")
    resolution: int | None = Field(
        description="Side of the face it draws, in pixels; null: as large as the template's."
    )
    networks: tuple[str, ...] = Field(description="The Triton models it needs.")
    weights: Weights = Field(
        description="`loaded`: ready for jobs; `installed`: to be loaded; `missing`: to be installed."
    )
    install: str = Field(description="The command that installs its weights; empty where they ship.")
    mouth_strength: bool = Field(description="Whether a job may ask for another `mouth_strength` than 1.")


class Engines(BaseModel):
    engines: list[EngineInfo]


@router.get("", responses=error_responses(401, 503))
async def engines(service: ServiceDep, caller: CallerDep) -> Engines:
    """Every engine and whether its weights are there."""
    await asyncio.to_thread(service.require_triton)
    served = await asyncio.to_thread(repository.served, service.triton_url)
    return Engines(engines=[_info(engine, service, served) for engine in service.engines.values()])


@router.post("/{name}/load", responses=error_responses(400, 401, 403, 404, 503))
async def load(name: str, service: ServiceDep, caller: OperatorDep) -> EngineInfo:
    """Load an engine's models, or reload them from the model repository. Jobs continue meanwhile."""
    if name not in service.engines:
        raise NotFoundError("engine_unknown", engine=name, known=", ".join(sorted(service.engines)))
    await asyncio.to_thread(service.require_triton)
    engine, url = service.engines[name], service.triton_url
    await asyncio.to_thread(engine_weights.load, engine, url, service.model_repository, log.info)
    return _info(engine, service, await asyncio.to_thread(repository.served, url))


def _info(engine: Engine, service: Service, served: set[str]) -> EngineInfo:
    return EngineInfo(
        name=engine.name,
        default=engine.name == service.settings.engine,
        licence=engine.licence,
        resolution=engine.resolution,
        networks=engine.models,
        weights=engine_weights.weights(engine, served, service.model_repository),
        install=engine.install,
        mouth_strength=engine.has_strength,
    )
