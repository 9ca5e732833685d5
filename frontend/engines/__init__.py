"""Engines: one way each to make a template say a speech. `ENGINES` names those that exist."""

from frontend.engines.base import Arrays, Engine, FaceTrack, Networks, Template
from frontend.engines.default import DefaultEngine

ENGINES: dict[str, Engine] = {engine.name: engine for engine in (DefaultEngine(),)}

__all__ = ["ENGINES", "Arrays", "DefaultEngine", "Engine", "FaceTrack", "Networks", "Template"]
