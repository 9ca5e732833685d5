"""The states and stages of a job, as callers, metrics and the queue name them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
ENDED: tuple[State, ...] = ("succeeded", "failed", "cancelled")
OPEN: tuple[State, ...] = ("queued", "running")

Stage = Literal["fetch", "speak", "prepare", "plan", "render", "compose"]
STAGES: tuple[Stage, ...] = get_args(Stage)
TIMED_STAGES: tuple[Stage, ...] = ("prepare", "plan", "render", "compose")
"""The stages of every job. Only jobs with a URL fetch, and those with a text speak."""

OnProgress = Callable[[Stage, float], None]
"""Called with the stage and the share of it that is done, 0-1. It may raise to end the job."""
