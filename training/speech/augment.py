"""Make one recording sound like many: vocal tract, microphone, room, noise, level. Labels stay as they are.

Everything works on batches of equal length; `generator` is the only source of chance.
"""

from __future__ import annotations

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


def warp_vocal_tract(power: Tensor, generator: torch.Generator, most: float = 0.16) -> Tensor:
    """Stretch the frequency axis of power spectra [N, bins, T] by up to `most` (Jaitly & Hinton 2013)."""
    count, bins, _ = power.shape
    factor = 1 + _uniform(count, -most, most, generator)
    position = (torch.arange(bins)[None] * factor[:, None]).clamp(max=bins - 1.001)
    low = position.floor().long()
    share = (position - low)[:, :, None]
    rows = torch.arange(count)[:, None]
    return power[rows, low] * (1 - share) + power[rows, low + 1] * share


def equalise(mel: Tensor, generator: torch.Generator) -> Tensor:
    """Another microphone: a smooth random gain over the bands of mel powers [N, MEL_BANDS, T]; some are telephones."""
    count = len(mel)
    knots = torch.randn(count, 1, 7, generator=generator) * 1.2
    gain = torch.nn.functional.interpolate(knots, size=MEL_BANDS, mode="linear", align_corners=True)[:, 0]
    cut = torch.randint(40, MEL_BANDS, (count,), generator=generator)
    cut[~_chosen(count, 0.15, generator)] = MEL_BANDS
    gain = gain - 9.0 * (torch.arange(MEL_BANDS)[None] >= cut[:, None])
    return mel * torch.exp(gain)[:, :, None]


def mask_bands(mel: Tensor, generator: torch.Generator, share: float = 0.4) -> Tensor:
    """Replace up to eight neighbouring bands by their mean over time (SpecAugment, Park et al. 2019)."""
    out = mel.clone()
    for row in torch.nonzero(_chosen(len(mel), share, generator)).flatten().tolist():
        width = int(torch.randint(2, 9, (1,), generator=generator))
        start = int(torch.randint(0, MEL_BANDS - width, (1,), generator=generator))
        out[row, start : start + width] = mel[row, start : start + width].mean(dim=1, keepdim=True)
    return out
