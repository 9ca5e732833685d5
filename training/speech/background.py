"""Sound other than speech: music of random notes, and generated noises, beneath speech or alone.

The notes are played by FluidSynth with FluidR3 (Debian's `fluidsynth` and `fluid-soundfont-gm`, MIT licence). The
noises are shaped from chance: hum, traffic, applause, breath, coughing, clicks, tones, wind.
"""

from __future__ import annotations

import random
import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from export.networks.speech_to_lips import SAMPLE_RATE
from training.speech.synthesis import read_wave

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

SOUND_FONT = Path("/usr/share/sounds/sf2/FluidR3_GM.sf2")
LEVEL = 0.1
"""Root mean square of what this module returns."""
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 6, 7, 10))
_PROGRAMS = {
    "chords": (*range(8), *range(16, 32), *range(48, 56), *range(88, 96)),
    "bass": tuple(range(32, 40)),
    "melody": (*range(16), *range(22, 32), *range(40, 48), *range(52, 88), *range(104, 113)),
}
_CHANNELS = {"chords": 0, "bass": 1, "melody": 2, "drums": 9}
_TICKS = 480


def piece(chance: random.Random, seconds: float) -> bytes:
    """A MIDI file of random chords, bass, melody and drums."""
    beat, root, scale = 60 / chance.uniform(60, 170), chance.randint(45, 60), chance.choice(_SCALES)
    parts = [part for part in _CHANNELS if chance.random() < 0.7] or ["melody"]
    events = [
        (0.0, bytes([0xC0 | _CHANNELS[part], chance.choice(_PROGRAMS[part])])) for part in parts if part != "drums"
    ]

    def note(at: float, lasts: float, part: str, key: int, strength: int) -> None:
        key, channel = min(max(key, 20), 108), _CHANNELS[part]
        events.append((at, bytes([0x90 | channel, key, strength])))
        events.append((at + lasts, bytes([0x80 | channel, key, 0])))

    def degree(step: int) -> int:
        return root + 12 * (step // len(scale)) + scale[step % len(scale)]

    broken, at = chance.random() < 0.4, 0.0
    while at < seconds:
        step = chance.choice([0, 0, 3, 4, 5, 1])
        chord = [degree(step), degree(step + 2), degree(step + 4)]
        melody = step + 7
        for half in range(8):
            here = at + half * beat / 2
            if "drums" in parts:
                note(here, 0.05, "drums", 42, chance.randint(40, 90))
                if half % 2 == 0:
                    note(here, 0.05, "drums", 36 if half % 4 == 0 else 38, 105)
            if "bass" in parts and half % 2 == 0:
                note(
                    here, beat * 0.9, "bass", degree(step) - 24 + chance.choice([0, 0, 7, 12]), chance.randint(70, 110)
                )
            if "chords" in parts and broken:
                note(here, beat * 0.45, "chords", chord[half % 3] + 12 * (half % 2), chance.randint(50, 100))
            elif "chords" in parts and half % 4 == 0:
                for key in chord:
                    note(here, beat * 1.9, "chords", key, chance.randint(50, 90))
            if "melody" in parts and chance.random() < 0.7:
                melody += chance.choice([-2, -1, -1, 0, 1, 1, 2])
                note(
                    here,
                    beat * chance.choice([0.25, 0.45, 0.9, 1.5]),
                    "melody",
                    degree(melody),
                    chance.randint(60, 120),
                )
        at += 4 * beat
    return _midi(sorted(events, key=lambda event: event[0]))


def _midi(events: list[tuple[float, bytes]]) -> bytes:
    track, last = b"\0\xff\x51\x03" + struct.pack(">I", 1_000_000)[1:], 0
    for at, message in events:
        tick = int(at * _TICKS)
        track += _variable(tick - last) + message
        last = tick
    track += b"\0\xff\x2f\0"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, _TICKS) + b"MTrk" + struct.pack(">I", len(track)) + track


def _variable(number: int) -> bytes:
    """A MIDI quantity of variable length."""
    found = [number & 127]
    while number := number >> 7:
        found.append((number & 127) | 128)
    return bytes(reversed(found))


def music(chance: random.Random, seconds: float) -> Float32:
    """float32 [samples] at 16 kHz. Raises CalledProcessError or FileNotFoundError without FluidSynth."""
    with tempfile.TemporaryDirectory() as folder:
        notes, sound = Path(folder, "notes.mid"), Path(folder, "sound.wav")
        notes.write_bytes(piece(chance, seconds))
        command: list[str | Path] = ["fluidsynth", "-ni", "-g", "0.6", "-r", "32000", "-F", sound, SOUND_FONT, notes]
        subprocess.run(command, capture_output=True, check=True)
        return level(read_wave(sound)[: round(seconds * SAMPLE_RATE)])


def level(sound: Float32 | Float64) -> Float32:
    """The sound at LEVEL."""
    result: Float32 = (sound / (np.sqrt(np.mean(np.square(sound))) + 1e-9) * LEVEL).astype(np.float32)
    return result


def _band(sound: Float64, low: float, high: float, tilt: float = 0.0) -> Float64:
    spectrum, hertz = np.fft.rfft(sound), np.fft.rfftfreq(len(sound), 1 / SAMPLE_RATE)
    gain = 1 / (1 + (hertz / high) ** 6) / (1 + (low / np.maximum(hertz, 1)) ** 6) * np.maximum(hertz, 20) ** -tilt
    return np.fft.irfft(spectrum * gain, len(sound))


def _hiss(count: int, chance: np.random.Generator) -> Float64:
    return _band(chance.standard_normal(count), 20, 7900, chance.uniform(0, 1))


def _hum(count: int, chance: np.random.Generator) -> Float64:
    time, pitch, slope = (
        np.arange(count) / SAMPLE_RATE,
        chance.choice([50, 60, 100, 120, 400, 1000]),
        chance.uniform(0.5, 2),
    )
    waves = [
        np.sin(2 * np.pi * pitch * k * time + chance.uniform(0, 6)) / k**slope for k in range(1, 8) if pitch * k < 7000
    ]
    result: Float64 = np.sum(waves, axis=0) + 0.05 * chance.standard_normal(count)
    return result


def _traffic(count: int, chance: np.random.Generator) -> Float64:
    swell = 1 + 0.8 * np.interp(np.arange(count), np.linspace(0, count, 8), chance.uniform(-1, 1, 8))
    return _band(chance.standard_normal(count), 20, chance.uniform(200, 900), 0.5) * swell


def _wind(count: int, chance: np.random.Generator) -> Float64:
    gusts = np.interp(np.arange(count), np.linspace(0, count, 20), chance.uniform(0.1, 1, 20) ** 2)
    return _band(chance.standard_normal(count), 30, chance.uniform(300, 1500), 0.3) * gusts


def _bursts(count: int, chance: np.random.Generator, rate: float, longest: int, decay: float) -> Float64:
    sound = np.zeros(count)
    for start in chance.integers(0, count - longest, int(count / SAMPLE_RATE * rate)):
        length = int(chance.integers(20, longest))
        burst = chance.standard_normal(length) * np.exp(-np.arange(length) / chance.uniform(5, decay))
        sound[start : start + length] += chance.uniform(0.2, 1) * burst
    return sound


def _applause(count: int, chance: np.random.Generator) -> Float64:
    return _band(_bursts(count, chance, chance.uniform(8, 400), 600, 120), 400, chance.uniform(2500, 7000))


def _clicks(count: int, chance: np.random.Generator) -> Float64:
    return _band(_bursts(count, chance, chance.uniform(1, 12), 400, 100), chance.uniform(100, 2000), 7000)


def _puffs(
    count: int, chance: np.random.Generator, lasts: tuple[float, float], rests: tuple[float, float], shape: str
) -> Float64:
    sound, start = np.zeros(count), int(chance.integers(0, SAMPLE_RATE))
    while start < count - 100:
        length = min(int(chance.uniform(*lasts) * SAMPLE_RATE), count - start)
        course = np.linspace(0, 1, length)
        swell = np.sin(np.pi * course) if shape == "breath" else np.exp(-course * chance.uniform(2, 5))
        voice = chance.uniform(0, 0.5) * np.sign(
            np.sin(2 * np.pi * chance.uniform(90, 300) * course * length / SAMPLE_RATE)
        )
        air = chance.standard_normal(length) + (voice if shape == "cough" else 0)
        sound[start : start + length] += (
            chance.uniform(0.3, 1) * swell * _band(air, chance.uniform(200, 900), chance.uniform(1500, 6000))
        )
        start += length + int(chance.uniform(*rests) * SAMPLE_RATE)
    return sound


def _breath(count: int, chance: np.random.Generator) -> Float64:
    return _puffs(count, chance, (0.25, 1.2), (0.3, 2.5), "breath")


def _cough(count: int, chance: np.random.Generator) -> Float64:
    return _puffs(count, chance, (0.12, 0.4), (0.05, 1.5), "cough")


def _tones(count: int, chance: np.random.Generator) -> Float64:
    sound, start = np.zeros(count), 0
    while start < count - 100:
        length = min(int(chance.uniform(0.08, 1.5) * SAMPLE_RATE), count - start)
        time = np.arange(length) / SAMPLE_RATE
        pitch = chance.uniform(150, 3500) * np.exp(chance.uniform(-1, 1) * time)
        edge = np.minimum(1, np.minimum(np.arange(length), np.arange(length)[::-1]) / 200)
        sound[start : start + length] = chance.uniform(0.2, 1) * edge * np.sin(2 * np.pi * pitch.cumsum() / SAMPLE_RATE)
        start += length + int(chance.choice([0, chance.uniform(0, 1)]) * SAMPLE_RATE)
    return sound


NOISES: dict[str, Callable[[int, np.random.Generator], Float64]] = {
    "hiss": _hiss, "hum": _hum, "traffic": _traffic, "wind": _wind, "applause": _applause, "clicks": _clicks,
    "breath": _breath, "cough": _cough, "tones": _tones,
}  # fmt: skip


def noise(kind: str, count: int, chance: np.random.Generator) -> Float32:
    """One of NOISES, float32 [count] at 16 kHz, over a floor of hiss. Raises KeyError for another."""
    return level(level(NOISES[kind](count, chance)) + 0.002 * chance.standard_normal(count))
