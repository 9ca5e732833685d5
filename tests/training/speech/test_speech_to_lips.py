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

from export.exporters.speech_to_lips import export  # noqa: E402
from export.networks.speech_to_lips import (  # noqa: E402
    FFT_SIZE,
    HOP,
    LIPS,
    PHONEMES,
    SAMPLE_RATE,
    WINDOW,
    Loudness,
    MelPower,
    SpeechToLips,
    load,
    mel_filters,
    save,
)

MODEL = Path(__file__).parents[3] / "model_repository" / "speech_to_lips"
LIBROSA = ((0, 3, 0.0168779), (20, 32, 0.0213463), (40, 80, 0.0076587), (63, 232, 0.0029185))
"""Band, bin and height of peaks of librosa.filters.mel(sr=16000, n_fft=512, n_mels=64, fmin=60, fmax=7600)."""
OUTPUTS = ["lips", "closure", "silence", "phonemes"]


@pytest.fixture(scope="module")
def committed() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(MODEL / "1" / "model.onnx"), options)


Recording = tuple[npt.NDArray[Any], npt.NDArray[Any]]
"""Sound [samples] at 16 kHz, and where lips touch [T]: 1, 0, or nan where it cannot be said."""


def ask(session: onnxruntime.InferenceSession, audio: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """Outputs for one recording [samples], without the batch axis."""
    told = session.run(OUTPUTS, {"audio": audio[None].astype(np.float32)})
    return {name: value[0] for name, value in zip(OUTPUTS, told, strict=True)}


def noise(*shape: int) -> npt.NDArray[Any]:
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


def test_loudness_is_the_same_at_any_level_and_knows_low_from_high() -> None:
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = np.where(time < 0.5, np.sin(2 * np.pi * 300 * time), np.sin(2 * np.pi * 4000 * time))[None]
    told = [Loudness()(MelPower()(torch.tensor(tone * gain, dtype=torch.float32))) for gain in (1.0, 0.05)]
    assert (told[0] - told[1]).abs().max() < 0.01
    low, high = told[0][0, 1], told[0][0, 2]
    assert low[10:40].min() > high[10:40].max() + 1 and high[60:90].min() > low[60:90].max() + 1


def test_lips_and_closures_are_mixed_of_those_that_tell_them() -> None:
    network, audio = SpeechToLips().eval(), torch.from_numpy(noise(1, 16_000))
    with torch.no_grad():
        mel = network.front(audio)
        said = network.phones(mel)
        seen, articulated = network.lips(mel), network.articulate(said, mel)
        told = network(audio)
    assert torch.allclose(told.lips, 0.4 * seen.lips + 0.6 * articulated, atol=1e-6)
    assert torch.allclose(told.closure, (said.closure + seen.closure) / 2)
    assert torch.equal(told.phonemes, said.phonemes) and torch.equal(told.silence, seen.silence)


@pytest.mark.parametrize("samples", [160, 319, 16_000, 16_161, 40_159])
def test_one_instant_for_each_whole_hop(samples: int) -> None:
    network = SpeechToLips().eval()
    with torch.no_grad():
        told = network(torch.zeros(2, samples))
    count = samples // HOP
    assert told.lips.shape == (2, count, len(LIPS))
    assert told.closure.shape == told.silence.shape == (2, count, 1)
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
        expected = [told.lips, told.closure[..., 0].sigmoid(), told.silence[..., 0].sigmoid(), told.phonemes.softmax(2)]
        request = compiled.create_infer_request()
        by_openvino = request.infer({"audio": audio})
        for name, want, got in zip(OUTPUTS, expected, session.run(OUTPUTS, {"audio": audio}), strict=True):
            assert np.abs(want.numpy() - got).max() < 1e-5
            assert np.abs(want.numpy() - by_openvino[name]).max() < 1e-5


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
    assert np.abs(committed.run(["lips"], {"audio": audio})[0] - told.lips.numpy()).max() < 1e-4


@pytest.fixture(scope="module")
def mama_papa() -> Recording:
    return say_mama_papa()


def say_mama_papa() -> Recording:
    """Sound [samples] with half a second of silence around it, and where lips touch [T] (nan: cannot be said)."""
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("soxr")
    from training.speech.phones import label
    from training.speech.synthesis import espeak

    said = espeak().say("mama papa, mama papa", "it+f5", rate=150)
    assert said is not None
    return np.pad(said.audio, SAMPLE_RATE // 2), np.pad(label(said.phones, said.audio).closure, 50)


def test_mama_papa_shuts_on_m_and_p_and_opens_on_a(committed: onnxruntime.InferenceSession) -> None:
    from training.speech.evaluate import Heard

    _, constants = load()
    closed = constants["closed_aperture"]
    shut, closures = [], []
    # The voice breathes, each time otherwise: of so many sayings 93 % of the sounds shut, give or take 1.
    for _ in range(96):
        audio, touching = say_mama_papa()
        told = ask(committed, audio)
        # What is drawn: the aperture alone seldom shuts fully, the closure draws it down.
        drawn = Heard(told["lips"], told["closure"], told["silence"], told["phonemes"]).gated_aperture(closed)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], touching == 1, [0]]).astype(int)))
        bilabials = list(zip(edges[::2] - 2, edges[1::2] + 2, strict=True))
        assert len(bilabials) == 8
        closures += [told["closure"][first:last].max() for first, last in bilabials]
        shut += [drawn[first:last].min() < closed + 0.2 for first, last in bilabials]
    assert np.median(closures) > 0.6
    assert np.mean(shut) > 0.9
    open_ = told["phonemes"][:, PHONEMES.index("open")] > 0.7
    assert open_.sum() > 20
    assert np.median(told["closure"][open_]) < 0.1
    assert drawn[open_].mean() > closed + 1.5


def test_silence_is_a_shut_mouth(committed: onnxruntime.InferenceSession, mama_papa: Recording) -> None:
    from training.speech.evaluate import Heard

    _, constants = load()
    hiss = np.random.default_rng(0).normal(0, 1, 3 * SAMPLE_RATE)
    for audio in (np.zeros(3 * SAMPLE_RATE), hiss * 1e-4, hiss * 1e-2):
        told = ask(committed, audio)
        # the first and last instants of a window are told less surely, for half of their surroundings is missing
        assert told["silence"].min() > 0.5 and told["silence"].mean() > 0.95
        drawn = Heard(told["lips"], told["closure"], told["silence"], told["phonemes"])
        assert drawn.gated_aperture(constants["closed_aperture"]).max() < constants["closed_aperture"] + 0.1
    around = ask(committed, mama_papa[0])["silence"]
    for rest in (around[:35], around[-35:]):
        assert rest.min() > 0.5 and rest.mean() > 0.9


def test_loudness_changes_nothing(committed: onnxruntime.InferenceSession, mama_papa: Recording) -> None:
    audio, _ = mama_papa
    plain = ask(committed, audio)
    for gain in (0.05, 0.3):
        scaled = ask(committed, audio * gain)
        assert np.abs(scaled["lips"][:, 0] - plain["lips"][:, 0]).max() < 0.25
        assert np.abs(scaled["closure"] - plain["closure"]).mean() < 0.02
