"""What the engine stores of a template that talks, and where its crops lie."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from digital_human.core import landmarks as mesh
from digital_human.core.frame import Float32, Uint8
from digital_human.core.landmarks import Indices
from digital_human.core.types import Arrays
from digital_human.engines.exemplar import lip_geometry

CENTRE = 0.15
"""Crops are centred this far below the middle of the mouth, inter-ocular distances: jaws drop, noses stay."""
STORED_NAMES = {
    "jaw_curve": "slow",
    "aperture_bias": "overread",
    "shape_residual": "odd",
    "lip_compression": "pressed",
    "blur": "soft",
    "appearance_distance": "unlike",
}
"""Field -> name in the template store, where they differ: templates stored by earlier versions stay valid."""


@dataclass(frozen=True)
class Atlas:
    """A template of T frames: measures of the face, and E exemplars, crops of its mouth. V = 468 vertices.

    Lengths are in inter-ocular distances unless stated.
    """

    size: Indices
    """[6], pixels: rows and columns of the base crop, of the mouth layer and of the exemplars."""
    reference: Float32
    """[V, 3]: the person's mean face, see `head_pose.canonical_face`."""
    control: Indices
    """[K]: vertices that carry the displacement field of the base crop."""
    near: Indices
    """[M]: vertices that carry the displacement field of the mouth layer."""
    regression: Float32
    """[3, V, 3]: canonical shape = (1, aperture, width) . regression; for all but the lips, both as in `jaw_curve`."""
    jaw_curve: Float32
    """[T, 2]: aperture and width of the template's frames as jaw and cheeks follow them, `lip_geometry.jaw_curve`."""
    own: Float32
    """[T, 3]: see `own_lips.measure`. All 0 in templates stored by earlier versions."""
    limits: Float32
    """[6]: aperture when shut, then its 15th, 35th, 55th, 75th and 95th percentile while speaking."""
    width_limits: Float32
    """[4]: 3rd percentile, median, 97th percentile and standard deviation of the width."""
    fastest: Float32
    """[2]: how fast the mouth may close and open, change of aperture per frame. Infinite in templates stored by earlier
    versions."""
    angles: Float32
    """[T, 3]: pitch, yaw and roll about the mean pose, degrees."""
    shot: Indices
    """[T]: changes at hard cuts of the template. All 0 in templates stored by earlier versions."""
    exemplar_frame: Indices
    """[E]: template frame of each exemplar, ascending."""
    exemplar_pixels: Uint8
    """[E, rows * 3 / 2, columns]: I420."""
    exemplar_origin: Indices
    """[E, 2]: frame pixel of the top left corner of each exemplar, x and y."""
    aperture: Float32
    """[E]: opening of the lips, corrected by `aperture_bias`."""
    width: Float32
    """[E]: distance between the corners of the mouth."""
    slope: Float32
    """[E]: change of aperture per frame."""
    aperture_bias: Float32
    """[E]: by how much the mesh overestimates the aperture, where the pixels show lips that touch."""
    shape_residual: Float32
    """[E]: deviation from the usual shape at this aperture and width, 0 up to the median: crooked, mistracked."""
    gap: Float32
    """[E]: how little the seam between the lips looks like lips, relative to a shut mouth."""
    lip_compression: Float32
    """[E]: missing share of the lips' usual colour: pressed together or rolled in."""
    lip_edge: Float32
    """[E, 2, 9]: see `lip_edges.beyond_mesh`; 0 where the lips touch. All 0 in templates stored by earlier versions."""
    flaw: Float32
    """[E]: see `flaws`. All 0 in templates stored by earlier versions."""
    pulls_faces: npt.NDArray[np.bool_]
    """[]: whether most open mouths of the template have a flaw; the exemplars are its calm ones. False in templates
    stored by earlier versions."""
    blur: Float32
    """[E]: how much less sharp than other mouths as open as this one, natural logarithm."""
    appearance_distance: Float32
    """[E, E]: difference of appearance; 1 is usual between consecutive frames."""

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays to store, by their stored names."""
        return {STORED_NAMES.get(field.name, field.name): getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Atlas:
        """The inverse of `to_arrays`. Other arrays are ignored."""
        new: dict[str, npt.NDArray[Any]] = {
            "shot": np.zeros(len(arrays["angles"]), np.int64),
            "own": np.zeros((len(arrays["angles"]), 3), np.float32),
            "lip_edge": np.zeros((len(arrays["exemplar_frame"]), 2, 9), np.float32),
            "pulls_faces": np.array(False),
            "fastest": np.full(2, np.inf, np.float32),
            "flaw": np.zeros(len(arrays["exemplar_frame"]), np.float32),
        }
        arrays = {**new, **arrays}
        values: dict[str, Any] = {field.name: arrays[STORED_NAMES.get(field.name, field.name)] for field in fields(cls)}
        return cls(**values)


def crop_size(half: Float32) -> Indices:
    """Rows and columns of a crop, multiples of 16, from half of them, pixels."""
    return np.ceil(half / 8).astype(np.int64) * 16  # type: ignore[no-any-return]


def centre(points: Float32, unit: Float32) -> Float32:
    """Centres of crops, frame pixels [n, 2]: a little below the mouth, along the head's own axis.

    points: landmarks [n, V, 2 or 3], frame pixels; unit: inter-ocular distances [n], pixels
    """
    down = points[:, mesh.SUBNASALE, :2] - points[:, mesh.NOSE_BRIDGE, :2]
    down /= np.linalg.norm(down, axis=1, keepdims=True)
    return lip_geometry.mouth_centre(points) + CENTRE * unit[:, None] * down


def corner(points: Float32, rows: int, columns: int) -> Indices:
    """Top left corners of crops about each mouth, even frame pixels [n, 2], x and y."""
    middle = centre(points, lip_geometry.interocular(points))
    return np.rint((middle - np.array([columns, rows]) / 2) / 2).astype(np.int64) * 2  # type: ignore[no-any-return]
