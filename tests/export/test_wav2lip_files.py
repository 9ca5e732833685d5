"""Checkpoints and ONNX files of Wav2Lip, in every form the field passes them round, are loaded or refused in words."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
import torch

from export import BadWeightsError
from export import __main__ as cli
from export.networks.wav2lip import Wav2Lip
from export.wav2lip_weights import FIRST_ROW, load_checkpoint, load_onnx
from tests.wav2lip import tiny_onnx


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
@pytest.mark.parametrize("form", ["official", "bare", "torchscript"])
def test_every_form_of_checkpoint_loads(form: str, network: Wav2Lip, checkpoint: Path, tmp_path: Path) -> None:
    path = checkpoint if form == "official" else tmp_path / "weights.pth"
    if form == "bare":
        torch.save(network.state_dict(), path)
    elif form == "torchscript":
        torch.jit.script(network).save(path)
    loaded = load_checkpoint(path)
    assert loaded.first_row == FIRST_ROW
    assert all(torch.equal(loaded.state_dict()[name], tensor) for name, tensor in network.state_dict().items())


def test_a_checkpoint_that_does_not_fit_is_named(network: Wav2Lip, tmp_path: Path) -> None:
    state = network.state_dict()
    del state["audio_encoder.3.conv_block.0.weight"]
    state["face_decoder_blocks.9.0.weight"] = torch.zeros(1)
    state["output_block.1.bias"] = torch.zeros(4)
    torch.save({"state_dict": state}, tmp_path / "other.pth")
    with pytest.raises(BadWeightsError) as error:
        load_checkpoint(tmp_path / "other.pth")
    for part in ("other.pth", "lacks audio_encoder.3.conv_block.0.weight", "unknown face_decoder_blocks.9.0.weight"):
        assert part in str(error.value)
    assert "output_block.1.bias is [4] and should be [3]" in str(error.value)


class Unsafe:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("executed"),))


def test_a_checkpoint_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": Unsafe()}, "evil.pth")
    with pytest.raises(BadWeightsError, match=r"evil\.pth cannot be read"):
        load_checkpoint(Path("evil.pth"))
    assert not Path("executed").exists()


@pytest.mark.parametrize("content", [b"", b"<html>quota exceeded</html>"])
def test_what_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "page.pth").write_bytes(content)
    with pytest.raises(BadWeightsError, match=r"page\.pth"):
        load_checkpoint(tmp_path / "page.pth")
    with pytest.raises(BadWeightsError, match=r"page\.pth is not an ONNX file"):
        load_onnx(tmp_path / "page.pth")
    with pytest.raises(BadWeightsError, match="does not exist"):
        load_checkpoint(tmp_path / "absent.pth")


@pytest.mark.parametrize(("weight", "warned"), [(64, False), (127, True)])
def test_a_ready_8_bit_file_that_overflows_without_vnni_is_warned_about(
    weight: int, warned: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(tiny_onnx(tmp_path / "ready.onnx", 1))
    constants = [tensor for tensor in model.graph.initializer if tensor.name != "brightness"]
    constants.append(onnx.helper.make_tensor("coarse", onnx.TensorProto.INT8, [1, 1], [weight]))
    constants.append(onnx.helper.make_tensor("step", onnx.TensorProto.FLOAT, [], [1 / weight]))
    del model.graph.initializer[:]
    model.graph.initializer.extend(constants)
    model.graph.node.insert(0, onnx.helper.make_node("DequantizeLinear", ["coarse", "step"], ["brightness"]))
    onnx.save(model, tmp_path / "coarse.onnx")
    cli.main(["wav2lip", "--onnx", str(tmp_path / "coarse.onnx"), "--repository", str(tmp_path)])
    said = capsys.readouterr().err
    assert ("coarse.onnx has 8-bit weights beyond +-64 (coarse)" in said) == warned
    assert (tmp_path / "wav2lip" / "1" / "model.onnx").is_file()


def test_an_onnx_file_that_does_not_fit_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadWeightsError, match="inputs are audio, target and should be source"):
        load_onnx(tiny_onnx(tmp_path / "named.onnx", 1, source="audio"))
    with pytest.raises(
        BadWeightsError, match=r"source is FLOAT \['N', 1, 40, 16\] and should be FLOAT \['N', 1, 80, 16\]"
    ):
        load_onnx(tiny_onnx(tmp_path / "small.onnx", 1, "N", bands=40))


def test_the_command_fills_any_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ready, repository = tiny_onnx(tmp_path / "ready.onnx", 1), tmp_path / "repository"
    cli.main(["wav2lip", "--onnx", str(ready), "--repository", str(repository)])
    assert sorted(str(path.relative_to(repository)) for path in repository.rglob("*") if path.is_file()) == [
        "wav2lip/1/model.onnx",
        "wav2lip/config.pbtxt",
    ]
    with pytest.raises(SystemExit) as exit_:
        cli.main(["wav2lip", "--repository", str(repository)])
    assert exit_.value.code == 1
    assert "--checkpoint FILE.pth" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["face_mesh", "--onnx", str(ready)])
    assert "the weights of face_mesh ship" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["face_mesh", "--int8"])
    assert "the weights of face_mesh ship" in capsys.readouterr().err
