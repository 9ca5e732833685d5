"""From HDR to SDR by the published formulas, in floating point.

ITU-R BT.2100 says what light a signal of HLG or PQ stands for: its HLG OOTF for a display of 1000 cd/m2, its PQ EOTF.
The EETF of ITU-R BT.2390 compresses the luminance of that light to 203 cd/m2, the reference white of ITU-R BT.2408,
and leaves everything below about 90 cd/m2 as it is. What then lies outside the colours of BT.709 is mixed with grey of
its own luminance, as little as it takes. The inverse EOTF of BT.1886 makes a signal of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from digital_human.core.frame import Float64

WHITE = 203.0
"""Of the result, cd/m2."""
HLG_PEAK = 1000.0
"""Of the display that HLG is shown on; also where the metadata of PQ does not say how bright it is."""
MOST = 10_000.0
"""cd/m2 that PQ can say."""

_GAMMA_HLG, _GAMMA_SDR = 1.2, 2.4
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128

WEIGHTS = {"bt2020": (0.2627, 0.0593), "bt709": (0.2126, 0.0722)}
"""How much red and blue count for luma, by the name of the YCbCr matrix."""
_WHITE_POINT = (0.3127, 0.3290)
_PRIMARIES = {
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "bt709": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
}


@dataclass(frozen=True)
class Hdr:
    """What the signal of an HDR template means.

    matrix: of its YCbCr; primaries: of its RGB
    peak:   cd/m2 of its brightest light, which becomes white
    """

    transfer: Literal["hlg", "pq"]
    matrix: Literal["bt2020", "bt709"] = "bt2020"
    primaries: Literal["bt2020", "p3", "bt709"] = "bt2020"
    peak: float = HLG_PEAK


def to_sdr(signal: Float64, hdr: Hdr) -> Float64:
    """Non-linear RGB of HDR, float64 [..., 3], 0-1 -> that of BT.709."""
    weights, to_709 = _conversion(hdr.primaries)
    light = _light(np.clip(signal, 0, 1), hdr, weights)
    luminance = light @ weights
    grey = eetf(luminance, hdr.peak) / WHITE
    colour = light @ to_709.T * (grey * WHITE / np.maximum(luminance, 1e-9))[..., None] / WHITE
    return np.asarray(_within(colour, grey[..., None]) ** (1 / _GAMMA_SDR))


def _light(signal: Float64, hdr: Hdr, weights: Float64) -> Float64:
    """cd/m2 on the display, linear RGB."""
    if hdr.transfer == "pq":
        return pq_eotf(signal)
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _C) / _A) + _B) / 12)
    return HLG_PEAK * scene * np.maximum(scene @ weights, 1e-12)[..., None] ** (_GAMMA_HLG - 1)


def eetf(luminance: Float64, peak: float) -> Float64:
    """BT.2390: cd/m2 up to `peak` -> cd/m2 up to WHITE, by a cubic spline above the knee."""
    top = _level(peak)
    most = _level(WHITE) / top
    if most >= 1:
        return np.minimum(luminance, WHITE)
    level, knee = np.minimum(pq_inverse(luminance) / top, 1), 1.5 * most - 0.5
    t = np.maximum(level - knee, 0) / (1 - knee)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return pq_eotf(np.where(level < knee, level, spline) * top)


def pq_eotf(signal: Float64) -> Float64:
    """BT.2100: a PQ signal, 0-1 -> cd/m2."""
    power = np.clip(signal, 0, 1) ** (1 / _M2)
    return np.asarray(MOST * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1))


def pq_inverse(light: Float64) -> Float64:
    """BT.2100: cd/m2 -> a PQ signal, 0-1."""
    power = np.clip(np.asarray(light) / MOST, 0, 1) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def _level(light: float) -> float:
    return float(pq_inverse(np.array(light)))


def _within(colour: Float64, grey: Float64) -> Float64:
    """Colours mixed with as much grey of their luminance as brings every part of them to 0-1."""
    apart = colour - grey
    room = np.where(apart > 0, 1 - grey, grey)
    share = np.min(room / np.maximum(np.abs(apart), 1e-12), axis=-1, keepdims=True)
    return np.asarray(np.clip(grey + np.minimum(share, 1) * apart, 0, 1), np.float64)


def _conversion(primaries: str) -> tuple[Float64, Float64]:
    """How much R, G and B of these primaries count for luminance, and the matrix that makes BT.709's of them."""
    to_xyz, from_709 = _to_xyz(primaries), _to_xyz("bt709")
    return np.asarray(to_xyz[1]), np.asarray(np.linalg.inv(from_709) @ to_xyz)


def _to_xyz(primaries: str) -> Float64:
    points = np.array([*_PRIMARIES[primaries], _WHITE_POINT])
    x, y = points.T
    columns = np.stack([x / y, np.ones(4), (1 - x - y) / y])
    return np.asarray(columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3]), np.float64)
