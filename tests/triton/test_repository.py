"""Models of the user's own stand beside those that ship."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from digital_human.errors import BadInputError
from digital_human.resources import bundled
from digital_human.triton import kserve
from digital_human.triton.embedded.server import TritonServer
from digital_human.triton.repository import combine, installed, load, served


def add(repository: Path, model: str, *names: str) -> None:
    for name in names:
        path = repository / model / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{repository.name} {name}")


def test_weights_brought_by_the_user_meet_the_configuration_that_ships(tmp_path: Path) -> None:
    shipped, own, seen = tmp_path / "shipped", tmp_path / "own", tmp_path / "seen"
    add(shipped, "face", "config.pbtxt", "1/model.onnx")
    add(shipped, "wav2lip", "config.pbtxt")
    combine((shipped, own), seen)
    assert installed(seen) == ["face"]
    add(own, "wav2lip", "1/model.onnx")
    add(own, "face", "1/model.onnx")
    add(own, "voice", "config.pbtxt", "1/model.onnx")
    combine((shipped, own), seen)
    assert installed(seen) == ["face", "voice", "wav2lip"]
    assert (seen / "wav2lip" / "config.pbtxt").read_text() == "shipped config.pbtxt"
    assert (seen / "face" / "1" / "model.onnx").read_text() == "own 1/model.onnx"


def test_what_is_taken_away_is_gone(tmp_path: Path) -> None:
    own, seen = tmp_path / "own", tmp_path / "seen"
    add(own, "voice", "config.pbtxt", "1/model.onnx", "2/model.onnx")
    combine((own,), seen)
    (own / "voice" / "2" / "model.onnx").unlink()
    (own / "voice" / "2").rmdir()
    combine((own,), seen)
    assert sorted(path.name for path in (seen / "voice").iterdir()) == ["1", "config.pbtxt"]


def test_a_load_that_fails_leaves_triton_ready(tmp_path: Path) -> None:
    """As Kubernetes sees it, which restarts a server that is not."""
    shutil.copytree(bundled("model_repository") / "face_mesh", tmp_path / "face_mesh")
    add(tmp_path, "empty", "1/model.onnx")
    shutil.copy(tmp_path / "face_mesh" / "config.pbtxt", tmp_path / "empty")
    with TritonServer(tmp_path, loads=("face_mesh",)) as server:
        server.ready()
        with pytest.raises(BadInputError, match="Triton cannot load empty"):
            load(server.url, "empty")
        with pytest.raises(BadInputError, match="no model absent"):
            load(server.url, "absent")
        assert kserve.call(server.url, "v2/health/ready")[0] == 200
        assert served(server.url) == {"face_mesh"}
