"""Training samples: a face, the same person as they usually look, and what hides the face."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from training.occlusion import Float, Uint8, textures, variation
from training.occlusion.occluders import occluder
from training.occlusion.shapes import MOUTH, SIZE, UNIT, Stock, moved

STORED, STORED_HALF, HALF = 192, 1.5, 1.2
"""Pixels of stored crops and how far they reach, and how far the network's reach, distances between the eyes."""


@dataclass(frozen=True)
class Recording:
    """crops: uint8 [n, STORED, STORED, 3]; lips: float32 [n, 40, 2], their pixels; usual: their median; wall: uint8
    [n, STORED, STORED], what of them is the blue wall behind GRID's speakers; None elsewhere"""

    name: str
    crops: Uint8
    lips: Float
    usual: Uint8
    wall: Uint8 | None


def load(paths: list[Path]) -> list[Recording]:
    made = []
    for path in paths:
        with np.load(path) as file:
            crops = file["crops"]
            usual = np.median(crops, axis=0).astype(np.uint8)
            wall = np.stack([_blue(crop) for crop in crops])
            made.append(Recording(path.stem, crops, file["lips"], usual, wall if wall.mean() > 20 else None))
    return made


def _blue(crop: Uint8) -> Uint8:
    """How surely a pixel belongs to a blue wall, 0-255."""
    smooth = cv2.GaussianBlur(crop, (0, 0), 1.0).astype(np.float32)
    return np.clip((smooth[..., 2] - smooth[..., 0] - 25) * 6, 0, 255).astype(np.uint8)


def _shading(usual: Uint8) -> Float:
    """The broad light and colour of a face, [24, 24, 3]."""
    rim = round(STORED * (1 - HALF / STORED_HALF) / 2)
    small = cv2.resize(usual[rim:-rim, rim:-rim], (24, 24), interpolation=cv2.INTER_AREA).astype(np.float32)
    return cv2.GaussianBlur(small, (0, 0), 1.6) + 6


@dataclass(frozen=True)
class Sample:
    """face, usual: uint8 [SIZE, SIZE, 3]; mask, doubt: bool [SIZE, SIZE]; doubt: where a mask's edge is soft"""

    face: Uint8
    usual: Uint8
    mask: npt.NDArray[np.bool_]
    doubt: npt.NDArray[np.bool_]

    def again(self, rng: np.random.Generator) -> Sample:
        """The same in another light, perhaps mirrored."""
        curve = np.clip(np.arange(256)[:, None] * rng.uniform(0.8, 1.2) * np.exp(rng.normal(0, 0.05, 3)), 0, 255)
        table = np.rint(curve).astype(np.uint8)[None]
        face, usual = cv2.LUT(self.face, table), cv2.LUT(self.usual, table)
        step = -1 if rng.random() < 0.5 else 1
        return Sample(face[:, ::step], usual[:, ::step], self.mask[:, ::step], self.doubt[:, ::step])


def _grid(rng: np.random.Generator) -> Float:
    """Where in a stored crop each pixel of the network's crop lies, [SIZE, SIZE, 2], a little off."""
    scale = HALF / STORED_HALF * STORED / SIZE * np.exp(rng.normal(0, 0.05))
    angle = rng.normal(0, 0.05)
    y, x = np.indices((SIZE, SIZE), dtype=np.float32) - (SIZE - 1) / 2
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    shift = rng.normal(0, 3, 2)
    grid = np.stack([c * x - s * y + shift[0], s * x + c * y + shift[1]], 2) + (STORED - 1) / 2
    if rng.random() < 0.7:  # another face
        for axis in range(2):
            grid[..., axis] += rng.uniform(0, 3.5) * textures.noise(rng, SIZE, rng.uniform(35, 70), 1)
    return grid.astype(np.float32)  # type: ignore[no-any-return]


def _other_pose(rng: np.random.Generator, grid: Float, strong: bool) -> Float:
    """The grid as another frame has it: not quite the same pose, another shape of the mouth."""
    off = 1.0 if rng.random() < 0.75 else 3.0
    out = (grid - STORED / 2) * (1 + rng.normal(0, 0.012 * off)) + STORED / 2 + rng.normal(0, off, 2)
    y, x = np.indices((SIZE, SIZE), dtype=np.float32)
    if strong:
        u, v = (x - MOUTH[0]) / UNIT, (y - MOUTH[1]) / UNIT
        smile = 1.0 if rng.random() < 0.7 else 2.0
        near = np.exp(-((u / rng.uniform(0.3, 0.6 * smile)) ** 2) - (v / rng.uniform(0.3, 0.8)) ** 2)
        out[..., 1] -= rng.uniform(-0.08, 0.3) * UNIT * near * np.tanh(v / 0.08)
        out[..., 0] -= rng.uniform(-0.22, 0.22 * smile) * UNIT * near * np.tanh(u / 0.2)
        out[..., 1] += rng.uniform(-0.1, 0.3) * smile * UNIT * near * u**2
        out[..., 0] += rng.normal(0, 0.03) * UNIT * u**2 * np.exp(-(v**2))
        for axis in range(2):
            out[..., axis] += rng.uniform(0, 1.8) * textures.noise(rng, SIZE, 60, 1)
    if rng.random() < 0.45:
        out += _turned(rng)
    return out.astype(np.float32)


def _turned(rng: np.random.Generator) -> Float:
    """How a grid moves as the head turns and nods: what is far behind the mouth moves, what is near does not.

    Now and then the jaw goes to a side.
    """
    y, x = np.indices((SIZE, SIZE), dtype=np.float32)
    u, v = (x - MOUTH[0]) / UNIT, (y - MOUTH[1]) / UNIT
    near = np.sqrt(np.clip(1 - (u / 0.95) ** 2 - ((v + 0.3) / 1.4) ** 2, 0, 1))
    near = cv2.GaussianBlur(near.astype(np.float32), (0, 0), 3)
    across, down = np.clip(rng.normal(0, [0.24, 0.12]), -0.45, 0.45)
    jaw = rng.normal(0, 0.12) * (rng.random() < 0.3) / (1 + np.exp(-v / 0.12)) * np.exp(-(u**2))
    return UNIT * np.stack([across * (1 - near) + jaw, down * (1 - near)], 2)  # type: ignore[no-any-return]


def _seen(picture: Uint8, grid: Float) -> Float:
    return cv2.remap(picture, grid, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT).astype(np.float32)  # type: ignore[call-overload,no-any-return]


def _to_crop(points: Float, grid: Float) -> Float:
    """Stored pixels [n, 2] -> the network's, by the grid's own affine part."""
    c = (SIZE - 1) / 2
    middle = (grid[SIZE // 2, SIZE // 2] + grid[SIZE // 2 - 1, SIZE // 2 - 1]) / 2
    across, down = (grid[64, 127] - grid[64, 0]) / 127, (grid[127, 64] - grid[0, 64]) / 127
    return ((points - middle) @ np.linalg.inv(np.stack([across, down])) + c).astype(np.float32)  # type: ignore[no-any-return]


class Maker:
    def __init__(self, recordings: list[Recording], stock: Stock, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.stock = stock
        self.people: dict[str, list[Recording]] = {}
        for recording in recordings:
            self.people.setdefault(person(recording.name), []).append(recording)
        self.names = sorted(self.people)
        share = np.sqrt([sum(len(r.crops) for r in self.people[name]) for name in self.names])
        self.shares = share / share.sum()
        self.beards = variation.beards(self.rng, 60)
        self.shadings = [_shading(r.usual) for r in recordings]

    def __call__(self) -> Sample:
        rng = self.rng
        some = self.people[self.names[rng.choice(len(self.names), p=self.shares)]]
        recording = some[rng.integers(len(some))]
        k = int(rng.integers(len(recording.crops)))
        base = _grid(rng)
        grid = _other_pose(rng, base, rng.random() < 0.6)
        other = int(rng.integers(len(recording.crops)))
        usual_of = recording.usual if rng.random() < 0.85 else recording.crops[other]
        face, usual = _seen(recording.crops[k], grid), _seen(usual_of, base)
        if recording.wall is not None and rng.random() < 0.6:
            face, usual = self._elsewhere(
                face, usual, _seen(recording.wall[k], grid), _seen(recording.wall[other], base)
            )
        if rng.random() < 0.4:  # another face: the light and the colours of somebody else
            own, others = _shading(recording.usual), self.shadings[rng.integers(len(self.shadings))]
            ratio = np.clip(others / own, 0.4, 2.2)[:, :: 1 if rng.random() < 0.5 else -1]
            factor = cv2.resize(np.ascontiguousarray(ratio), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
            face, usual = np.clip(face * factor, 0, 255), np.clip(usual * factor, 0, 255)
        lips = _to_crop(recording.lips[k], base)
        face, usual = self._made_up(face, usual, lips)
        if rng.random() < 0.5:
            face, usual, lips = face[:, ::-1].copy(), usual[:, ::-1].copy(), lips * [-1, 1] + [SIZE - 1, 0]
        if rng.random() < 0.5:
            pores = 1 + rng.uniform(0, 0.06) * textures.noise(rng, SIZE, rng.uniform(2, 12), 2)[..., None]
            face, usual = face * pores, usual * pores
        if rng.random() < 0.3:
            face = variation.expression(rng, face)
        shared = variation.tone(rng)
        face, usual = shared(face), shared(usual)
        if rng.random() < 0.25:
            face *= variation.shadow(rng)
        elif rng.random() < 0.15:
            fall = variation.shadow(rng)
            face, usual = face * fall, usual * fall
        face = np.clip(face, 0, 255)
        if rng.random() < 0.06:  # the shadow of something that is not to be seen
            thrown = occluder(rng, self.stock, face)[1][..., None]
            face = face * (
                1 - rng.uniform(0.15, 0.6) * cv2.GaussianBlur(thrown, (0, 0), rng.uniform(0.6, 5))[..., None]
            )
        if rng.random() < 0.08:  # the head moves
            face = moved(rng, face, np.ones((SIZE, SIZE), np.float32))[0]
        face, usual, mask = self._covered(face, usual)
        if rng.random() < 0.12:  # the picture ends here, and its edge repeats
            end = int(rng.integers(SIZE // 2, SIZE))
            face[end:], usual[end:], mask[end:] = face[end - 1], usual[end - 1], 0
        face = variation.drift(rng)(face)
        return self._filmed(face, usual, mask)

    def _elsewhere(self, face: Float, usual: Float, wall: Float, other: Float) -> tuple[Float, Float]:
        """The two in front of something else than a blue wall, which seldom moves."""
        rng, blur = self.rng, self.rng.uniform(0.5, 5)
        make = [textures.plain(rng, SIZE), textures.patch(rng, self.stock.pictures, SIZE)]
        behind = cv2.GaussianBlur(make[rng.integers(2)], (0, 0), blur)
        beyond = cv2.GaussianBlur(textures.patch(rng, self.stock.pictures, SIZE), (0, 0), blur) if rng.random() < 0.15 \
            else behind  # fmt: skip
        return (
            face + wall[..., None] / 255 * (beyond - face),
            usual + other[..., None] / 255 * (behind - usual),
        )

    def _made_up(self, face: Float, usual: Float, lips: Float) -> tuple[Float, Float]:
        rng = self.rng
        layers = []
        if rng.random() < 0.25:
            layers.append(variation.beard(rng, self.beards[rng.integers(len(self.beards))], lips[:20]))
        if rng.random() < 0.12:
            layers.append(variation.lipstick(rng, lips))
        if rng.random() < 0.15:
            layers.append(variation.glasses(rng))
        if rng.random() < 0.12:
            layers.append(variation.blush(rng))
        if rng.random() < 0.33:
            face = variation.mouth_inside(rng, face, lips)
        for colour, alpha in layers:
            face = face + alpha[..., None] * (colour - face)
            usual = usual + alpha[..., None] * (colour - usual)
        return face, usual

    def _covered(self, face: Float, usual: Float) -> tuple[Float, Float, Float]:
        rng = self.rng
        mask = np.zeros((SIZE, SIZE), np.float32)
        if rng.random() < 0.55:
            clean = face
            for _ in range(1 + (rng.random() < 0.15)):
                colour, alpha = occluder(rng, self.stock, clean)
                face = _laid(rng, face, colour, alpha)
                mask = np.maximum(mask, alpha)
            if rng.random() < 0.18:  # it is there all the time
                shift = rng.normal(0, 1.5, 2)
                move = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
                there = cv2.warpAffine(alpha, move, (SIZE, SIZE)) * rng.choice([1.0, 1.0, 0.6])
                usual = usual + there[..., None] * (cv2.warpAffine(colour, move, (SIZE, SIZE)) - usual)
        elif rng.random() < 0.10:  # it is gone now
            colour, alpha = occluder(rng, self.stock, usual)
            usual = _laid(rng, usual, colour, alpha)
        return face, usual, mask

    def _filmed(self, face: Float, usual: Float, mask: Float) -> Sample:
        rng = self.rng
        camera = variation.camera(rng)
        seen = camera(rng, face)
        if rng.random() < 0.15:  # a still picture
            known = seen.copy()
        else:
            known = camera(rng, usual)
            if rng.random() < 0.5:
                known = cv2.GaussianBlur(known, (0, 0), rng.uniform(0.3, 1.2))
        return Sample(seen, known, mask > 0.35, (mask > 0.15) & (mask < 0.5))


def _laid(rng: np.random.Generator, picture: Float, colour: Float, alpha: Float) -> Float:
    """The picture under an occluder, which throws a soft shadow on it."""
    if rng.random() < 0.6:
        x, y = rng.normal(0, 5, 2)
        thrown = cv2.warpAffine(alpha, np.array([[1, 0, x], [0, 1, y + 2]]), (SIZE, SIZE))
        thrown = cv2.GaussianBlur(thrown, (0, 0), rng.uniform(1, 6))
        picture = picture * (1 - rng.uniform(0, 0.5) * thrown[..., None])
    return picture + alpha[..., None] * (colour - picture)  # type: ignore[no-any-return]


def person(name: str) -> str:
    """Who is seen in a stored file: `grid_s1_bbaf2n` -> `s1`."""
    words = name.split("_")
    return "_".join(words[1:]) if words[1] == "x" or words[0] == "dev" else words[1]


def _weight() -> Float:
    """Full where a mouth is drawn, little in the background, [SIZE, SIZE]."""
    y, x = np.indices((SIZE, SIZE), dtype=np.float32)
    u, v = (x - MOUTH[0]) / UNIT, (y - MOUTH[1]) / UNIT
    distance = np.sqrt((u / 0.95) ** 2 + ((v - 0.15) / 0.95) ** 2)
    return (0.3 + 0.7 * np.clip(2.2 - 1.6 * distance, 0, 1)).astype(np.float32)  # type: ignore[no-any-return]


WEIGHT = _weight()
