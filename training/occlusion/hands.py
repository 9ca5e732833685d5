"""Hands as occluders: a rigged mesh, posed at random and rendered to normals.

The mesh is `generic-hand/right.glb` of the npm package `@webxr-input-profiles/assets` (MIT, Copyright (c) 2019 Amazon):
1360 vertices, 25 joints. It is read here without a glTF library, since this needs only its buffers.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from training.occlusion import Float

SIZE = 256
"""Rows and columns of a rendered hand."""
EXTENT = 0.30
"""Metres that a rendering spans; the distance between the eyes of an adult is 0.063 m."""
FINGERS = (range(1, 5), range(5, 10), range(10, 15), range(15, 20), range(20, 25))
"""Joints of the thumb and the fingers, from the wrist (0) outwards."""
FOREARM = 0.25
"""Metres of forearm that are added behind the wrist."""
_TYPES = {5121: np.uint8, 5123: np.uint16, 5126: np.float32}
_WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}


@dataclass(frozen=True)
class Hand:
    """positions, weights: float32 [V, 3] and [V, 25]; triangles: int [F, 3]; joints: float32 [25, 3], metres"""

    positions: Float
    weights: Float
    triangles: npt.NDArray[np.int64]
    joints: Float


@dataclass(frozen=True)
class Rendering:
    """normals: int8 [SIZE, SIZE, 3], 127 long, +z towards the camera; alpha, near: uint8 [SIZE, SIZE].

    near is brighter where the surface is nearer to the camera; sleeve is where a sleeve may cover the arm.
    """

    normals: npt.NDArray[Any]
    alpha: npt.NDArray[Any]
    near: npt.NDArray[Any]
    sleeve: npt.NDArray[Any]


def load(path: Path) -> Hand:
    data = path.read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    document: dict[str, Any] = json.loads(data[20 : 20 + length])
    binary = data[28 + length :]

    def accessor(index: int) -> npt.NDArray[Any]:
        entry = document["accessors"][index]
        view = document["bufferViews"][entry["bufferView"]]
        width = _WIDTH[entry["type"]]
        start = view.get("byteOffset", 0) + entry.get("byteOffset", 0)
        found = np.frombuffer(binary, _TYPES[entry["componentType"]], entry["count"] * width, start)
        return found.reshape(entry["count"], width)

    primitive = document["meshes"][0]["primitives"][0]
    attributes = primitive["attributes"]
    positions = accessor(attributes["POSITION"]).astype(np.float32)
    numbers, shares = accessor(attributes["JOINTS_0"]), accessor(attributes["WEIGHTS_0"])
    skin = document["skins"][0]
    weights = np.zeros((len(positions), len(skin["joints"])), np.float32)
    for column in range(4):
        np.add.at(weights, (np.arange(len(positions)), numbers[:, column]), shares[:, column])
    joints = np.array([document["nodes"][node]["translation"] for node in skin["joints"]], np.float32)
    triangles = accessor(primitive["indices"]).astype(np.int64).reshape(-1, 3)
    return Hand(positions, weights, triangles, joints)


def render(hand: Hand, rng: np.random.Generator) -> Rendering:
    """One random pose from one random side."""
    points, triangles, arm = _with_forearm(_posed(hand, rng), hand, rng)
    turned = (points - points[: len(hand.positions)].mean(0)) @ _rotation(rng).T
    fine = 2 * SIZE
    shift = rng.uniform(-0.03, 0.03, 2)
    flat = (turned[:, :2] + shift) / EXTENT * fine + fine / 2
    corners = turned[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    vertex = np.zeros_like(turned)
    for corner in range(3):
        np.add.at(vertex, triangles[:, corner], normal)
    vertex /= np.linalg.norm(vertex, axis=1, keepdims=True) + 1e-12
    smooth = vertex[triangles].mean(1)
    depth = corners[:, :, 2].mean(1)
    canvas = np.zeros((fine, fine, 4), np.float32)
    cover, sleeve = np.zeros((fine, fine), np.uint8), np.zeros((fine, fine), np.uint8)
    for face in np.argsort(depth):
        if normal[face, 2] <= 0:
            continue
        shape = np.rint(flat[triangles[face]] * 16).astype(np.int32)
        cv2.fillConvexPoly(canvas, shape, (*(float(v) for v in smooth[face]), float(depth[face])), shift=4)
        cv2.fillConvexPoly(cover, shape, (255,), shift=4)
        cv2.fillConvexPoly(sleeve, shape, (255 if arm[face] else 0,), shift=4)
    soft = cv2.GaussianBlur(canvas[..., :3], (0, 0), 2.0)
    near = np.clip((canvas[..., 3] / 0.2 + 0.5) * 255, 1, 255) * (cover > 0)
    small = [cv2.resize(a, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for a in (soft, cover, near, sleeve)]  # type: ignore[arg-type]
    length = np.linalg.norm(small[0], axis=2, keepdims=True) + 1e-6
    return Rendering(
        np.rint(small[0] / length * 127).astype(np.int8), small[1], np.rint(small[2]).astype(np.uint8), small[3]
    )


def save(path: Path, renderings: list[Rendering]) -> None:
    columns = {field.name: np.stack([getattr(r, field.name) for r in renderings]) for field in fields(Rendering)}
    np.savez_compressed(path, **columns)


def read(path: Path) -> list[Rendering]:
    with np.load(path) as file:
        columns = [file[field.name] for field in fields(Rendering)]
    return [Rendering(*row) for row in zip(*columns, strict=True)]


def _posed(hand: Hand, rng: np.random.Generator) -> Float:
    """Vertices with fingers bent and spread: linear blend skinning."""
    turn = np.tile(np.eye(3, dtype=np.float32), (25, 1, 1))
    place = hand.joints.copy()
    curl = rng.choice([0.0, 0.3, 0.7, 1.0]) * rng.uniform(0.5, 1.2)
    for number, finger in enumerate(FINGERS):
        joints = list(finger)
        own = curl * rng.uniform(0.6, 1.3) if rng.random() < 0.75 else rng.uniform(-0.1, 1.3)
        palmward = np.array([-1.0, 0, 1.0] if number == 0 else [-1.0, 0, 0])
        along = hand.joints[joints[-1]] - hand.joints[joints[0]]
        axis = np.cross(along, palmward)
        axis /= np.linalg.norm(axis)
        spread = rng.normal(0, 0.12) + 0.06 * (2 - number)
        before = np.eye(3, dtype=np.float32)
        for k, joint in enumerate(joints):
            bend = own * (0.35 if number == 0 else (0.05, 1.0, 1.2, 0.8, 0.0)[k])
            if k:
                parent = joints[k - 1]
                place[joint] = place[parent] + before @ (hand.joints[joint] - hand.joints[parent])
            local = cv2.Rodrigues((axis * bend).astype(np.float64))[0]
            if k == 1:
                local = local @ cv2.Rodrigues(np.array([spread, 0, 0]))[0]
            before = (before @ local).astype(np.float32)
            turn[joint] = before
    moved = np.einsum("jab,vjb->vja", turn, hand.positions[:, None] - hand.joints) + place
    return np.einsum("vj,vja->va", hand.weights, moved).astype(np.float32)  # type: ignore[no-any-return]


def _with_forearm(
    points: Float, hand: Hand, rng: np.random.Generator
) -> tuple[Float, npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Vertices and triangles with a tapered forearm, and which triangles are the arm's."""
    wrist = hand.joints[0]
    lean = rng.normal(0, 0.25, 2)
    axis = np.array([lean[0], 1.0, lean[1]])
    axis /= np.linalg.norm(axis)
    wide = np.array([0, 0, 1.0]) - axis * axis[2]
    wide /= np.linalg.norm(wide)
    thick = np.cross(axis, wide)
    around = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    rings = []
    for share in np.linspace(-0.08, 1, 12):
        a, b = 0.028 + 0.014 * share, 0.020 + 0.016 * share
        ring = np.cos(around)[:, None] * wide * a + np.sin(around)[:, None] * thick * b
        rings.append(wrist + axis * share * FOREARM + ring)
    base = len(points)
    faces = []
    for r in range(len(rings) - 1):
        for k in range(24):
            p, q = base + 24 * r + k, base + 24 * r + (k + 1) % 24
            faces += [(p, q, p + 24), (q, q + 24, p + 24)]
    all_points = np.concatenate([points, *rings]).astype(np.float32)
    tube = np.array(faces, np.int64)
    corners = all_points[tube]
    outward = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    middle = corners.mean(1) - wrist
    middle -= axis * (middle @ axis)[:, None]
    wrong = (outward * middle).sum(1) < 0
    tube[wrong] = tube[wrong][:, ::-1]
    arm = np.concatenate([np.zeros(len(hand.triangles), bool), np.ones(len(tube), bool)])
    return all_points, np.concatenate([hand.triangles, tube]), arm


def _rotation(rng: np.random.Generator) -> Float:
    """A random rotation, uniform (Shoemake 1992)."""
    q = rng.normal(size=4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ],
        np.float32,
    )
