"""What an engine asks of its network while it draws real people: samples of the values that run through it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime

from digital_human.core.types import Arrays, Template
from digital_human.engines import load_engines
from digital_human.errors import ServiceError
from digital_human.media import VideoReader, read_speech
from digital_human.tracking.tracker import track_face
from export import BadWeightsError

REPOSITORY = Path(__file__).resolve().parent.parent / "model_repository"
MOST_FRAMES = 150
"""Looked at, of each clip."""
GAINS = (0.6, 1.25)
"""Darkest and brightest of the copies of a face: few clips show little of the light that others are in."""

Answer = dict[str, npt.NDArray[np.generic]]


class _Overheard:
    """The models of the repository, run in this process, except for one that returns its input `face`.

    asked: the inputs of that model
    """

    def __init__(self, model: str) -> None:
        self.model = model
        self.asked: list[Arrays] = []
        self._sessions: dict[str, onnxruntime.InferenceSession] = {}

    def infer(self, model: str, inputs: Arrays, outputs: Sequence[str] = ()) -> Answer:
        if model == self.model:
            self.asked.append(inputs)
            return {"image": inputs["face"]}
        if model not in self._sessions:
            self._sessions[model] = onnxruntime.InferenceSession(REPOSITORY / model / "1" / "model.onnx")
        session = self._sessions[model]
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))


def recorded_inputs(network: str, clips: Sequence[Path], count: int) -> Answer:
    """Up to `count` samples of each input of an engine's network, evenly from clips of people who talk, with sound.

    network: which is also the engine's name, with an input `face` that is shaped like its output `image`
    Raises BadWeightsError, which says what is wrong with a clip.
    """
    parts = []
    for clip in clips:
        try:
            asked = _asked(network, clip)
        except ServiceError as error:
            reason = str(error).partition(": ")[2] or error
            raise BadWeightsError(f"{clip.name} does not show how people talk: {reason}") from error
        parts.append({name: _evenly(array, -(-count // len(clips))) for name, array in asked.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def varied(samples: Answer, seed: int = 0) -> Answer:
    """The samples, each with another light on the face, half of them mirrored."""
    random = np.random.default_rng(seed)
    faces = samples["face"].astype(np.float32)
    gains = random.uniform(*GAINS, (len(faces), 1, 1, 1)) * random.uniform(0.9, 1.1, (len(faces), 1, 1, 3))
    faces = np.rint(np.clip(faces * gains, 0, 255)).astype(np.uint8)
    faces[::2] = faces[::2, :, ::-1]
    return {**samples, "face": faces}


def _asked(network: str, clip: Path) -> Answer:
    models, engine, reader = _Overheard(network), load_engines()[network], VideoReader(clip)
    frames = list(islice(reader.frames(), MOST_FRAMES))
    speech = read_speech(clip)
    track = track_face(frames, models)
    info = reader.info
    template = Template(info.width, info.height, info.fps, len(frames), track, lambda: iter(frames))
    analysis = engine.analyse(template, models)
    frame_indices = np.flatnonzero(track.present)
    plan = engine.plan(template, analysis, speech, frame_indices, models)
    engine.render(template, analysis, plan, [frames[k] for k in frame_indices], models)
    return {name: np.concatenate([asked[name] for asked in models.asked]) for name in models.asked[0]}


def _evenly(array: npt.NDArray[np.generic], count: int) -> npt.NDArray[np.generic]:
    indices = np.linspace(0, len(array) - 1, min(count, len(array))).round().astype(int)
    result: npt.NDArray[np.generic] = array[indices]
    return result
