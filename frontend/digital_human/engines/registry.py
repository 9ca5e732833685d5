"""Engines by name: those of the project, and those of the modules that an operator adds."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping

from digital_human.engines.base import Engine
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.engines.wav2lip.engine import Wav2LipEngine
from digital_human.errors import BadInputError


class EngineRegistry(Mapping[str, Engine]):
    """Engines by name, in the order in which they were registered."""

    def __init__(self, engines: Iterable[Engine] = ()) -> None:
        self._engines: dict[str, Engine] = {}
        for engine in engines:
            self.register(engine)

    def register(self, engine: Engine) -> None:
        """Add an engine. It replaces an engine of the same name."""
        self._engines[engine.name] = engine

    def find(self, name: str) -> Engine:
        """The engine that a job names. Raises BadInputError, for the caller to read, if there is none."""
        try:
            return self._engines[name]
        except KeyError:
            known = ", ".join(sorted(self._engines))
            raise BadInputError("engine_unknown", engine=name, known=known) from None

    def __getitem__(self, name: str) -> Engine:
        return self._engines[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._engines)

    def __len__(self) -> int:
        return len(self._engines)


def load_engines(modules: Iterable[str] = ()) -> EngineRegistry:
    """The project's engines and those of `modules`.

    Each module is imported, and its function `register_engines(registry)` is called.

    Raises BadInputError if a module cannot be imported or lacks the function.
    """
    registry = EngineRegistry([DefaultEngine(), Wav2LipEngine(), Wav2LipEngine("wav2lip-sharp", sharpen=True)])
    for name in modules:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            raise BadInputError("engine_module_failed", module=name, reason=str(error)) from error
        if not hasattr(module, "register_engines"):
            raise BadInputError("engine_module_without_function", module=name)
        module.register_engines(registry)
    return registry
