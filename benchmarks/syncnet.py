"""LSE-D and LSE-C, the distance and the confidence of SyncNet [1], for those who bring its weights.

No weights ship, for their licence is not ours to give; nothing here was measured with them. `--syncnet FILE` of
`benchmarks.speech_scores` takes both branches in one file, ONNX or TorchScript:

    video  float32 [N, 3, 5, 224, 224]  five frames at 25 a second, BGR, 0-255, a face as SyncNet's pipeline crops it
    audio  float32 [N, 1, 13, 20]       13 MFCC of the same 0.2 s, 100 a second, of 16-bit samples at 16 kHz

in this order (ONNX: by these names), and returns two embeddings [N, D] in the same order. With the authors' class `S`:

    class Both(torch.nn.Module):
        def __init__(self, s): super().__init__(); self.s = s
        def forward(self, video, audio): return self.s.forward_lip(video), self.s.forward_aud(audio)

*Distance* is the least mean Euclidean distance of the embeddings over offsets of up to 15 frames, *confidence* the
median over these offsets less that [2]. Faces are cropped by the face mesh and not by S3FD, so scores compare with
those of the real videos beside them rather than with papers.

[1] Chung and Zisserman 2016, "Out of time". [2] Prajwal et al. 2020, "A Lip Sync Expert Is All You Need", Wav2Lip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, Float64, Uint8, warp_rgb
from digital_human.core.types import SPEECH_RATE, Models
from digital_human.media import VideoReader, read_speech
from digital_human.tracking.tracker import track_face

Network = Callable[[Float32, Float32], tuple[Float32, Float32]]

RATE, FRAMES, SIZE = 25, 5, 224
COEFFICIENTS, STEPS, STEPS_A_FRAME = 13, 20, 4
LARGEST_OFFSET = 15
SCALE = 0.4
"""Of the face that the crop adds on each side."""
BATCH = 20
_WINDOW, _STEP, _FFT, _FILTERS, _LIFTER = 400, 160, 512, 26, 22


def load(path: Path) -> Network:
    """Raises ValueError where the file is of another kind or shape."""
    run = _onnx(path) if path.suffix == ".onnx" else _torch(path)
    shapes = [one.shape for one in run(np.zeros((2, 3, FRAMES, SIZE, SIZE), np.float32), _mfcc_zeros(2))]
    if len(shapes) != 2 or shapes[0] != shapes[1] or len(shapes[0]) != 2 or shapes[0][0] != 2:
        raise ValueError(f"{path}: two embeddings [N, D] are wanted, these are {shapes}")
    return run


def _mfcc_zeros(count: int) -> Float32:
    return np.zeros((count, 1, COEFFICIENTS, STEPS), np.float32)


def _onnx(path: Path) -> Network:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    if {given.name for given in session.get_inputs()} != {"video", "audio"}:
        raise ValueError(f"{path}: the inputs are to be video and audio")

    def run(video: Float32, audio: Float32) -> tuple[Float32, Float32]:
        found: Any = session.run(None, {"video": video, "audio": audio})
        return found[0], found[1]

    return run


def _torch(path: Path) -> Network:
    import torch

    module: Any = torch.jit.load(str(path), map_location="cpu").eval()

    def run(video: Float32, audio: Float32) -> tuple[Float32, Float32]:
        with torch.inference_mode():
            found = module(torch.from_numpy(video), torch.from_numpy(audio))
        return found[0].numpy(), found[1].numpy()

    return run


def mfcc(audio: Float32) -> Float32:
    """float32 [13, T], 100 a second, as `python_speech_features.mfcc` makes them. audio: 16 kHz, +-1"""
    samples = np.round(audio.astype(float) * 32768)
    emphasised = np.append(samples[:1], samples[1:] - 0.97 * samples[:-1])
    count = 1 + max(int(np.ceil((len(samples) - _WINDOW) / _STEP)), 0)
    padded = np.pad(emphasised, (0, max((count - 1) * _STEP + _WINDOW - len(emphasised), 0)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_STEP][:count]
    power = np.abs(np.fft.rfft(frames, _FFT)) ** 2 / _FFT
    least = np.finfo(float).eps
    energy, bands = np.maximum(power.sum(1), least), np.maximum(power @ _filters().T, least)
    found = np.log(bands) @ _cosines().T
    found *= 1 + _LIFTER / 2 * np.sin(np.pi * np.arange(COEFFICIENTS) / _LIFTER)
    found[:, 0] = np.log(energy)
    result: Float32 = found.T.astype(np.float32)
    return result


def _cosines() -> Float64:
    """The first coefficients of an orthonormal discrete cosine transform, [13, 26]."""
    angles = np.pi / _FILTERS * np.outer(np.arange(COEFFICIENTS), np.arange(_FILTERS) + 0.5)
    found: Float64 = np.cos(angles) * np.sqrt(2 / _FILTERS)
    found[0] /= np.sqrt(2)
    return found


def _filters() -> Float64:
    """Triangles on the mel scale, [26, 257]."""
    highest = 2595 * np.log10(1 + SPEECH_RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, highest, _FILTERS + 2) / 2595) - 1)
    low, middle, high = (np.floor((_FFT + 1) * edges / SPEECH_RATE)[k : k + _FILTERS, None] for k in range(3))
    bins = np.arange(_FFT // 2 + 1)
    rising, falling = (bins - low) / np.maximum(middle - low, 1), (high - bins) / np.maximum(high - middle, 1)
    found: Float64 = np.where(bins < middle, rising, falling).clip(0) * ((bins >= low) & (bins < high))
    return found


def faces(path: Path, models: Models) -> Iterator[Uint8]:
    """The face in each frame at 25 a second, BGR, uint8 [224, 224, 3]."""
    reader = VideoReader(path)
    frames = list(reader.frames())
    points = track_face(frames, models).landmarks[:, :, :2].astype(float)
    middle = (points.max(1) + points.min(1)) / 2
    half = np.ptp(points, axis=1).max(1) / 2
    x, y, half = (_steady(values) for values in (*middle.T, half))
    count = int(len(frames) / float(reader.info.fps) * RATE)
    for k in ((np.arange(count) + 0.5) / RATE * float(reader.info.fps)).astype(int).clip(max=len(frames) - 1):
        side = 2 * half[k] * (1 + SCALE)
        corner = np.array([x[k] - side / 2, y[k] - half[k]])
        scale = SIZE / side
        affine = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]])
        yield np.ascontiguousarray(warp_rgb(frames[k], affine, SIZE)[..., ::-1])


def _steady(values: Float64) -> Float64:
    """The median of 13 frames."""
    padded = np.pad(values, 6, mode="edge")
    found: Float64 = np.median(np.lib.stride_tricks.sliding_window_view(padded, 13), axis=1)
    return found


def score(network: Network, pictures: Sequence[Uint8], audio: Float32) -> tuple[float, float, int]:
    """LSE-D, LSE-C, and the frames by which the sound lies behind the lips.

    pictures: BGR, uint8 [224, 224, 3] each, 25 a second; audio: 16 kHz, +-1
    """
    heard = mfcc(audio)
    count = min(len(pictures), heard.shape[1] // STEPS_A_FRAME) - FRAMES
    seen, said = [], []
    for first in range(0, count, BATCH):
        at = range(first, min(first + BATCH, count))
        video = np.stack([np.stack(pictures[k : k + FRAMES]).transpose(3, 0, 1, 2) for k in at])
        sound = np.stack([heard[None, :, STEPS_A_FRAME * k : STEPS_A_FRAME * k + STEPS] for k in at])
        some, others = network(video.astype(np.float32), sound)
        seen.append(some)
        said.append(others)
    return judge(np.concatenate(seen), np.concatenate(said))


def judge(seen: Float32, said: Float32) -> tuple[float, float, int]:
    """The same of embeddings, [N, D] each."""
    padded = np.pad(said, ((LARGEST_OFFSET, LARGEST_OFFSET), (0, 0)))
    shifted: npt.NDArray[Any] = np.stack([padded[k : k + len(seen)] for k in range(2 * LARGEST_OFFSET + 1)])
    # As torch's pairwise_distance, by which the field's figures are made.
    distance = np.linalg.norm(seen[None] - shifted + 1e-6, axis=2).mean(1)
    best = int(distance.argmin())
    return float(distance[best]), float(np.median(distance) - distance[best]), best - LARGEST_OFFSET


def lines(network: Network, clips: Sequence[Path], drawn: Sequence[Path], models: Models) -> list[str]:
    """Lines of a table: drawn videos, and the real ones that they were driven by."""
    rows = []
    for name, videos in (("drawn", drawn), ("real videos", clips)):
        scores = np.array([score(network, list(faces(path, models)), read_speech(path)) for path in videos])
        for k, measure in enumerate(("LSE-D", "LSE-C")):
            least, most = scores[:, k].min(), scores[:, k].max()
            rows.append(
                f"| {measure}, {name} | {len(videos)} | {scores[:, k].mean():.2f} | {least:.2f} to {most:.2f}, all |"
            )
    return rows
