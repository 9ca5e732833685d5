"""Networks are kept as they were compiled, and compiled again where what is kept cannot be trusted."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import openvino
import pytest

ROOT = Path(__file__).resolve().parents[2]
MESH = ROOT / "model_repository" / "face_mesh" / "1"
OPTIONS = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}


@pytest.fixture(scope="module")
def compiled() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "backends" / "onnxruntime")
        yield importlib.import_module("compiled")


def test_openvino_comes_without_its_converter() -> None:
    code = "import sys, compiled, openvino; print(openvino.__version__, *sys.modules)"
    where = {**os.environ, "PYTHONPATH": str(ROOT / "backends" / "onnxruntime")}
    said = subprocess.run([sys.executable, "-c", code], env=where, capture_output=True, text=True, check=True).stdout
    assert said.startswith(openvino.__version__)
    assert "openvino_telemetry" not in said and "openvino.tools.ovc." not in said


class Core(openvino.Core):  # type: ignore[misc]  # OpenVINO has no type hints
    """Counts what it compiles."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def compile_model(self, *arguments: Any) -> Any:
        self.count += 1
        return super().compile_model(*arguments)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MESH, tmp_path / "1"), "model.onnx")


def landmarks(network: Any) -> np.ndarray[Any, Any]:
    faces = np.random.default_rng(0).integers(0, 256, (2, 192, 192, 3), np.uint8)
    return np.array(network({"face": faces})["landmarks"])


def test_a_network_compiled_before_is_read_and_computes_the_same(
    compiled: ModuleType, model: Path, tmp_path: Path
) -> None:
    core = Core()
    first, second = (compiled.compile_network(core, model, OPTIONS, tmp_path / "kept") for _ in range(2))
    assert core.count == 1
    assert np.array_equal(landmarks(first), landmarks(second))


def test_other_weights_and_other_options_are_compiled_anew(compiled: ModuleType, model: Path, tmp_path: Path) -> None:
    core, kept = Core(), tmp_path / "kept"
    compiled.compile_network(core, model, OPTIONS, kept)
    compiled.compile_network(core, model, {**OPTIONS, "INFERENCE_NUM_THREADS": 2}, kept)
    # Weights of large networks lie in files of their own.
    (model.parent / "weights.bin").write_bytes(b"other")
    compiled.compile_network(core, model, OPTIONS, kept)
    assert core.count == len(list(kept.iterdir())) == 3


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: content[:99] + b"?" + content[100:]])
def test_a_damaged_file_is_replaced(compiled: ModuleType, model: Path, tmp_path: Path, damage: Any) -> None:
    core, kept = Core(), tmp_path / "kept"
    expected = landmarks(compiled.compile_network(core, model, OPTIONS, kept))
    [file] = kept.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert np.array_equal(landmarks(compiled.compile_network(core, model, OPTIONS, kept)), expected)
    assert core.count == 2
    assert compiled._read(file) is not None


def test_a_file_that_openvino_refuses_is_replaced(compiled: ModuleType, model: Path, tmp_path: Path) -> None:
    core, kept = Core(), tmp_path / "kept"
    compiled.compile_network(core, model, OPTIONS, kept)
    [file] = kept.iterdir()
    compiled._write(file, b"of another time")
    compiled.compile_network(core, model, OPTIONS, kept)
    assert core.count == 2


def test_a_folder_that_cannot_be_written_costs_only_the_time(compiled: ModuleType, model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert len(landmarks(compiled.compile_network(Core(), model, OPTIONS, tmp_path / "file" / "kept"))) == 2


def test_those_not_used_for_longest_are_forgotten(
    compiled: ModuleType, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "KEPT_BYTES", 4 * 2**20)  # the new one and one more
    kept = tmp_path / "kept"
    kept.mkdir()
    for age, name in enumerate(("b.blob", "a.blob", ".part")):
        (kept / name).write_bytes(bytes(2**20))
        os.utime(kept / name, (0, 9 - age))
    compiled.compile_network(Core(), model, OPTIONS, kept)
    assert [file.name for file in kept.iterdir() if file.stat().st_mtime < 10] == ["b.blob"]
