"""Engines are found by name, those of an operator's modules too."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from digital_human.engines.registry import EngineRegistry, load_engines
from digital_human.engines.wav2lip.engine import Wav2LipEngine
from digital_human.errors import BadInputError


def test_the_projects_engines_are_registered() -> None:
    assert list(load_engines()) == ["default", "wav2lip", "wav2lip-sharp"]


def test_a_module_adds_its_engines_to_one_registry_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "from digital_human.engines.wav2lip.engine import Wav2LipEngine", "def register_engines(registry):"
    (tmp_path / "added_engine.py").write_text("\n".join([*lines, "    registry.register(Wav2LipEngine('added'))"]))
    monkeypatch.syspath_prepend(tmp_path)
    assert load_engines(["added_engine"]).find("added").name == "added"
    assert "added" not in load_engines()
    del sys.modules["added_engine"]


def test_an_engine_replaces_one_of_the_same_name() -> None:
    registry = EngineRegistry([Wav2LipEngine()])
    other = Wav2LipEngine(sharpen=True)
    registry.register(other)
    assert registry["wav2lip"] is other and len(registry) == 1


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInputError, match="none named 'nobody'; known are default, wav2lip, wav2lip-sharp"):
        load_engines().find("nobody")


def test_a_module_that_is_missing_is_named() -> None:
    with pytest.raises(BadInputError, match="ENGINE_MODULES: no_such_module cannot be imported"):
        load_engines(["no_such_module"])


def test_a_module_that_registers_nothing_is_named() -> None:
    with pytest.raises(BadInputError, match=r"ENGINE_MODULES: this has no function register_engines\(registry\)"):
        load_engines(["this"])
