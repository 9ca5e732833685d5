"""`python -m export`: listing does not import what it lists."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from export.__main__ import main, networks


def test_lists_the_face_networks_without_importing_them() -> None:
    script = "import sys; from export.__main__ import main; main([]); assert 'onnx' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[0].startswith("face_detector")


def test_knows_only_modules_that_export() -> None:
    assert {"face_detector", "face_mesh"} <= set(networks())
    assert not {"graph", "tflite_to_onnx"} & set(networks())


def test_rebuilds_a_network_where_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["face_mesh", "--repository", str(tmp_path)])
    assert (tmp_path / "face_mesh" / "1" / "model.onnx").stat().st_size > 1e6


def test_names_what_there_is_when_asked_for_something_else(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["no_such_network"])
    assert "face_mesh" in capsys.readouterr().err
