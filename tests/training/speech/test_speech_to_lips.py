"""The speech -> lip shape network: its front end, its shapes, its export, and what the committed one does."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
openvino = pytest.importorskip("openvino")

from digital_human.engines.exemplar.retargeting import STANDARD_APERTURE  # noqa: E402
from export.exporters.speech_to_lips import export  # noqa: E402
from export.networks.moonshine import VECTOR_FIRST, VECTOR_HOP, WIDTH  # noqa: E402
from export.networks.speech_to_lips import (  # noqa: E402
    APART,
    CLOSED,
    FFT_SIZE,
    HOP,
    HUSHED,
    LIPS,
    MARGIN,
    PHONEMES,
    SAMPLE_RATE,
    SETTLED,
    WINDOW,
    Head,
    MelPower,
    SpeechToLips,
    _hushed,
    _lasting,
    load,
    mel_filters,
    on_steps,
    save,
)

Float32 = npt.NDArray[np.float32]

MODEL = Path(__file__).parents[3] / "model_repository" / "speech_to_lips"
LIBROSA = ((0, 3, 0.0168779), (20, 32, 0.0213463), (40, 80, 0.0076587), (63, 232, 0.0029185))
"""Band, bin and height of peaks of librosa.filters.mel(sr=16000, n_fft=512, n_mels=64, fmin=60, fmax=7600)."""
OUTPUTS = ["lips", "aperture", "closure", "silence", "phonemes"]


@pytest.fixture(scope="module")
def committed() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(MODEL / "1" / "model.onnx"), options)


def ask(session: onnxruntime.InferenceSession, audio: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """Outputs for one recording [samples], without the batch axis."""
    told = session.run(OUTPUTS, {"audio": audio[None].astype(np.float32)})
    return {name: value[0] for name, value in zip(OUTPUTS, told, strict=True)}


def bias_of(layer: Any) -> Any:
    assert layer.bias is not None
    return layer.bias


def noise(*shape: int) -> Float32:
    return np.random.default_rng(1).normal(0, 0.1, shape).astype(np.float32)


def test_spectrogram_is_the_centred_fourier_transform() -> None:
    audio = noise(1, 8000)
    power = MelPower().spectrogram(torch.from_numpy(audio))[0].numpy()
    assert power.shape == (FFT_SIZE // 2 + 1, 50)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    for index in (2, 20, 45):
        middle = round((index + 0.5) * HOP)
        piece = audio[0, middle - WINDOW // 2 : middle + WINDOW // 2]
        expected = np.abs(np.fft.rfft(piece * window, FFT_SIZE)) ** 2
        assert np.abs(power[:, index] - expected).max() < 1e-3 * expected.max()


def test_mel_filters_are_slaneys() -> None:
    filters = mel_filters()
    for band, peak, weight in LIBROSA:
        assert filters[band].argmax() == peak
        assert filters[band, peak] == pytest.approx(weight, rel=1e-3)


def test_vectors_of_the_encoder_come_to_the_middle_of_the_steps() -> None:
    """Vectors that grow with the time they stand for, so that interpolation gives the time back."""
    count, steps = 40, 30
    times = (VECTOR_FIRST + VECTOR_HOP * torch.arange(count) - MARGIN) / SAMPLE_RATE
    found = on_steps(times[None, :, None].expand(1, count, 3), steps)
    assert torch.allclose(found[0, :, 0], (torch.arange(steps) + 0.5) / 50, atol=1e-4)


def test_the_gate_of_the_head_brings_the_aperture_down_to_a_shut_mouth() -> None:
    head = Head(1).eval()
    vectors, mel = torch.randn(1, 50, WIDTH), torch.rand(1, 64, 100)
    with torch.no_grad():
        bias_of(head.mouths[0].to_lips).zero_()
        bias_of(head.mouths[0].to_lips)[[5, 11]] = 50.0
        told = head(vectors, mel)
        assert torch.allclose(told.aperture.clamp(min=CLOSED), torch.full_like(told.aperture, CLOSED), atol=1e-4)
        bias_of(head.mouths[0].to_lips)[[5, 11]] = -50.0
        told = head(vectors, mel)
        opened = told.lips[..., :1] > CLOSED
        assert torch.allclose(told.aperture[opened], told.lips[..., :1][opened], atol=1e-4)
    assert torch.equal(told.shape[..., 1:], told.lips[..., 1:])


def test_lips_shut_where_they_touch_and_stay_apart_in_other_sounds() -> None:
    network, audio = SpeechToLips().eval(), torch.from_numpy(noise(1, 16_000))
    with torch.no_grad():
        heard = network.head(*network.features(audio))
        told = network(audio)
        assert torch.allclose(told.lips, heard.lips, atol=1e-6)
        assert torch.equal(told.phonemes, heard.phonemes) and torch.equal(told.silence, heard.silence)
        bias_of(network.head.to_closure).fill_(-50.0)
        assert (network(audio).aperture >= CLOSED + APART - 1e-5).all()
        bias_of(network.head.to_closure).copy_(torch.tensor([50.0, -50.0, 50.0, -50.0]))
        assert torch.allclose(network(audio).aperture, torch.tensor(CLOSED))


def test_a_short_silence_does_not_shut_the_mouth_and_a_lasting_one_does() -> None:
    network, audio = SpeechToLips().eval(), torch.from_numpy(noise(1, 16_000))
    with torch.no_grad():
        bias_of(network.head.to_closure).copy_(torch.tensor([-50.0, 50.0, -50.0, 50.0]))
        assert torch.allclose(network(audio).aperture, torch.tensor(CLOSED))
    silence = torch.zeros(1, 100, 1)
    silence[:, 40:45] = 1
    assert _lasting(silence).max() == 0
    silence[:, 40:80] = 1
    assert _lasting(silence)[0, :, 0].nonzero().flatten().tolist() == list(range(40 + SETTLED, 80 - SETTLED))


@pytest.mark.parametrize(("instants", "shut"), [(15, 0), (30, 30 - sum(HUSHED))])
def test_lips_shut_in_a_pause_without_any_sound_but_not_before_a_stop(instants: int, shut: int) -> None:
    network, audio = SpeechToLips().eval(), noise(1, 16_000)
    audio[:, 50 * HOP : (50 + instants) * HOP] = 0
    with torch.no_grad():
        bias_of(network.head.to_closure).fill_(-50.0)
        aperture = network(torch.from_numpy(audio)).aperture[0, :, 0]
        assert network(torch.zeros(1, 1600)).aperture.max() == CLOSED
        hushed = _hushed(network.features(torch.from_numpy(audio))[1])[0, :, 0]
    closed = (aperture <= CLOSED + 1e-5).nonzero().flatten()
    # the filters' windows reach into the sound by an instant on either side
    assert shut - 3 <= len(closed) <= shut
    assert torch.equal(closed, (hushed == 1).nonzero().flatten())


@pytest.mark.parametrize("samples", [160, 319, 16_000, 16_161, 40_159])
def test_one_instant_for_each_whole_hop(samples: int) -> None:
    network = SpeechToLips().eval()
    with torch.no_grad():
        told = network(torch.zeros(2, samples))
    count = samples // HOP
    assert told.lips.shape == (2, count, len(LIPS))
    assert told.aperture.shape == told.closure.shape == told.silence.shape == (2, count, 1)
    assert told.phonemes.shape == (2, count, len(PHONEMES))


def test_export_equals_torch_in_onnxruntime_and_openvino(tmp_path: Path) -> None:
    torch.manual_seed(0)
    save(SpeechToLips(), {"closed_aperture": -1.0}, tmp_path / "weights.npz")
    network, constants = load(tmp_path / "weights.npz")
    assert constants == {"closed_aperture": -1.0}
    export(tmp_path, tmp_path / "weights.npz")
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    compiled = openvino.Core().compile_model(str(tmp_path / "model.onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for shape in ((1, 1600), (3, 16_161), (2, 48_000)):
        audio = noise(*shape)
        with torch.no_grad():
            told = network(torch.from_numpy(audio))
        probabilities = [told.closure[..., 0].sigmoid(), told.silence[..., 0].sigmoid(), told.phonemes.softmax(2)]
        expected = [told.lips, told.aperture[..., 0], *probabilities]
        request = compiled.create_infer_request()
        by_openvino = request.infer({"audio": audio})
        for name, want, got in zip(OUTPUTS, expected, session.run(OUTPUTS, {"audio": audio}), strict=True):
            assert np.abs(want.numpy() - got).max() < 1e-4
            assert np.abs(want.numpy() - by_openvino[name]).max() < 1e-4


def test_config_tells_the_order_and_the_constants_of_the_checkpoint(committed: onnxruntime.InferenceSession) -> None:
    config = (MODEL / "config.pbtxt").read_text()
    told = dict(re.findall(r'key: "(\w+)" value \{ string_value: "([^"]+)" \}', config))
    _, constants = load()
    assert told["lips"].split() == list(LIPS)
    assert told["phonemes"].split() == list(PHONEMES)
    assert float(told["closed_aperture"]) == constants["closed_aperture"]
    assert [output.name for output in committed.get_outputs()] == OUTPUTS
    assert json.dumps(constants)


def test_committed_model_is_the_committed_checkpoint(committed: onnxruntime.InferenceSession) -> None:
    network, _ = load()
    audio = noise(1, 32_000)
    with torch.no_grad():
        told = network(torch.from_numpy(audio))
    # The checkpoint rounds the encoder's 8-bit matrices to float16, the model has them as they came.
    assert np.abs(committed.run(["lips"], {"audio": audio})[0] - told.lips.numpy()).max() < 5e-3


@pytest.fixture(scope="module")
def mama_papa() -> tuple[Float32, Float32]:
    return say_mama_papa()


def say_mama_papa() -> tuple[Float32, Float32]:
    """Sound [samples] with half a second of silence around it, and where lips touch [T] (nan: cannot be said)."""
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("soxr")
    from training.speech.phones import label
    from training.speech.synthesis import espeak

    said = espeak().say("mama papa, mama papa", "it+f5", rate=150)
    assert said is not None
    return np.pad(said.audio, SAMPLE_RATE // 2), np.pad(label(said.phones, said.audio).closure, 50)


def test_mama_papa_shuts_on_m_and_p_and_opens_on_a(committed: onnxruntime.InferenceSession) -> None:
    closed = CLOSED
    shut, open_ = [], []
    # The voice breathes, each time otherwise.
    for _ in range(24):
        audio, touching = say_mama_papa()
        told = ask(committed, audio)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], touching == 1, [0]]).astype(int)))
        bilabials = list(zip(edges[::2] - 2, edges[1::2] + 2, strict=True))
        assert len(bilabials) == 8
        top = np.percentile(told["aperture"], 95)
        shut += [told["aperture"][first:last].min() < closed + 0.1 * (top - closed) for first, last in bilabials]
        open_.append(told["aperture"][told["phonemes"][:, PHONEMES.index("open")] > 0.7])
    assert np.mean(shut) > 0.9
    assert np.concatenate(open_).mean() > closed + 1.2


def test_silence_and_noise_are_a_shut_mouth(committed: onnxruntime.InferenceSession) -> None:
    from training.speech.background import NOISES, noise

    chance = np.random.default_rng(0)
    hiss = chance.normal(0, 1, 3 * SAMPLE_RATE)
    sounds = {kind: noise(kind, 3 * SAMPLE_RATE, chance) for kind in NOISES}
    for name, audio in {"nothing": np.zeros(3 * SAMPLE_RATE), "room": hiss * 1e-4, **sounds}.items():
        told = ask(committed, audio)
        opening = (told["aperture"] - CLOSED).clip(0) / (1.8 - CLOSED)
        assert opening.mean() < 0.05, name
        assert told["silence"].mean() > 0.9, name


def test_the_mouth_rests_around_speech(
    committed: onnxruntime.InferenceSession, mama_papa: tuple[Float32, Float32]
) -> None:
    told = ask(committed, mama_papa[0])
    shut = STANDARD_APERTURE[0]  # What is drawn as a shut mouth, or below.
    for rest in (slice(0, 35), slice(-35, None)):
        assert told["aperture"][rest].mean() < shut - 0.05
    assert told["aperture"][60:-60].mean() > shut


def test_loudness_changes_nothing(committed: onnxruntime.InferenceSession, mama_papa: tuple[Float32, Float32]) -> None:
    audio, _ = mama_papa
    plain = ask(committed, audio)
    for gain in (0.05, 0.3):
        scaled = ask(committed, audio * gain)
        assert np.abs(scaled["aperture"] - plain["aperture"]).mean() < 0.1
