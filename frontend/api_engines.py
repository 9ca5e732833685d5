"""The engines over REST: which there are, and loading the weights of one. Mounted by `frontend.api`."""

from __future__ import annotations

import asyncio
import hmac
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from frontend import engine_weights
from frontend.engine_weights import Weights
from frontend.engines import ENGINES, Engine
from frontend.errors import Forbidden, NotFound
from frontend.service import Service
from frontend.triton import repository

log = logging.getLogger(__name__)
router = APIRouter(prefix="/engines", tags=["engines"])


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


class Engines(BaseModel):
    engines: list[EngineInfo]


def _service(request: Request) -> Service:
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


def operator(request: Request, service: Annotated[Service, Depends(_service)]) -> None:
    """Lets the operator in: whoever knows OPERATOR_KEY or, where none is set, whoever calls from this machine."""
    key = service.settings.operator_key
    if key:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), key.encode()):
            raise Forbidden("this call needs the header `Authorization: Bearer OPERATOR_KEY`")
    elif request.client is None or request.client.host not in ("127.0.0.1", "::1"):
        raise Forbidden("this call is for the operator; set OPERATOR_KEY to make it from another machine")


@router.get("")
async def engines(service: Annotated[Service, Depends(_service)]) -> Engines:
    """Every engine and whether its weights are there."""
    service.require_triton()
    served = await asyncio.to_thread(repository.served, service.triton_url)
    return Engines(engines=[_info(engine, service, served) for engine in ENGINES.values()])


@router.post("/{name}/load", dependencies=[Depends(operator)])
async def load(name: str, service: Annotated[Service, Depends(_service)]) -> EngineInfo:
    """Load an engine's networks, or replace them by what now lies in the model repository. Jobs go on meanwhile."""
    if name not in ENGINES:
        raise NotFound(f"engine: there is none named {name!r}; known are {', '.join(sorted(ENGINES))}")
    service.require_triton()
    engine, url = ENGINES[name], service.triton_url
    await asyncio.to_thread(engine_weights.load, engine, url, service.model_repository, log.info)
    return _info(engine, service, await asyncio.to_thread(repository.served, url))


def _info(engine: Engine, service: Service, served: set[str]) -> EngineInfo:
    return EngineInfo(
        name=engine.name,
        default=engine.name == service.settings.engine,
        licence=engine.licence,
        resolution=engine.resolution,
        networks=engine.networks,
        weights=engine_weights.weights(engine, served, service.model_repository),
        install=engine.install,
    )
