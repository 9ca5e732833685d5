"""Make one recording sound like many: vocal tract, microphone, room, noise, level. Labels stay as they are.

Everything works on batches of equal length; `generator` is the only source of chance.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from export.networks.speech_to_lips import MEL_BANDS, SAMPLE_RATE


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _chosen(count: int, share: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) < share


def add_room(audio: Tensor, generator: torch.Generator, share: float = 0.4) -> Tensor:
    """Convolve a share of [N, samples] with exponentially decaying noise; the direct sound stays in place."""
    rooms = torch.nonzero(_chosen(len(audio), share, generator)).flatten()
    if len(rooms) == 0:
        return audio
    length = SAMPLE_RATE // 4
    decay = _uniform(len(rooms), 0.01, 0.07, generator)[:, None] * SAMPLE_RATE
    time = torch.arange(length)[None]
    echo = torch.randn(len(rooms), length, generator=generator) * torch.exp(-time / decay)
    echo[:, : SAMPLE_RATE // 500] = 0
    energy = echo.square().sum(dim=1, keepdim=True).sqrt()
    echo = echo / energy * _uniform(len(rooms), 0.1, 0.9, generator)[:, None]
    echo[:, 0] = 1
    size = audio.shape[1] + length
    wet = torch.fft.irfft(torch.fft.rfft(audio[rooms], size) * torch.fft.rfft(echo, size), size)
    out = audio.clone()
    out[rooms] = wet[:, : audio.shape[1]]
    return out


def add_noise(audio: Tensor, generator: torch.Generator, loudest_db: float = -12.0) -> Tensor:
    """White to brown noise at -70 dB to `loudest_db` of each row's own level; now and then another row's speech."""
    count, length = audio.shape
    white = torch.randn(count, length, generator=generator)
    brown = torch.fft.rfft(white)
    tilt = torch.arange(1, brown.shape[1] + 1)[None] ** -_uniform(count, 0.0, 0.9, generator)[:, None]
    noise = torch.fft.irfft(brown * tilt, length)
    noise = noise / noise.square().mean(dim=1, keepdim=True).sqrt()
    level = audio.square().mean(dim=1, keepdim=True).sqrt() + 1e-5
    gain = 10 ** (_uniform(count, -70.0, loudest_db, generator)[:, None] / 20)
    babble = 10 ** (_uniform(count, -40.0, -20.0, generator)[:, None] / 20)
    babble = babble * _chosen(count, 0.15, generator)[:, None]
    others = audio.roll(1, dims=0) / level.roll(1, dims=0)
    result: Tensor = audio + level * (gain * noise + babble * others)
    return result


def set_level(audio: Tensor, generator: torch.Generator) -> Tensor:
    """Scale each row to a peak between -36 dB and full scale."""
    peak = audio.abs().amax(dim=1, keepdim=True) + 1e-4
    return audio / peak * 10 ** (_uniform(len(audio), -36.0, 0.0, generator)[:, None] / 20)


def filter_sound(audio: Tensor, generator: torch.Generator, share: float = 0.5) -> Tensor:
    """Another microphone for a share of [N, samples]: a smooth random gain over frequency; some are telephones."""
    rows = torch.nonzero(_chosen(len(audio), share, generator)).flatten()
    hertz = torch.fft.rfftfreq(audio.shape[1], 1 / SAMPLE_RATE)
    place = (torch.log(hertz.clamp(min=60) / 60) / math.log(8000 / 60) * 7).clamp(max=6.999)
    low = place.floor().long()
    out = audio.clone()
    for row in rows.tolist():
        knots = torch.randn(8, generator=generator) * 4
        gain = knots[low] + (knots[low + 1] - knots[low]) * (place - low)
        if torch.rand(1, generator=generator) < 0.2:
            top, bottom = _uniform(1, 3000, 5000, generator), _uniform(1, 50, 350, generator)
            gain = gain - 40 * (hertz > top) - 30 * (hertz < bottom)
        out[row] = torch.fft.irfft(torch.fft.rfft(audio[row]) * 10 ** (gain / 20), audio.shape[1])
    return out


def compress(audio: Tensor, generator: torch.Generator, share: float = 0.12) -> Tensor:
    """A coarse codec for a share of [N, samples]: spectra of 32 ms rounded to steps of their largest value."""
    size, out = 512, audio.clone()
    whole = audio.shape[1] // size * size
    for row in torch.nonzero(_chosen(len(audio), share, generator)).flatten().tolist():
        spectra = torch.view_as_real(torch.fft.rfft(audio[row, :whole].reshape(-1, size)))
        step = spectra.abs().amax(dim=(1, 2), keepdim=True) * _uniform(1, 0.003, 0.02, generator) + 1e-7
        rounded = torch.view_as_complex((spectra / step).round() * step)
        out[row, :whole] = torch.fft.irfft(rounded, size).flatten()
    return out


def add_background(
    audio: Tensor, background: Callable[[], Tensor], generator: torch.Generator, share: float, loudest_db: float
) -> Tensor:
    """Lay what `background` draws [samples] beneath a share of [N, samples], at -35 to `loudest_db` of their level."""
    out = audio.clone()
    for row in torch.nonzero(_chosen(len(audio), share, generator)).flatten().tolist():
        beneath = background()
        level = audio[row].square().mean().sqrt() + 1e-5
        gain = 10 ** (_uniform(1, -35.0, loudest_db, generator) / 20)
        out[row] += level * gain * beneath / (beneath.square().mean().sqrt() + 1e-6)
    return out


def equalise(mel: Tensor, generator: torch.Generator) -> Tensor:
    """Another microphone: a smooth random gain over the bands of mel powers [N, MEL_BANDS, T]; some are telephones."""
    count = len(mel)
    knots = torch.randn(count, 1, 7, generator=generator) * 1.2
    gain = torch.nn.functional.interpolate(knots, size=MEL_BANDS, mode="linear", align_corners=True)[:, 0]
    cutoff = torch.randint(40, MEL_BANDS, (count,), generator=generator)
    cutoff[~_chosen(count, 0.15, generator)] = MEL_BANDS
    gain = gain - 9.0 * (torch.arange(MEL_BANDS)[None] >= cutoff[:, None])
    return mel * torch.exp(gain)[:, :, None]


def mask_bands(mel: Tensor, generator: torch.Generator, share: float = 0.4) -> Tensor:
    """Replace up to eight neighbouring bands by their mean over time (SpecAugment, Park et al. 2019)."""
    out = mel.clone()
    for row in torch.nonzero(_chosen(len(mel), share, generator)).flatten().tolist():
        width = int(torch.randint(2, 9, (1,), generator=generator))
        start = int(torch.randint(0, MEL_BANDS - width, (1,), generator=generator))
        out[row, start : start + width] = mel[row, start : start + width].mean(dim=1, keepdim=True)
    return out
