"""Which engines have their weights, and loading them into a running Triton."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from digital_human.engines import Engine
from digital_human.errors import BadInputError
from digital_human.triton import repository as triton_repository

Weights = Literal["loaded", "installed", "missing"]
"""loaded: Triton serves them; installed: they lie in its model repository, if that is within reach."""


def weights(engine: Engine, served: set[str], repository: Path | None) -> Weights:
    """served: models that are ready; repository: of the embedded Triton, None for an external one."""
    if served.issuperset(engine.models):
        return "loaded"
    present = served.union(triton_repository.installed(repository) if repository else ())
    return "installed" if present.issuperset(engine.models) else "missing"


def require_loaded(engine: Engine, url: str, repository: Path | None) -> None:
    """Raises BadInputError that says how to bring the weights of an engine, or how to load them."""
    found = weights(engine, triton_repository.served(url), repository)
    if found == "missing":
        raise _missing(engine)
    if found == "installed":
        raise BadInputError("engine_not_loaded", engine=engine.name, call=_load_call(engine))


def load(engine: Engine, url: str, repository: Path | None, log: Callable[[str], None] = lambda text: None) -> None:
    """Load the engine's models, or load them again where their files have changed. Jobs go on meanwhile.

    Raises BadInputError where weights are missing or cannot be loaded.
    """
    if repository and weights(engine, set(), repository) == "missing":
        raise _missing(engine)
    for model in engine.models:
        triton_repository.load(url, model)
        log(f"{model} was loaded for engine {engine.name}")


def _missing(engine: Engine) -> BadInputError:
    if engine.install:
        return BadInputError(
            "engine_not_installed", engine=engine.name, command=engine.install, call=_load_call(engine)
        )
    return BadInputError("engine_without_weights", engine=engine.name, call=_load_call(engine))


def _load_call(engine: Engine) -> str:
    return f"POST /engines/{engine.name}/load"
