"""The two corpora as windows of equal length: synthetic speech with phone labels, real clips with lip shapes."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr
import torch
from torch import Tensor

from export.networks.speech_to_lips import HOP, LIPS, SAMPLE_RATE
from training.speech.clips import Clip
from training.speech.phones import RATE, SILENCE, UNKNOWN, Labels, at_rest, loudness

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Spoken:
    """A labelled utterance: float32 [samples] at 16 kHz and its labels at 100 Hz."""

    audio: Float32
    labels: Labels


def store(spoken: dict[str, list[Spoken]], folder: Path) -> None:
    """Keep a synthetic corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, items in spoken.items():
        np.savez(
            folder / f"{name}.npz",
            audio=np.concatenate([(item.audio * 32767).clip(-32768, 32767).astype(np.int16) for item in items]),
            samples=np.array([len(item.audio) for item in items]),
            phonemes=np.concatenate([item.labels.phonemes for item in items]).astype(np.int8),
            closure=np.concatenate([item.labels.closure for item in items]),
            silence=np.concatenate([item.labels.silence for item in items]),
        )


def restore(folder: Path) -> dict[str, list[Spoken]]:
    """Read what `store` kept."""
    spoken = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as kept:
            audio = kept["audio"].astype(np.float32) / 32767
            samples = kept["samples"]
            columns = [kept["phonemes"].astype(np.int64), kept["closure"], kept["silence"]]
        audios = np.split(audio, samples.cumsum()[:-1])
        cuts = (samples // HOP).cumsum()[:-1]
        labels = [Labels(*parts) for parts in zip(*(np.split(column, cuts) for column in columns), strict=True)]
        spoken[path.stem] = [Spoken(a, given) for a, given in zip(audios, labels, strict=True)]
    return spoken


@dataclass(frozen=True)
class SyntheticBatch:
    """audio [N, samples]; phonemes int64, closure (nan: unknown) and rest float32, each [N, T].

    Rest is silence long enough for the mouth to have closed and not yet to open again.
    """

    audio: Tensor
    phonemes: Tensor
    closure: Tensor
    rest: Tensor


def faster(audio: Float32, factor: float) -> Float32:
    """Play faster: pitch, vocal tract and speed together."""
    return np.asarray(soxr.resample(audio, SAMPLE_RATE * factor, SAMPLE_RATE, quality="MQ"), np.float32)


def synthetic_batch(
    source: Callable[[], list[Spoken]], count: int, instants: int, chance: random.Random
) -> SyntheticBatch:
    """Windows of `instants`: utterances with pauses between, some windows without any speech.

    source: draws the voice of a window, or whatever its utterances have in common
    """
    audio = np.zeros((count, instants * HOP), np.float32)
    phonemes = np.full((count, instants), SILENCE)
    closure, silence = np.zeros((count, instants), np.float32), np.ones((count, instants), np.float32)
    for row in range(count):
        if chance.random() < 0.06:
            continue
        utterances = source()
        # start inside an utterance as often as before one
        at = -chance.randint(0, 3 * RATE) if chance.random() < 0.6 else chance.randint(0, RATE // 2)
        while at < instants:
            item, factor = chance.choice(utterances), chance.uniform(0.84, 1.2)
            sound = faster(item.audio, factor) * chance.uniform(0.5, 1.0)
            length = len(sound) // HOP
            source_index = ((np.arange(length) + 0.5) * factor).astype(int).clip(max=len(item.labels.phonemes) - 1)
            skip, stop = max(0, -at), min(length, instants - at)
            if stop > skip:
                here = slice(at + skip, at + stop)
                audio[row, here.start * HOP : here.stop * HOP] = sound[skip * HOP : stop * HOP]
                picked = source_index[skip:stop]
                phonemes[row, here] = item.labels.phonemes[picked]
                closure[row, here] = item.labels.closure[picked]
                silence[row, here] = item.labels.silence[picked]
            at += length + (chance.randint(0, RATE) if chance.random() < 0.7 else 2 * RATE)
    phonemes[phonemes == UNKNOWN] = -100
    return SyntheticBatch(*map(torch.from_numpy, (audio, phonemes, closure, at_rest(silence))))


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of a speaker's lip measures [len(LIPS)] while speaking."""

    mean: Float32
    deviation: Float32

    def standard(self, lips: Float32) -> Float32:
        """Raw measures -> standard deviations from the mean."""
        return ((lips - self.mean) / self.deviation).astype(np.float32)


def speaking(clip: Clip) -> npt.NDArray[np.bool_]:
    """bool [F]: frames within 0.15 s of sound that is at most 25 dB below the clip's loudest."""
    loud = np.convolve(loudness(clip.audio) > -25, np.ones(31), "same") > 0
    result: npt.NDArray[np.bool_] = loud[(clip.times * RATE).astype(int).clip(0, len(loud) - 1)]
    return result


def scales(clips: Sequence[Clip]) -> dict[str, Scale]:
    """The scale of every speaker."""
    rows: dict[str, list[Float32]] = defaultdict(list)
    for clip in clips:
        rows[clip.speaker].append(clip.lips[speaking(clip)])
    return {
        speaker: Scale(np.nanmean(np.concatenate(lips), axis=0), np.nanstd(np.concatenate(lips), axis=0) + 1e-4)
        for speaker, lips in rows.items()
    }


@dataclass(frozen=True)
class RealBatch:
    """Windows of real clips.

    audio:   float32 [N, samples]
    instant: float32 [N, F], where each video frame lies on the 100 Hz axis
    lips:    float32 [N, F, len(LIPS)], standard scale
    weight:  float32 [N, F], 0 where there is nothing to learn
    """

    audio: Tensor
    instant: Tensor
    lips: Tensor
    weight: Tensor


class RealClips:
    """Real clips of several speakers, drawn so that nobody speaks too often."""

    RIM = 0.12
    """Seconds at a cut within which frames are not learnt from: the network does not hear what they say."""

    def __init__(self, clips: Sequence[Clip], scale: dict[str, Scale], delays: dict[str, float]) -> None:
        self._clips: dict[str, list[tuple[Clip, Float32, float]]] = defaultdict(list)
        for clip in clips:
            lips = scale[clip.speaker].standard(clip.lips)
            self._clips[clip.speaker].append((clip, lips, delays.get(clip.name, 0.0)))
        self._speakers = list(self._clips)
        # a speaker of one clip would be learnt by heart if drawn as often as one of two hundred
        self._weights = [sum(len(clip.times) for clip, _, _ in self._clips[s]) ** 0.4 for s in self._speakers]

    def batch(self, count: int, instants: int, chance: random.Random) -> RealBatch:
        """Windows of `instants`, each of one speaker's clips end to end."""
        audio = np.zeros((count, instants * HOP), np.float32)
        rows: list[tuple[list[Float32], list[Float32]]] = []
        for row in range(count):
            clips = self._clips[chance.choices(self._speakers, self._weights)[0]]
            factor = chance.choice((1.0, 1.0, 0.9, 0.95, 1.05, 1.1))
            at, when, what = 0, [], []
            while at < instants - 60:
                clip, lips, delay = chance.choice(clips)
                sound = clip.audio if factor == 1 else faster(clip.audio, factor)
                total = len(sound) // HOP
                want = min(instants - at, chance.randint(150, 400))
                first = chance.randint(0, max(0, total - want))
                want = min(want, total - first)
                audio[row, at * HOP : (at + want) * HOP] = sound[first * HOP : (first + want) * HOP]
                place = (clip.times + delay) / factor * RATE - 0.5 - first
                rim = self.RIM * RATE
                keep = (place > rim) & (place < want - 1 - rim) & np.isfinite(lips).all(axis=1)
                when.append((place[keep] + at).astype(np.float32))
                what.append(lips[keep])
                at += want
            rows.append((when, what))
        frames = max(sum(map(len, when)) for when, _ in rows)
        instant = np.zeros((count, frames), np.float32)
        target, weight = np.zeros((count, frames, len(LIPS)), np.float32), np.zeros((count, frames), np.float32)
        for row, (when, what) in enumerate(rows):
            used = sum(map(len, when))
            if used:
                instant[row, :used], target[row, :used] = np.concatenate(when), np.concatenate(what)
                weight[row, :used] = 1
        return RealBatch(*map(torch.from_numpy, (audio, instant, target.clip(-3.5, 3.5), weight)))
