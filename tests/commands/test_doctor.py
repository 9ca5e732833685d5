"""`digital-human doctor`, where it looks at more than what is installed."""

from __future__ import annotations

import io
import shutil
import socket
from pathlib import Path

import pytest
from rich.console import Console

from digital_human import cli
from digital_human.commands import doctor
from digital_human.settings import Settings
from digital_human.triton.embedded import install
from digital_human.triton.embedded.install import Check
from digital_human.triton.embedded.server import TritonServer


def test_a_port_is_in_order_where_this_service_has_it(address: str, triton: TritonServer, tmp_path: Path) -> None:
    """As in a container, where the service runs before anybody can ask."""
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        for port, is_ok in ((int(address.rsplit(":", 1)[1]), True), (stranger.getsockname()[1], False)):
            settings = Settings(triton_url=triton.url, base_path=tmp_path, port=port)
            checks = {check.name: check for check in doctor.examine(settings)}
            assert checks["external Triton"].ok and checks["port"].ok is is_ok, checks


@pytest.mark.parametrize(
    ("distributions", "said"),
    [
        (set(), "onnxruntime-gpu is not installed"),
        ({"onnxruntime"}, "onnxruntime-gpu is not installed"),
        ({"onnxruntime", "onnxruntime-gpu"}, "overwrite each other"),
        ({"onnxruntime-gpu"}, ""),
    ],
)
def test_a_card_that_the_networks_cannot_use_is_reported(distributions: set[str], said: str) -> None:
    reason = install.why_not_on_gpu(distributions)
    assert (said in reason) if said else not reason


def test_a_setting_that_cannot_be_is_named_at_the_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ENCODER_PRESET", "hyperfast")
    assert cli.main(["doctor"]) == 2
    assert "ENCODER_PRESET: Input should be 'ultrafast'" in capsys.readouterr().err


def test_brackets_in_what_was_found_are_shown() -> None:
    checks = [Check("voices", True, "pip install 'x[voices]'"), Check("GPU", False, "[/none]", "pip install 'x[gpu]'")]
    console = Console(width=100, file=io.StringIO(), record=True)
    console.print(doctor.table(checks))
    shown = console.export_text()
    assert "x[voices]" in shown and "[/none]" in shown and "x[gpu]" in shown


def test_the_runtimes_of_this_environment_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A card that is only a file: what is installed beside it is real."""
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(doctor, "DEVICES", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    check = doctor._gpu(Settings(base_path=tmp_path))
    assert not check.ok and "nvidia0; onnxruntime-gpu is not installed" in check.detail
    assert doctor._gpu(Settings(base_path=tmp_path, triton_url="localhost:1")).ok


def test_a_card_that_the_networks_cannot_use_is_kept_from_triton(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It would give them a place on the card, and callers would fill up their batches for nothing."""
    found = install.find()
    assert found.environment(tmp_path, {"CUDA_VISIBLE_DEVICES": "1"})["CUDA_VISIBLE_DEVICES"] == ""
    monkeypatch.setattr(install, "onnxruntimes", lambda: {"onnxruntime-gpu"})
    assert found.environment(tmp_path, {"CUDA_VISIBLE_DEVICES": "1"})["CUDA_VISIBLE_DEVICES"] == "1"
    assert "CUDA_VISIBLE_DEVICES" not in found.environment(tmp_path, {})
