"""What makes faces differ without hiding them: colour, beards, lipstick, glasses, wide mouths, shadows, bad cameras."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from training.occlusion import Float, Uint8, textures
from training.occlusion.shapes import MOUTH, SIZE, UNIT


@dataclass(frozen=True)
class Tone:
    """A change of colours that a whole recording shares."""

    gamma: Float
    gain: Float
    colourful: float

    def __call__(self, picture: Float) -> Float:
        curve = (np.linspace(0, 1, 256)[:, None] ** self.gamma * 255 * self.gain).astype(np.float32)
        value = cv2.LUT(np.clip(picture, 0, 255).astype(np.uint8), curve[None])
        mix = np.eye(3) * self.colourful + (1 - self.colourful) / 3
        return np.clip(cv2.transform(value, mix), 0, 255).astype(np.float32)


def tone(rng: np.random.Generator) -> Tone:
    """From pale to dark skin, from blue to yellow light, now and then without any colour."""
    gamma = np.exp(rng.uniform(-0.5, 0.7)) * np.exp(rng.normal(0, 0.06, 3))
    gain = rng.uniform(0.75, 1.15) * np.exp(rng.normal(0, 0.08, 3))
    colourful = 0.0 if rng.random() < 0.04 else rng.uniform(0.5, 1.35)
    return Tone(gamma.astype(np.float32), gain.astype(np.float32), float(colourful))


def drift(rng: np.random.Generator) -> Tone:
    """A slight change of exposure between two frames of a recording."""
    spread = rng.choice([0.03, 0.10, 0.3], p=[0.68, 0.27, 0.05])
    gain = np.exp(rng.normal(0, spread)) * np.exp(rng.normal(0, spread / 4, 3))
    return Tone(np.full(3, np.exp(rng.normal(0, spread)), np.float32), gain.astype(np.float32), 1.0)


def beards(rng: np.random.Generator, count: int) -> list[Float]:
    """Opacity of stubble and hair over a whole crop, [SIZE, SIZE] each; masked by `beard`."""
    made = []
    for _ in range(count):
        mask = np.zeros((SIZE, SIZE), np.uint8)
        for _ in range(int(rng.integers(200, 2500))):
            x, y = rng.uniform(0, SIZE, 2)
            length, angle = rng.uniform(1, 9), rng.normal(np.pi / 2, 0.5)
            end = (int(x + length * np.cos(angle)), int(y + length * np.sin(angle)))
            cv2.line(mask, (int(x), int(y)), end, (int(rng.integers(90, 256)),), 1, cv2.LINE_AA)
        made.append(cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.4, 1.2)).astype(np.float32) / 255)
    return made


def beard(rng: np.random.Generator, hairs: Float, lips: Float) -> tuple[Float, Float]:
    """Colour [3] and opacity [SIZE, SIZE] of a moustache, a goatee or a full beard. lips: outline [n, 2]"""
    y, x = np.indices((SIZE, SIZE), dtype=np.float32)
    u, v = (x - MOUTH[0]) / UNIT, (y - MOUTH[1]) / UNIT
    wide = rng.uniform(0.35, 1.0)
    chin = (v > -0.1 - 0.5 * np.abs(u)) & (np.abs(u) < wide) & (v < rng.uniform(0.5, 1.1))
    cheeks = (np.abs(u) > rng.uniform(0.4, 0.7)) & (v > -0.6) & (np.abs(u) < 1.05) & (v < 1.0)
    upper = (np.abs(v + 0.22) < rng.uniform(0.06, 0.16)) & (np.abs(u) < rng.uniform(0.3, 0.6))
    parts = [(upper,), (chin, upper), (chin, upper, cheeks), (chin,)][rng.integers(4)]
    region = np.any(parts, axis=0).astype(np.float32)
    inner = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillConvexPoly(inner, np.rint(cv2.convexHull(lips)[:, 0]).astype(np.int32), (1,))
    region[inner > 0] = 0
    soft = cv2.GaussianBlur(region, (0, 0), rng.uniform(1.5, 5))
    base = rng.uniform(0, 0.7)
    colour = np.array([(25, 20, 18), (60, 42, 30), (110, 80, 55), (150, 145, 140), (200, 200, 198)][rng.integers(5)])
    return colour.astype(np.float32), soft * (base + (0.9 - base) * hairs) * rng.uniform(0.4, 1)


def lipstick(rng: np.random.Generator, lips: Float) -> tuple[Float, Float]:
    """Colour [3] and opacity of painted lips. lips: outer and inner outline [40, 2]"""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.rint(lips[:20] * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    cv2.fillPoly(mask, [np.rint(lips[20:] * 16).astype(np.int32)], (0,), cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(mask, (0, 0), 0.8).astype(np.float32) / 255
    colour = np.array([rng.uniform(90, 220), rng.uniform(10, 90), rng.uniform(20, 110)], np.float32)
    return colour, soft * rng.uniform(0.3, 0.8)


def blush(rng: np.random.Generator) -> tuple[Float, Float]:
    """Colour [3] and opacity of make-up, or of stickers, on both cheeks, perhaps with marks on them."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    x, y = rng.uniform(0.4, 0.75), MOUTH[1] - UNIT * rng.uniform(0.2, 0.7)
    size = (int(UNIT * rng.uniform(0.12, 0.32)), int(UNIT * rng.uniform(0.08, 0.25)))
    for side in (-1, 1):
        cv2.ellipse(mask, (int(MOUTH[0] + side * x * UNIT), int(y)), size, 0, 0, 360, (1.0,), -1)
    mask = cv2.GaussianBlur(mask, (0, 0), rng.uniform(1, 7)) * rng.uniform(0.2, 0.9)
    if rng.random() < 0.4:
        marks = textures.noise(rng, SIZE, rng.uniform(4, 9), 1) > 1.2
        mask[marks & (mask > 0.1)] *= 0.2
    colour = np.array([rng.uniform(150, 255), rng.uniform(50, 160), rng.uniform(60, 170)], np.float32)
    return colour, mask


def glasses(rng: np.random.Generator) -> tuple[Float, Float]:
    """Colour [3] and opacity of the lower rims that reach into the crop."""
    mask = np.zeros((SIZE, SIZE), np.uint8)
    y = int(rng.uniform(-14, 8))
    size = (int(UNIT * rng.uniform(0.32, 0.5)), int(UNIT * rng.uniform(0.25, 0.45)))
    for side in (-0.5, 0.5):
        cv2.ellipse(
            mask, (int(MOUTH[0] + side * UNIT), y), size, 0, 0, 360, (255,), int(rng.integers(1, 4)), cv2.LINE_AA
        )
    return np.full(3, rng.choice([15.0, 60.0, 170.0]), np.float32), mask.astype(np.float32) / 255


def shadow(rng: np.random.Generator) -> Float:
    """Factor [SIZE, SIZE, 1] of a shadow or a light that falls on part of the face."""
    level = rng.uniform(-1, 1)
    edge = rng.uniform(0.05, 0.8)
    field = textures.ramp(rng, SIZE) * 1.2 + rng.uniform(0, 0.5) * textures.noise(rng, SIZE, 60, 1)
    share = np.clip((field - level) / edge + 0.5, 0, 1)
    dark = rng.uniform(0.45, 0.95) if rng.random() < 0.8 else rng.uniform(1.05, 1.3)
    return (1 + (dark - 1) * share)[..., None].astype(np.float32)


def expression(rng: np.random.Generator, picture: Float) -> Float:
    """The picture with the folds and the light of another expression around the mouth."""
    y, x = np.indices((SIZE, SIZE), dtype=np.float32)
    u, v = (x - MOUTH[0]) / UNIT, (y - MOUTH[1]) / UNIT
    near = np.exp(-((u / 0.8) ** 2) - (v / 0.7) ** 2)
    light = 1 + rng.uniform(0, 0.15) * near * textures.noise(rng, SIZE, rng.uniform(15, 40), 2)
    fold = np.abs(u) - rng.uniform(0.4, 0.65) - rng.uniform(-0.1, 0.35) * v
    line = np.exp(-((fold / rng.uniform(0.02, 0.06)) ** 2)) * (v < 0.3) * (v > -0.75)
    light -= rng.uniform(0, 0.35) * line
    return np.clip(picture * light[..., None], 0, 255).astype(np.float32)  # type: ignore[no-any-return]


def mouth_inside(rng: np.random.Generator, picture: Float, lips: Float) -> Float:
    """The picture with another inside of the mouth: dark, teeth, a tongue that may lie on the lip or come out."""
    out = picture.copy()
    inner = lips[20:]
    middle = inner.mean(0)
    low, high = inner.min(0), inner.max(0)
    open_ = max(high[1] - low[1], 2.0)
    grown = middle + (inner - middle) * [rng.uniform(0.7, 1.1), max(1.0, rng.uniform(3, 26) / open_)]
    mask = np.zeros((SIZE, SIZE), np.uint8)
    cv2.fillPoly(mask, [np.rint(grown * 16).astype(np.int32)], (255,), cv2.LINE_AA, 4)
    hole = cv2.GaussianBlur(mask, (0, 0), 0.8).astype(np.float32)[..., None] / 255
    dark = np.array([rng.uniform(15, 70), rng.uniform(5, 30), rng.uniform(5, 30)])
    fill = np.broadcast_to(dark, picture.shape).copy()
    top, bottom = float(grown[:, 1].min()), float(grown[:, 1].max())
    rows = np.arange(SIZE)[:, None, None]
    if rng.random() < 0.6:
        ivory = np.array([rng.uniform(130, 245)] * 3) * [1, 0.97, 0.88]
        teeth = (rows < top + (bottom - top) * rng.uniform(0.2, 0.6)) | (
            (rows > bottom - (bottom - top) * rng.uniform(0.05, 0.3)) & (rng.random() < 0.4)
        )
        gaps = 1 - 0.25 * (np.abs(np.sin(np.arange(SIZE) * rng.uniform(0.4, 0.8))) < 0.15)[None, :, None]
        fill = np.where(teeth, ivory * gaps, fill)
    out += hole * (fill - out)
    if rng.random() < 0.35:
        pink = np.array([rng.uniform(150, 220), rng.uniform(80, 120), rng.uniform(85, 125)])
        tongue = np.zeros((SIZE, SIZE), np.uint8)
        x, y = middle + np.array([rng.normal(0, 4), (bottom - top) * 0.25])
        axes = (int(rng.uniform(5, 13)), int(rng.uniform(3, 4 + rng.choice([4, 14]))))
        cv2.ellipse(tongue, (int(x), int(y + axes[1] * rng.uniform(0, 0.7))), axes, 0, 0, 360, (255,), -1, cv2.LINE_AA)
        soft = cv2.GaussianBlur(tongue, (0, 0), 0.8).astype(np.float32)[..., None] / 255
        lit = 1 + 0.15 * textures.noise(rng, SIZE, 12, 2)[..., None]
        out += soft * (pink * lit - out)
    return np.clip(out, 0, 255).astype(np.float32)


@dataclass(frozen=True)
class Camera:
    """What a recording does to all its frames alike."""

    shrunk: float
    sharp: float
    blur: float
    noise: float
    quality: int

    def __call__(self, rng: np.random.Generator, picture: Float) -> Uint8:
        side = max(int(SIZE * self.shrunk), 24)
        seen = picture
        if side < SIZE:
            seen = cv2.resize(seen, (side, side), interpolation=cv2.INTER_AREA)
        if self.sharp > 0:
            seen = seen + self.sharp * (seen - cv2.GaussianBlur(seen, (0, 0), 1.5))
        if self.blur > 0.3:
            seen = cv2.GaussianBlur(seen, (0, 0), self.blur)
        if self.noise > 0:
            seen = seen + cv2.resize(rng.standard_normal((SIZE // 2, SIZE // 2, 3)).astype(np.float32),
                                     seen.shape[1::-1]) * self.noise  # fmt: skip
        coded = np.clip(np.rint(seen), 0, 255).astype(np.uint8)
        if self.quality < 95:
            packed = cv2.imencode(".jpg", coded, [cv2.IMWRITE_JPEG_QUALITY, self.quality])[1]
            coded = cv2.imdecode(packed, cv2.IMREAD_COLOR)  # type: ignore[assignment]
        if side < SIZE:
            coded = cv2.resize(coded, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
        return coded


def camera(rng: np.random.Generator) -> Camera:
    return Camera(
        float(rng.choice([1.0, 1.0, 1.0, rng.uniform(0.35, 1)])),
        float(rng.choice([0.0, rng.uniform(0, 2)])),
        float(rng.choice([0.0, 0.0, rng.uniform(0.3, 1.3)])),
        float(rng.choice([0.0, rng.uniform(0, 7)])),
        int(rng.choice([100, int(rng.integers(30, 95))])),
    )
