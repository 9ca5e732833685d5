"""Wav2Lip as it is exported draws what the published network draws, with uint8 pictures on both sides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import openvino
import pytest
import torch
import torch.nn.functional as F

from digital_human.core.frame import Frame
from digital_human.media import EncoderSettings, VideoReader, write_video
from export import BadWeightsError, int8
from export import __main__ as cli
from export.calibration import recorded_inputs
from export.exporters import wav2lip as exporter
from export.exporters.wav2lip import in_int8, to_onnx, wrap
from export.networks.wav2lip import Wav2Lip
from export.wav2lip_weights import FIRST_ROW, load_onnx
from tests.wav2lip import tiny_onnx

Inputs = tuple[npt.NDArray[Any], npt.NDArray[Any]]
State = dict[str, torch.Tensor]

# Least PSNR of the bf16 network against fp32, in dB of 8-bit values; random weights reach 37.
BF16_PSNR = 35.0
# The same in 8-bit integers; random weights, which are more sensitive than trained ones, reach about 25.
INT8_PSNR = 22.0
# Faces for 8-bit integers: a quarter of what the exporter takes, as each runs through the whole network.
FACES = 16


@pytest.fixture(scope="module")
def bare(network: Wav2Lip) -> onnx.ModelProto:
    """Exported from train mode, which must not matter."""
    try:
        return to_onnx(network.train())
    finally:
        network.eval()


@pytest.fixture(scope="module")
def wrapped(bare: onnx.ModelProto) -> bytes:
    result: bytes = wrap(bare).SerializeToString()
    return result


@pytest.fixture(scope="module")
def inputs() -> Inputs:
    """mel float32 [3, 80, 16] and smooth faces uint8 [3, 96, 96, 3]."""
    random = np.random.default_rng(1)
    mel = random.uniform(-4, 4, (3, 80, 16)).astype(np.float32)
    coarse = torch.from_numpy(random.uniform(0, 255, (3, 3, 12, 12)))
    faces = F.interpolate(coarse, (96, 96), mode="bicubic").clamp(0, 255).permute(0, 2, 3, 1)
    return mel, faces.numpy().astype(np.uint8)


@pytest.fixture(scope="module")
def talking(samples: Path, template_frames: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shortest clip from which 8-bit integers are made."""
    clip = tmp_path_factory.mktemp("clip") / "talking.mp4"
    info = VideoReader(samples / "template.mkv").info
    write_video(
        clip, template_frames[: 2 * FACES], info, samples / "speech.wav", 2 * FACES, EncoderSettings("ultrafast")
    )
    return clip


@pytest.fixture(scope="module")
def quantised_once() -> Iterator[None]:
    """The same network with the same clips is quantised once: that takes half a minute."""
    done: dict[bytes, onnx.ModelProto] = {}

    def once(network: onnx.ModelProto, samples: int8.Batch) -> onnx.ModelProto:
        key = network.SerializeToString() + b"".join(array.tobytes() for array in samples.values())
        if key not in done:
            done[key] = quantised(network, samples)
        return done[key]

    quantised = int8.quantised
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(int8, "quantised", once)
        yield


def published(state: State, mel: torch.Tensor, face: torch.Tensor) -> torch.Tensor:
    """The architecture of the paper's code, written from the names and shapes of its state dict alone."""

    def layer(
        name: str, x: torch.Tensor, stride: int | tuple[int, int] = 1, padding: int | None = None
    ) -> torch.Tensor:
        weight, bias = state[f"{name}.conv_block.0.weight"], state[f"{name}.conv_block.0.bias"]
        size = weight.shape[-1]
        padding = size // 2 if padding is None else padding
        if weight.shape[0] == bias.shape[0]:
            y = F.conv2d(x, weight, bias, stride, padding)
        else:
            y = F.conv_transpose2d(x, weight, bias, stride, padding, output_padding=1 if stride == 2 else 0)
        norm = [state[f"{name}.conv_block.1.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        mean, variance, scale, shift = (value[:, None, None] for value in norm)
        y = (y - mean) / torch.sqrt(variance + 1e-5) * scale + shift
        is_residual = stride == 1 and padding == 1 and x.shape == y.shape
        return F.relu(y + x if is_residual else y)

    def count(prefix: str) -> int:
        found = [int(match[1]) for name in state if (match := re.match(rf"{re.escape(prefix)}\.(\d+)\.", name))]
        return max(found) + 1

    seen = []
    for stage in range(count("face_encoder_blocks")):
        for k in range(count(f"face_encoder_blocks.{stage}")):
            last = stage == 6
            stride = 2 if k == 0 and stage not in (0, 6) else 1
            face = layer(f"face_encoder_blocks.{stage}.{k}", face, stride, 0 if last else None)
        seen.append(face)
    strides: dict[int, int | tuple[int, int]] = {3: (3, 1), 6: 3, 9: (3, 2)}
    for k in range(count("audio_encoder")):
        mel = layer(f"audio_encoder.{k}", mel, strides.get(k, 1), 0 if k >= 11 else None)
    x = mel
    for stage in range(count("face_decoder_blocks")):
        for k in range(count(f"face_decoder_blocks.{stage}")):
            stride = 2 if k == 0 and stage >= 2 else 1
            x = layer(f"face_decoder_blocks.{stage}.{k}", x, stride, 0 if k == 0 and stage < 2 else None)
        x = torch.cat([x, seen.pop()], 1)
    x = layer("output_block.0", x)
    return torch.sigmoid(F.conv2d(x, state["output_block.1.weight"], state["output_block.1.bias"]))


def published_input(mel: npt.NDArray[Any], faces: npt.NDArray[Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mel and RGB faces as the published inference lays them before the network: BGR, lower half of the first black."""
    whole = faces[..., ::-1].astype(np.float32) / 255
    masked = whole.copy()
    masked[:, 48:] = 0
    both = np.concatenate([masked, whole], 3).transpose(0, 3, 1, 2)
    return torch.from_numpy(mel[:, None]), torch.from_numpy(both)


def run(model: bytes, **feeds: npt.NDArray[Any]) -> npt.NDArray[Any]:
    result: npt.NDArray[Any] = onnxruntime.InferenceSession(model).run(None, feeds)[0]
    return result


def test_the_network_is_the_published_one(network: Wav2Lip, inputs: Inputs) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == 36_298_035
    source, target = published_input(*inputs)
    with torch.no_grad():
        ours, theirs = network(source, target), published(network.state_dict(), source, target)
    assert theirs.std() > 0.01
    assert (ours - theirs).abs().max() < 1e-4


@pytest.mark.parametrize("first_row", [1, 7, FIRST_ROW, 48, 95])
def test_rows_that_are_drawn_are_those_of_the_whole_network(first_row: int, network: Wav2Lip, inputs: Inputs) -> None:
    lower = Wav2Lip(first_row).eval()
    lower.load_state_dict(network.state_dict())
    source, target = published_input(*inputs)
    with torch.no_grad():
        found, wanted = lower(source, target), network(source, target)
    assert found.shape == wanted.shape
    assert (found - wanted)[:, :, first_row:].abs().max() < 1e-5
    assert torch.equal(found[:, :, :first_row], target[:, 3:, :first_row])


def test_onnx_equals_torch(network: Wav2Lip, bare: onnx.ModelProto, inputs: Inputs) -> None:
    source, target = published_input(*inputs)
    with torch.no_grad():
        wanted = network(source, target).numpy()
    found = run(bare.SerializeToString(), source=source.numpy(), target=target.numpy())
    assert np.abs(found - wanted).max() < 1e-4


def test_pictures_go_in_and_out_as_bytes(network: Wav2Lip, wrapped: bytes, inputs: Inputs) -> None:
    mel, faces = inputs
    with torch.no_grad():
        wanted = network(*published_input(mel, faces)).numpy().transpose(0, 2, 3, 1)[..., ::-1] * 255
    image = run(wrapped, mel=mel, face=faces)
    assert image.dtype == np.uint8 and image.shape == (3, 96, 96, 3)
    assert np.abs(image - wanted).max() < 0.52


def test_bf16_stays_close(wrapped: bytes, inputs: Inputs) -> None:
    core = openvino.Core()
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        pytest.skip("this CPU has no bf16")
    compiled = core.compile_model(core.read_model(wrapped), "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    mel, faces = inputs
    image = compiled({"mel": mel, "face": faces})["image"].astype(float)
    error = ((image - run(wrapped, mel=mel, face=faces)) ** 2).mean()
    assert 10 * np.log10(255**2 / error) > BF16_PSNR


# Of the face that is given no row is kept here, and ONNX Runtime looks for the range of nothing.
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide:RuntimeWarning")
@pytest.mark.slow
@pytest.mark.usefixtures("quantised_once")
def test_in_8_bit_integers_it_draws_nearly_the_same(
    wrapped: bytes, talking: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(exporter, "LEAST_PSNR", INT8_PSNR)
    monkeypatch.setattr(exporter, "FACES", FACES)
    small = in_int8(onnx.load_from_string(wrapped), [talking]).SerializeToString()
    assert len(small) < 0.3 * len(wrapped)
    assert re.search(r"PSNR \d\d\.\d dB", capsys.readouterr().out)
    # With the setting of the service, under which the rest is computed in bfloat16.
    core = openvino.Core()
    served = core.compile_model(core.read_model(small), "CPU", {"INFERENCE_PRECISION_HINT": "bf16"})
    asked = recorded_inputs("wav2lip", [talking], 8)
    found, wanted = served(asked)["image"].astype(float), run(wrapped, **asked)
    assert 10 * np.log10(255**2 / ((found - wanted)[:, 48:] ** 2).mean()) > INT8_PSNR


@pytest.mark.slow
@pytest.mark.usefixtures("quantised_once")
def test_a_network_that_suffers_from_8_bit_integers_is_refused(
    checkpoint: Path,
    talking: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(exporter, "FACES", FACES)
    with pytest.raises(SystemExit) as exit_:
        cli.main(["wav2lip", "--checkpoint", str(checkpoint), "--repository", str(tmp_path), "--int8", str(talking)])
    assert exit_.value.code == 1
    assert re.search(r"draws other faces \(PSNR 2\d\.\d dB\): leave --int8 out", capsys.readouterr().err)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_clip_of_nobody_is_named(wrapped: bytes, samples: Path) -> None:
    with pytest.raises(BadWeightsError, match=r"speech\.wav does not show how people talk: .*no video"):
        in_int8(onnx.load_from_string(wrapped), [samples / "speech.wav"])


def test_a_moment_of_somebody_is_not_enough(
    wrapped: bytes, samples: Path, template_frames: list[Frame], tmp_path: Path
) -> None:
    info, clip = VideoReader(samples / "template.mkv").info, tmp_path / "moment.mp4"
    write_video(clip, template_frames[:3], info, samples / "speech.wav", 3, EncoderSettings())
    with pytest.raises(BadWeightsError, match="show a face 32 times; here it is 3"):
        in_int8(onnx.load_from_string(wrapped), [clip])


@pytest.mark.parametrize("batch", ["1", "N"])
def test_a_ready_onnx_file_takes_any_batch(batch: str, inputs: Inputs, tmp_path: Path) -> None:
    model = wrap(load_onnx(tiny_onnx(tmp_path / "ready.onnx", 0.5, batch)))
    mel, faces = inputs
    image = run(model.SerializeToString(), mel=mel, face=faces)
    assert np.abs(image - faces * 0.5).max() <= 1
