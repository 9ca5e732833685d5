"""What is kept of a template, and where its crops lie."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, Uint8
from digital_human.engines.base import Arrays
from digital_human.engines.exemplar import lip_geometry

CENTRE = 0.15
"""Crops' centre lies this far below the middle between the corners of the mouth: jaws drop, noses stay."""

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Atlas:
    """What is kept of a template of T frames: E exemplars, V = 468 vertices.

    Lengths are in inter-ocular distances unless said.
    """

    size: Indices
    """[6]: rows and columns of the base crop, of the mouth layer and of the exemplars' crops, pixels."""
    reference: Float32
    """[V, 3]: the person's mean face."""
    control: Indices
    """[K]: vertices that carry the displacement field of the base."""
    near: Indices
    """[M]: those that carry the field of the mouth layer."""
    regression: Float32
    """[3, V, 3]: canonical shape = regression . (1, aperture, width), these as in `slow` for all but the lips."""
    slow: Float32
    """[T, 2]: aperture and width of the template's frames as jaw and cheeks follow them, see `face.inert`."""
    limits: Float32
    """[6]: aperture when shut, then its 15th, 35th, 55th, 75th and 95th percentile while speaking."""
    width_limits: Float32
    """[4]: 3rd percentile, median, 97th percentile and standard deviation of the width."""
    angles: Float32
    """[T, 3]: pitch, yaw, roll about the mean pose, degrees."""
    exemplar_frame: Indices
    """[E]: template frame of each exemplar, rising."""
    exemplar_pixels: Uint8
    """[E, rows * 3 / 2, columns]: I420."""
    exemplar_origin: Indices
    """[E, 2]: frame pixel of each crop's corner, x and y."""
    aperture: Float32
    width: Float32
    slope: Float32
    """[E] each: opening, distance of the corners, change of aperture per frame."""
    overread: Float32
    """[E]: by how much the mesh shows more than `aperture` where the picture shows lips that touch."""
    odd: Float32
    """[E]: how unlike the usual shape at this aperture and width: pressed, crooked, mistracked."""
    gap: Float32
    """[E]: how unlike lips the seam looks, about its value on a shut mouth."""
    pressed: Float32
    """[E]: share of the lips' usual colour that is missing: pressed together, rolled in."""
    soft: Float32
    """[E]: how much less sharp than mouths as open as this, natural logarithm."""
    unlike: Float32
    """[E, E]: difference of appearance; 1 = as unlike as consecutive frames."""

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Atlas:
        values: dict[str, Any] = {field.name: arrays[field.name] for field in fields(cls)}
        return cls(**values)


def centre(points: Float32, unit: Float32) -> Float32:
    """Where crops are centred, frame pixels [n, 2]: a little below the mouth, along the head's own axis."""
    down = points[:, lip_geometry.SUBNASALE, :2] - points[:, 168, :2]
    down /= np.linalg.norm(down, axis=1, keepdims=True)
    return lip_geometry.mouth_centre(points) + CENTRE * unit[:, None] * down


def corner(points: Float32, rows: int, columns: int) -> Indices:
    """Even frame pixel [n, 2] of the corner of a crop about each mouth, x then y."""
    middle = centre(points, lip_geometry.interocular(points))
    return np.rint((middle - np.array([columns, rows]) / 2) / 2).astype(np.int64) * 2  # type: ignore[no-any-return]
