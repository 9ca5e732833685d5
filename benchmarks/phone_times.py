"""Do lips follow synthesised speech better by its exact phone times than by ear?

    python -m benchmarks.phone_times --out FOLDER [--template VIDEO]

Kokoro gives the length of each of its phones. It speaks sentences in English and Mandarin, and lips are driven

    ear    by `speech_to_lips` alone, as the service does
    times  by the same opening, but shut exactly where the times say p, b or m and pauses, and nowhere else, and as
           narrow in rounded vowels as the network makes those that it hears

How long a closure lasts within its phone is chosen on some sentences; all else is of other sentences and voices. First
the curves are judged, then, with a template, the videos drawn from them: by the mesh whether lips touch on p, b, m
(`benchmarks.lip_closure`) and on other sounds, and how much narrower rounded vowels are than others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from benchmarks import lip_metrics
from benchmarks.lip_closure import judge, write_sound
from digital_human.core.frame import Float32
from digital_human.core.landmarks import Indices
from digital_human.core.types import SPEECH_RATE, Arrays, Models, Template
from digital_human.engines.base import Plan
from digital_human.engines.exemplar import speech_to_lips
from digital_human.engines.exemplar.engine import MOUTHS, DefaultEngine
from digital_human.pipeline.pipeline import RenderJob, generate_video
from digital_human.runtime.context import build_context, make_folders
from digital_human.runtime.triton import triton_for
from digital_human.settings import Settings
from digital_human.speech import model
from digital_human.speech.kokoro import MODEL as KOKORO
from digital_human.speech.kokoro import RATE as KOKORO_RATE
from digital_human.speech.phonemes import phonemes
from digital_human.speech.vocabulary import NUMBERS
from digital_human.speech.voices import VOICES, style
from digital_human.triton import repository
from export.networks.speech_to_lips import APART, CLOSED, PHONEMES, SETTLED
from training.speech.evaluate import Count, closures
from training.speech.kokoro import EARLY, phones_of
from training.speech.phones import RATE, Labels, Phone, label

CHOOSING = {
    "am_michael": [
        "Maybe the moon will move above the booming blue pool by June.",
        "Bob put a brown book upon the broken wooden boat.",
    ],
    "af_bella": [
        "Who knew that two people would do the same job so poorly?",
        "I bought a pair of boots from a shop in Rome.",
    ],
    "zm_yunxi": ["妈妈明天不买苹果，她买面包和葡萄。", "我和朋友坐火车去武汉看老虎。"],
    "zf_xiaoyi": ["北方的冬天不怕冷，只怕风大。", "图书馆里的老师都读过这本小说。"],
}
REPORTING = {
    "af_heart": [
        "My brother Bob paid for a big purple umbrella.",
        "Maybe people simply prefer happy problems.",
        "You should choose a good room for the whole group.",
    ],
    "bm_george": [
        "A poor farmer sold four tomatoes to some fool on Monday.",
        "The map shows the bridge between both public parks.",
    ],
    "zf_xiaoxiao": ["妈妈买了八个苹果。", "我的朋友明天跑步，不怕爬山。", "北京的面包很便宜，包子也不贵。"],
    "zm_yunyang": ["我国有五座古老的木屋。", "不用说，普通话我都懂。"],
}
HELD = (1.0, 0.8, 0.6)
"""Shares of a phone, from its start, in which lips may be held shut."""
ROUNDED = [PHONEMES.index(name) for name in ("open_mid_rounded", "mid_rounded", "close_rounded", "front_rounded")]
VOWELS = [PHONEMES.index(name) for name in ("open", "open_mid", "mid", "close")]


@dataclass(frozen=True)
class Said:
    """language: en or zh; audio: float32 [samples] at 16 kHz; heard: the outputs of `speech_to_lips`, [T, ...] each"""

    name: str
    language: str
    audio: Float32
    phones: Sequence[Phone]
    labels: Labels
    heard: Mapping[str, Float32]


def speak(sentences: Mapping[str, Sequence[str]], models: Models) -> Iterator[Said]:
    for voice_id, texts in sentences.items():
        voice = VOICES[voice_id]
        for number, text in enumerate(texts):
            letters = [letter for letter in phonemes(text, voice.language) if letter in NUMBERS]
            tokens = np.array([[0, *(NUMBERS[letter] for letter in letters), 0]], np.int64)
            asked: Arrays = {
                "tokens": tokens,
                "style": style(voice, len(letters))[None],
                "speed": np.ones(1, np.float32),
            }
            answer = models.infer(KOKORO, asked, ["audio", "lengths"])
            sound, lengths = (np.ravel(answer[name]).astype(np.float32) for name in ("audio", "lengths"))
            edges = np.cumsum(lengths) * len(sound) / lengths.sum() / KOKORO_RATE - EARLY
            audio = np.asarray(soxr.resample(sound, KOKORO_RATE, SPEECH_RATE), np.float32)
            audio = audio[: len(audio) // 8000 * 8000 + 8000]
            audio = np.pad(audio, (0, -len(audio) % 8000))
            phones = phones_of(letters, edges.clip(min=0).tolist(), "cmn" if voice.language == "zh-CN" else "en-us")
            wanted = ("aperture", "lips", "closure", "silence", "phonemes")
            heard = models.infer(speech_to_lips.MODEL, {"audio": audio[None]}, wanted)
            yield Said(
                f"{voice_id}-{number}",
                voice.language[:2],
                audio,
                phones,
                label(phones, audio),
                {name: np.asarray(value[0], np.float32) for name, value in heard.items()},
            )


def by_ear(said: Said) -> Float32:
    """Aperture, width and silence at 100 Hz, [T, 3], as the service has them."""
    heard = said.heard
    return np.stack([heard["aperture"], heard["lips"][:, 1], heard["silence"]], 1)


def by_times(said: Said, held: float, narrow: float) -> Float32:
    """The same by exact times. held: share of a phone in which lips are shut; narrow: width of rounded vowels"""
    heard, count = said.heard, len(said.heard["aperture"])
    times = (np.arange(count) + 0.5) / RATE
    shut, speaks = np.zeros(count), np.zeros(count, bool)
    for phone in said.phones:
        inside = (times >= phone.start) & (times < phone.end)
        speaks |= inside if phone.symbol else np.zeros(count, bool)
        if set(phone.symbol) & set("pbm"):
            shut = np.maximum(shut, (times >= phone.start) & (times < phone.start + held * (phone.end - phone.start)))
    rest = np.lib.stride_tricks.sliding_window_view(np.pad(~speaks, SETTLED, constant_values=True), 2 * SETTLED + 1)
    soft = np.convolve(shut, [0.25, 0.5, 0.25], "same")
    opened = np.maximum(heard["lips"][:, 0] - CLOSED, APART * speaks)
    aperture = CLOSED + opened * (1 - np.maximum(shut, soft)) * ~rest.all(1)
    rounded = np.isin(said.labels.phonemes, ROUNDED)[:count].astype(float)
    eased = np.convolve(np.pad(rounded, (0, count - len(rounded))), np.hanning(11) / np.hanning(11).sum(), "same")
    width = heard["lips"][:, 1]
    width = width + eased * np.minimum(narrow - width, 0)
    curves: Float32 = np.stack([aperture, width, ~speaks], 1).astype(np.float32)
    return curves


def judged(curves: Mapping[str, Float32], items: Sequence[Said]) -> dict[str, str]:
    """p, b, m and other sounds that shut, and the width of rounded vowels and of others."""
    bilabials, others = Count(), Count()
    widths: dict[bool, list[Float32]] = {True: [], False: []}
    for said in items:
        closures(curves[said.name][:, 0], said.labels, bilabials, others)
        kinds = said.labels.phonemes[: len(curves[said.name])]
        for rounded, wanted in ((True, ROUNDED), (False, VOWELS)):
            widths[rounded].append(curves[said.name][: len(kinds), 1][np.isin(kinds, wanted)])
    means = {rounded: float(np.concatenate(found).mean()) for rounded, found in widths.items()}
    return {
        "p, b, m shut, %": str(bilabials).strip(),
        "others shut, %": str(others).strip(),
        "width of rounded, other vowels": f"{means[True]:.2f}, {means[False]:.2f}",
    }


def width_of_heard(items: Sequence[Said]) -> float:
    """Mean width of rounded vowels that the network hears as such."""
    found = []
    for said in items:
        kinds = said.labels.phonemes
        heard, width = said.heard["phonemes"].argmax(1)[: len(kinds)], said.heard["lips"][: len(kinds), 1]
        found.append(width[np.isin(kinds[: len(heard)], ROUNDED) & np.isin(heard, ROUNDED)])
    return float(np.concatenate(found).mean())


class Driven(DefaultEngine):
    """Draws given curves in the place of what it would hear."""

    def __init__(self, curves: Float32) -> None:
        self._curves = curves

    def plan(
        self,
        template: Template,
        analysis: Arrays,
        audio: Float32,
        frame_indices: Indices,
        models: Models,
        strength: float = 1.0,
    ) -> Plan:
        at = (np.arange(len(frame_indices)) + 0.5) * float(speech_to_lips.INSTANTS / Fraction(template.fps)) - 0.5
        curves = speech_to_lips.sample(self._curves, at)
        return MOUTHS[str(analysis["kind"])].plan(analysis, curves, frame_indices, strength)


def seen(video: Path, said: Said, models: Models) -> dict[str, float]:
    """What the mesh sees of a video: closures met, other sounds shut, and widths of vowels in standard deviations."""
    found = lip_metrics.measure(video, models)
    met = judge(found.aperture, found.fps, said.labels.closure, said.labels.silence, 0.0)
    at = ((np.arange(len(found.aperture)) + 0.5) / found.fps * RATE).astype(int)
    at = at.clip(0, len(said.labels.phonemes) - 1)
    kinds, closure = said.labels.phonemes[at], said.labels.closure[at]
    low, high = np.percentile(found.aperture, [1, 99])
    vowels = np.isin(kinds, VOWELS + ROUNDED) & (closure == 0)
    width = (found.width - found.width.mean()) / found.width.std()
    return {
        **met,
        "vowel_frames": int(vowels.sum()),
        "vowel_frames_shut": int((found.aperture[vowels] < low + 0.1 * (high - low)).sum()),
        "rounded": float(width[np.isin(kinds, ROUNDED)].sum()),
        "rounded_frames": int(np.isin(kinds, ROUNDED).sum()),
        "unrounded": float(width[np.isin(kinds, VOWELS)].sum()),
        "unrounded_frames": int(np.isin(kinds, VOWELS).sum()),
    }


def summed(rows: Sequence[Mapping[str, float]]) -> dict[str, str]:
    total = {key: sum(row[key] for row in rows) for key in rows[0]}
    return {
        "p, b, m touch": f"{total['touching']:.0f} of {total['sounds']:.0f}",
        "vowel frames shut": f"{total['vowel_frames_shut']:.0f} of {total['vowel_frames']:.0f}",
        "width of rounded, other vowels": f"{total['rounded'] / total['rounded_frames']:.2f}, "
        f"{total['unrounded'] / total['unrounded_frames']:.2f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--template", type=Path, help="also draw the reported sentences onto this video")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {}
    settings = Settings(base_path=given.out)
    make_folders(settings)
    if not model.is_installed(*settings.model_repositories):
        model.install(settings.model_repositories[1])
    with triton_for(settings) as triton:
        context = build_context(settings, triton.url)
        repository.ensure_loaded(triton.url, KOKORO)
        choosing, reporting = list(speak(CHOOSING, context.models)), list(speak(REPORTING, context.models))
        repository.unload(triton.url, KOKORO)
        narrow = width_of_heard(choosing)
        tries = {held: judged({one.name: by_times(one, held, narrow) for one in choosing}, choosing) for held in HELD}
        report["choosing"] = {"width of rounded vowels that are heard": narrow, **tries}
        print(json.dumps(report["choosing"], ensure_ascii=False, indent=1), flush=True)
        held = max(HELD, key=lambda share: float(tries[share]["p, b, m shut, %"].split()[0]) + share / 100)
        by_these: Callable[[Said], Float32] = partial(by_times, held=held, narrow=narrow)
        ways = {"ear": by_ear, "times": by_these}
        for language in ("en", "zh"):
            items = [said for said in reporting if said.language == language]
            for way, curve in ways.items():
                report[f"{language} {way}, curve"] = judged({said.name: curve(said) for said in items}, items)
                print(language, way, report[f"{language} {way}, curve"], flush=True)
                if given.template:
                    rows = []
                    for said in items:
                        sound, video = given.out / f"{said.name}.wav", given.out / f"{said.name}-{way}.mp4"
                        write_sound(sound, said.audio)
                        generate_video(RenderJob(sound, given.template, video), Driven(curve(said)), context)
                        rows.append(seen(video, said, context.models))
                    report[f"{language} {way}, drawn"] = summed(rows)
                    print(language, way, report[f"{language} {way}, drawn"], flush=True)
    (given.out / "phone_times.json").write_text(json.dumps(report, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
