"""Does a mouth rest when nobody speaks, and open as far as its owner's when somebody does?

    python -m benchmarks.lip_rest --talkers VIDEO... --out FOLDER [--noise KIND...] [--music WAV...]

Each talker's template is rendered with silence, with noises or music recordings, and with its own speech. Silence and
noise: *LipLeak*, the share of frames with a mouth aspect ratio above 0.25 (KeySync, Bigata et al. 2025), *motion*, the
mean change of the aperture from frame to frame over that with their own speech, and *opening*, the mean aperture above
a shut mouth over a wide one of their own. Own speech: *articulation*, the 95th percentile of the aperture over the
template's own, and *contrast*, the aperture in open vowels over that in p, b, m, over the template's own.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import lip_metrics
from benchmarks.lip_closure import write_sound
from benchmarks.pipeline_fixture import pipeline_context
from digital_human.core.frame import Float32
from digital_human.core.types import SPEECH_RATE, Models
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.engines.exemplar.speech_to_lips import INSTANTS, MODEL, WINDOW
from digital_human.media import read_speech
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.pipeline import RenderJob, generate_video
from export.networks.spectra import PHONEMES
from training.speech import background
from training.speech.phones import BILABIAL

LEAKING = 0.25
SECONDS = 4.0
OPEN = tuple(PHONEMES.index(name) for name in ("open", "open_mid", "open_mid_rounded"))
Curve = lip_metrics.Curve


def lip_leak(aperture: Curve, width: Curve) -> float:
    """Share of frames whose mouth, its height over its width, counts as open."""
    return float((aperture / width > LEAKING).mean())


def motion(aperture: Curve) -> float:
    """Mean change from frame to frame, inter-ocular distances."""
    return float(np.abs(np.diff(aperture)).mean())


def opening(aperture: Curve, own: Curve) -> float:
    """Mean aperture above a shut mouth over a wide one, both of `own`."""
    shut, wide = np.percentile(own, (2, 95))
    return float((aperture - shut).clip(0).mean() / (wide - shut))


def contrast(aperture: Curve, fps: float, phonemes: npt.NDArray[np.int64]) -> float:
    """Mean aperture in open vowels less that in p, b, m, inter-ocular distances; nan without one of them.

    phonemes: class of each instant [T] at 100 Hz. A frame counts by the instant in its middle.
    """
    at = ((np.arange(len(aperture)) + 0.5) / fps * INSTANTS).astype(int).clip(max=len(phonemes) - 1)
    said = phonemes[at]
    wide, shut = np.isin(said, OPEN), said == BILABIAL
    return float(aperture[wide].mean() - aperture[shut].mean()) if wide.any() and shut.any() else float("nan")


def phonemes_of(audio: Float32, models: Models) -> npt.NDArray[np.int64]:
    """The network's class of each instant, window by window."""
    size, classes = WINDOW * SPEECH_RATE // INSTANTS, []
    for start in range(0, len(audio), size):
        part = np.zeros(size, np.float32)
        part[: len(audio[start : start + size])] = audio[start : start + size]
        classes.append(models.infer(MODEL, {"audio": part[None]}, ("phonemes",))["phonemes"][0].argmax(1))
    return np.concatenate(classes)


def sounds_of(kinds: Sequence[str], music: Sequence[Path] = ()) -> dict[str, Float32]:
    """Silence, noises of these kinds, and the beginning of recordings, by name, float32 at 16 kHz."""
    chance, count = np.random.default_rng(1), round(SECONDS * SPEECH_RATE)
    found = {"silence": np.zeros(count, np.float32)}
    found |= {kind: background.noise(kind, count, chance) for kind in kinds}
    return found | {path.stem: background.level(read_speech(path)[:count]) for path in music}


def measure(talker: Path, sounds: Mapping[str, Float32], out: Path, context: PipelineContext) -> dict[str, Any]:
    """One row: figures of this talker, by the sound."""
    own, speech = lip_metrics.measure(talker, context.models), read_speech(talker)

    def drawn(name: str, sound: Float32) -> lip_metrics.Seen:
        wave, output = out / f"{talker.stem}-{name}.wav", out / f"{talker.stem}-{name}.mp4"
        write_sound(wave, sound)
        generate_video(RenderJob(wave, talker, output), DefaultEngine(), context)
        return lip_metrics.measure(output, context.models)

    speaking, said = drawn("own", speech), phonemes_of(speech, context.models)
    row: dict[str, Any] = {
        "talker": talker.stem,
        "articulation": _wide(speaking.aperture) / _wide(own.aperture),
        "contrast": contrast(speaking.aperture, speaking.fps, said) / contrast(own.aperture, own.fps, said),
    }
    for kind, sound in sounds.items():
        seen = drawn(kind, sound)
        row[f"{kind} LipLeak"] = lip_leak(seen.aperture, seen.width)
        row[f"{kind} motion"] = motion(seen.aperture) / motion(speaking.aperture)
        row[f"{kind} opening"] = opening(seen.aperture, own.aperture)
    return row


def _wide(aperture: Curve) -> float:
    return float(np.percentile(aperture, 95))


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Markdown: a row a talker, and their mean."""
    names = [name for name in rows[0] if name != "talker"]
    mean = {name: np.nanmean([row[name] for row in rows]) for name in names}
    lines = ["| talker | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    for row in (*rows, {"talker": "mean", **mean}):
        lines.append(f"| {row['talker']} | " + " | ".join(f"{row[name]:.2f}" for name in names) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--talkers", type=Path, nargs="+", required=True, help="videos of people who talk, with sound")
    parser.add_argument("--noise", nargs="*", default=["hiss", "breath"], choices=list(background.NOISES))
    parser.add_argument("--music", type=Path, nargs="*", default=[], help="recordings without voices")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    sounds = sounds_of(options.noise, options.music)
    with pipeline_context(options.out) as context:
        rows = []
        for talker in options.talkers:
            rows.append(measure(talker, sounds, options.out, context))
            print(json.dumps(rows[-1]), flush=True)
    print(table(rows))
    (options.out / "rest.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
