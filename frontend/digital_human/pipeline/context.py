"""The resources that the jobs of one process share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from av.codec.hwaccel import HWAccel

from digital_human.core.types import Models
from digital_human.inspection.inspector import Mode
from digital_human.media import EncoderSettings
from digital_human.pipeline.template_store import DecodedTemplateCache, TemplateStore


@dataclass(frozen=True)
class PipelineContext:
    """Resources and limits of the pipeline; `runtime.context.build_context` makes it from the settings.

    batch_size: most frames that go to an engine at a time
    inspect:    drawn frames that are looked at
    decoded:    cache of the last template's frames; None if jobs may run at the same time
    """

    models: Models
    store: TemplateStore
    encoder: EncoderSettings
    watermark_image: Path
    batch_size: int
    max_audio_seconds: float
    max_template_seconds: float
    max_template_pixels: int
    hwaccel: HWAccel | None = None
    decoded: DecodedTemplateCache | None = None
    inspect: Mode = "sample"
