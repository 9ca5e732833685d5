"""Real talking clips: their sound and the measured shape of their lips."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from digital_human.core.landmarks import CHIN, LEFT_EYE, LOWER_LIP_EDGE, MOUTH_CORNERS, RIGHT_EYE, UPPER_LIP_EDGE
from export.networks.speech_to_lips import SAMPLE_RATE
from training.face_mesh import STEADY, FaceMesh, track

LIP_RING = (0, 13, 14, 17, 37, 39, 40, 267, 269, 270, 84, 91, 181, 314, 321, 405)


@dataclass(frozen=True)
class Clip:
    """A talking clip.

    name, speaker: of the file and of who speaks
    audio:  float32 [samples], 16 kHz mono, from time 0 of the container
    times:  float64 [F], middle of each frame's display in seconds
    lips:   float32 [F, len(LIPS)], raw measures over inter-ocular distance; nan where no face is sure
    """

    name: str
    speaker: str
    audio: npt.NDArray[np.float32]
    times: npt.NDArray[np.float64]
    lips: npt.NDArray[np.float32]


def speaker_of(path: Path) -> str:
    """GRID clips are named after their talker; `x_` clips are one person each."""
    words = re.split(r"[_.]", path.stem)
    if words[0] in ("x", "hdtf", "retalking", "grid", "address"):
        return "_".join(words)
    return words[0]


def lip_shape(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Landmarks [F, 468, 3] -> float32 [F, len(LIPS)], all over inter-ocular distance.

    Aperture and width are distances in the picture. Upper lip (raised is positive), jaw (dropped is positive) and
    protrusion are positions in a frame fixed to the skull, found by a similarity transform of the steady points
    onto their mean (Umeyama 1991).
    """
    flat = points[:, :, :2]
    eyes = np.linalg.norm(flat[:, RIGHT_EYE].mean(axis=1) - flat[:, LEFT_EYE].mean(axis=1), axis=1)
    aperture = np.linalg.norm(flat[:, UPPER_LIP_EDGE] - flat[:, LOWER_LIP_EDGE], axis=1) / eyes
    width = np.linalg.norm(flat[:, MOUTH_CORNERS[0]] - flat[:, MOUTH_CORNERS[1]], axis=1) / eyes
    fixed = _on_skull(points)
    upper = -fixed[:, UPPER_LIP_EDGE, 1]
    jaw = fixed[:, CHIN, 1]
    protrusion = -fixed[:, LIP_RING, 2].mean(axis=1)
    result: npt.NDArray[np.float32] = np.stack([aperture, width, upper, jaw, protrusion], axis=1).astype(np.float32)
    return result


def _on_skull(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Landmarks [F, 468, 3] with head pose removed, in units of inter-ocular distance, x right, y down."""
    sure = np.isfinite(points).all(axis=(1, 2))
    out = np.full_like(points, np.nan)
    if not sure.any():
        return out
    steady = points[sure][:, STEADY]
    centre = steady.mean(axis=1, keepdims=True)
    model = _upright(points[sure][0])[list(STEADY)]
    for _ in range(2):
        model = model - model.mean(axis=0)
        moved = steady - centre
        u, s, vt = np.linalg.svd(np.einsum("pi,npj->nij", model, moved))
        sign = np.ones_like(s)
        sign[:, 2] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
        turn = np.einsum("nij,nj,njk->nik", u, sign, vt)
        scale = (s * sign).sum(axis=1) / (moved**2).sum(axis=(1, 2))
        aligned = np.einsum("nij,npj->npi", turn, moved) * scale[:, None, None]
        model = aligned.mean(axis=0)
    out[sure] = np.einsum("nij,npj->npi", turn, points[sure] - centre) * scale[:, None, None]
    return out


def _upright(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """One face [468, 3] turned so that the eyes lie on x and the forehead above the chin on y, eye distance 1."""
    across = points[LEFT_EYE].mean(axis=0) - points[RIGHT_EYE].mean(axis=0)
    size = np.linalg.norm(across)
    x = across / size
    down = points[CHIN] - points[10]
    y = down - x * (down @ x)
    y /= np.linalg.norm(y)
    result: npt.NDArray[np.float64] = (points - points.mean(axis=0)) @ np.stack([x, y, np.cross(x, y)]).T / size
    return result


def read_audio(path: Path) -> npt.NDArray[np.float32]:
    """16 kHz mono from time 0 of the container: a late stream is padded, priming before 0 is cut."""
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        blocks, start = [], None
        for frame in container.decode(audio=0):
            if start is None:
                start = frame.time or 0.0
            blocks += [block.to_ndarray()[0] for block in resampler.resample(frame)]
        blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
    samples = np.concatenate(blocks).astype(np.float32)
    late = round((start or 0.0) * SAMPLE_RATE)
    return np.pad(samples, (late, 0)) if late >= 0 else samples[-late:]


def measure(path: Path, mesh: FaceMesh) -> Clip:
    """Read and measure one clip."""
    starts: list[float] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        period = 1 / float(stream.average_rate or 25)

        def images() -> Iterator[npt.NDArray[np.uint8]]:
            for frame in container.decode(stream):
                starts.append(frame.time if frame.time is not None else len(starts) * period)
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)

        points = track(images(), mesh)
    times = np.array(starts) + period / 2
    return Clip(path.stem, speaker_of(path), read_audio(path), times, lip_shape(points))


def measure_all(paths: list[Path], cache: Path) -> list[Clip]:
    """Clips, each measured once and kept in `cache`."""
    cache.mkdir(parents=True, exist_ok=True)
    mesh: FaceMesh | None = None
    clips = []
    for path in paths:
        kept = cache / f"{path.stem}.npz"
        if not kept.exists():
            mesh = mesh or FaceMesh()
            clip = measure(path, mesh)
            np.savez(kept, audio=clip.audio, times=clip.times, lips=clip.lips)
        with np.load(kept) as arrays:
            clips.append(Clip(path.stem, speaker_of(path), arrays["audio"], arrays["times"], arrays["lips"]))
    return clips
