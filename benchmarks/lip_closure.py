"""Do the lips meet on p, b, m, and rest in silence? Synthetic speech with exact times, in many languages, rendered.

    python -m benchmarks.lip_closure --template VIDEO --out FOLDER [--languages en-us de ...]

Each language's test sentences are spoken by espeak-ng, and those of Mandarin by Kokoro too where it is installed. They
are sent through the service's pipeline onto the template, and the output's aperture is measured with the face mesh,
and with the second ruler where it is installed. Lips *touch* where it falls below 10 % of the utterance's range within
40 ms of the sound; a pause of at least 300 ms is *closed* where its middle does; another sound is shut *wrongly* where
the frame in its middle does. Beside it, what the curve that drives the renderer would score.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import soxr
from av.audio.frame import AudioFrame

from benchmarks import lip_metrics
from benchmarks.pipeline_fixture import pipeline_context
from digital_human.core.frame import Float32
from digital_human.core.types import SPEECH_RATE
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.pipeline import RenderJob, generate_video
from digital_human.speech import model
from digital_human.speech.kokoro import RATE as KOKORO_RATE
from digital_human.speech.kokoro import Kokoro
from digital_human.speech.voices import VOICES
from training.speech.evaluate import Local, other_sounds
from training.speech.kokoro import phones_of
from training.speech.phones import RATE, Labels, label
from training.speech.synthesis import Espeak, Utterance
from training.speech.texts import MORE_SENTENCES, TEST_SENTENCES

SHUT, TOLERANCE, LONG_PAUSE = 0.10, 0.04, 0.3
LEAD = 0.5
"""Seconds of silence before what is said, and behind it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument("--languages", nargs="+", default=[*TEST_SENTENCES, *MORE_SENTENCES])
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with pipeline_context(options.out) as context:
        rows = measure(options.languages, options.template, options.out, context)
    print(table(rows))
    (options.out / "closure.json").write_text(json.dumps(rows, indent=1))


def measure(languages: Sequence[str], template: Path, out: Path, context: PipelineContext) -> list[dict[str, Any]]:
    """Counts of each language, see `judge`, and their sums, by ruler."""
    rows: list[dict[str, Any]] = []
    for language, said in _spoken(languages):
        audio = np.concatenate([np.zeros(8000, np.float32), said.audio, np.zeros(8000, np.float32)])
        sound, output = out / f"{language}.wav", out / f"{language}.mp4"
        write_sound(sound, audio)
        result = generate_video(RenderJob(sound, template, output), DefaultEngine(), context)
        seen = lip_metrics.measure(output, context.models)
        labels = label(said.phones, said.audio)
        assert result.aperture is not None
        curves = {"": seen.aperture, "second ": seen.second, "curve ": result.aperture.astype(float)}
        row: dict[str, Any] = {"language": language}
        for ruler_name, curve in curves.items():
            if curve is not None:
                judged = judge(curve, seen.fps, labels.closure, labels.silence, LEAD)
                judged |= shut_wrongly(curve, seen.fps, labels, LEAD)
                row.update({ruler_name + key: value for key, value in judged.items()})
        rows.append(row)
        print(json.dumps(row), flush=True)
    return [*rows, {"language": "all", **{key: sum(row[key] for row in rows) for key in rows[0] if key != "language"}}]


def _spoken(languages: Sequence[str]) -> Iterator[tuple[str, Utterance]]:
    voices, sentences = Espeak(), TEST_SENTENCES | MORE_SENTENCES
    for number, language in enumerate(languages):
        said = voices.say(sentences[language], language + Espeak.TEST_VARIANTS[number % 2])
        if said is not None:
            yield language, said
    if "cmn" in languages and model.has_packages():
        with tempfile.TemporaryDirectory() as folder:
            yield "cmn, Kokoro", kokoro(TEST_SENTENCES["cmn"], "zf_xiaoyi", model.install(Path(folder)))


def kokoro(text: str, voice: str, folder: Path) -> Utterance:
    """folder: of the model `kokoro`"""
    said = Kokoro(Local(folder / "1" / "model.onnx")).say(text, VOICES[voice], 1.0)
    edges = [*said.times[:, 0], said.times[-1, 1]]
    sound = np.asarray(soxr.resample(said.audio, KOKORO_RATE, SPEECH_RATE), np.float32)
    return Utterance(sound, phones_of(said.letters, edges, "cmn"), voice)


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: a column a language; shares of p, b, m and of pauses shut by each ruler, and in the driving curve."""
    lines = ["| | " + " | ".join(row["language"] for row in rows) + " |", "| --- " * (len(rows) + 1) + "|"]
    titles = (
        ("touching", "sounds", "p, b, m touch"),
        ("closed", "pauses", "pauses closed"),
        ("wrong", "others", "others shut wrongly"),
    )
    for name in ("", "second ", "curve "):
        for part, whole, title in titles:
            if name + part in rows[0]:
                shares = [100 * row[name + part] / max(row[name + whole], 1) for row in rows]
                lines.append(f"| {name or 'mesh '}{title}, % | " + " | ".join(f"{s:.0f}" for s in shares) + " |")
    return "\n".join(lines)


def judge(aperture: lip_metrics.Curve, fps: float, closure: Float32, silence: Float32, lead: float) -> dict[str, int]:
    """closure and silence: targets at 100 Hz of speech that starts `lead` seconds into the output."""
    low, high = np.percentile(aperture, [1, 99])
    shut = aperture < low + SHUT * (high - low)
    times = (np.arange(len(shut)) + 0.5) / fps
    half = 0.5 / fps

    def reached(first: float, last: float) -> bool:
        near = (times > first - TOLERANCE - half) & (times < last + TOLERANCE + half)
        return bool(shut[near].any())

    sounds = [(a / RATE + lead, b / RATE + lead) for a, b in _runs(closure == 1)]
    ends = [(0.0, lead), (lead + len(closure) / RATE, len(shut) / fps)]
    pauses = [(a / RATE + lead, b / RATE + lead) for a, b in _runs(silence == 1)] + ends
    long = [(a, b) for a, b in pauses if b - a >= LONG_PAUSE]
    rest = [shut[(times > a + 0.1) & (times < b - 0.1)] for a, b in long]
    return {
        "sounds": len(sounds),
        "touching": sum(reached(a, b) for a, b in sounds),
        "pauses": len(long),
        "closed": sum(bool(frames.mean() > 0.5) for frames in rest if len(frames)),
    }


def shut_wrongly(aperture: lip_metrics.Curve, fps: float, labels: Labels, lead: float) -> dict[str, int]:
    """Sounds other than p, b, m, away from these and from pauses, and those whose middle is shut."""
    low, high = np.percentile(aperture, [1, 99])
    shut = aperture < low + SHUT * (high - low)
    middles = np.array(other_sounds(labels, round((TOLERANCE + 0.5 / fps) * RATE))) + 0.5
    at = ((middles / RATE + lead) * fps).astype(int).clip(max=len(shut) - 1)
    return {"others": len(at), "wrong": int(shut[at].sum())}


def _runs(mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def write_sound(path: Path, audio: Float32) -> None:
    """Write float32 [samples] at 16 kHz as a WAV file."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=SPEECH_RATE, layout="mono")
        frame = AudioFrame.from_ndarray((audio[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate = SPEECH_RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main()
