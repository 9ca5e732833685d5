"""Engines: the ways to make a template speak. `base` is their interface, `registry` finds one by its name."""

from digital_human.engines.base import Engine, Plan, slice_plan
from digital_human.engines.registry import EngineRegistry, load_engines

__all__ = ["Engine", "EngineRegistry", "Plan", "load_engines", "slice_plan"]
