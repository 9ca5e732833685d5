"""Rooms import only what lies on floors below them, and the service never imports a network runtime."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "frontend" / "digital_human"

FLOORS = (
    ("version", "resources", "messages", "client", "live_client"),
    ("errors",),
    ("settings", "core"),
    ("net", "observability", "provenance"),
    ("files", "triton"),
    ("media", "tracking"),
    ("engines",),
    ("occlusion", "inspection", "speech", "subtitles"),
    ("pipeline",),
    ("runtime",),
    ("jobs",),
    ("live",),
    ("service",),
    ("api",),
    ("commands",),
    ("cli",),
)
"""Folders and top-level modules of the package, the lowest first. None imports its own floor or one above it."""

RUNTIMES = ("torch", "onnx", "onnxruntime", "openvino", "tensorflow", "export", "training", "benchmarks", "backends")
"""Models are Triton's business; the folders beside the package are not part of the wheel."""

HOMES = {
    "av": {"media", "pipeline", "commands", "live"},
    "tritonclient": {"triton"},
    "dbos": {"jobs"},
    "aiortc": {"live"},
    "fastapi": {"api"},
    "uvicorn": {"commands"},
    "rich": {"cli", "commands"},
    "mcp": {"commands"},
    "PIL": {"subtitles"},
}
"""The only rooms that may import a library."""


@cache
def imports_of(path: Path) -> tuple[str, ...]:
    """Every module that a file imports, those inside functions and under TYPE_CHECKING included."""
    return tuple(_imports_of(path))


def _imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # The client is also a package of another name.
            assert node.level == (path.parent == PACKAGE / "client" and node.level), f"{path}: relative import"
            assert node.module is not None
            module = f"digital_human.client.{node.module}" if node.level else node.module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def rooms() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in PACKAGE.rglob("*.py"):
        found.setdefault(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), []).append(path)
    del found["__init__"]
    return found


def test_every_room_has_a_floor() -> None:
    assert set(rooms()) == {room for floor in FLOORS for room in floor}


def test_imports_point_down() -> None:
    floor_of = {room: level for level, floor in enumerate(FLOORS) for room in floor}
    backwards = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for room, paths in rooms().items()
        for path in paths
        for name in imports_of(path)
        if name.startswith("digital_human.") and (target := name.split(".")[1]) in floor_of
        if target != room and floor_of[target] >= floor_of[room]
    ]
    assert backwards == []


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_service_imports_no_network_runtime(runtime: str) -> None:
    users = [
        path for paths in rooms().values() for path in paths if runtime in {n.split(".")[0] for n in imports_of(path)}
    ]
    assert users == []


@pytest.mark.parametrize("library", HOMES)
def test_a_library_stays_in_its_rooms(library: str) -> None:
    users = {
        room
        for room, paths in rooms().items()
        for path in paths
        if library in {n.split(".")[0] for n in imports_of(path)}
    }
    assert users <= HOMES[library]
    assert users, f"nobody imports {library} any more"


def test_modules_import_each_other_in_no_circle() -> None:
    modules = {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }
    needs = {
        name: {target for found in imports_of(path) if (target := _module(found, modules)) not in (None, name)}
        for name, path in modules.items()
    }
    left = dict(needs)
    while free := [name for name, targets in left.items() if not targets & left.keys()]:
        for name in free:
            del left[name]
    assert list(left) == []


def _module(name: str, modules: dict[str, Path]) -> str | None:
    """The module that an import of `name`, or of an attribute of that name, loads."""
    return next((module for module in (name, name.rpartition(".")[0]) if module in modules), None)


def test_only_the_standard_library_is_known_to_the_guard() -> None:
    guard = PACKAGE / "triton" / "embedded" / "guard.py"
    assert {name.split(".")[0] for name in imports_of(guard)} - {"__future__"} <= set(sys.stdlib_module_names)
