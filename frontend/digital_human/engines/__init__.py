"""Engines: one way each to make a template say a speech. `ENGINES` names those that exist."""

from digital_human.engines.base import Arrays, Engine, FaceTrack, Models, Template
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.engines.wav2lip.engine import Wav2LipEngine

_ALL: tuple[Engine, ...] = (DefaultEngine(), Wav2LipEngine(), Wav2LipEngine("wav2lip-sharp", sharpen=True))
ENGINES: dict[str, Engine] = {engine.name: engine for engine in _ALL}

__all__ = ["ENGINES", "Arrays", "DefaultEngine", "Engine", "FaceTrack", "Models", "Template", "Wav2LipEngine"]
