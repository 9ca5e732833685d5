"""From settings to the resources of a job: folders, engines, models, the template store, the encoder."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from digital_human.engines import EngineRegistry
from digital_human.engines.base import STRENGTHS, Engine
from digital_human.errors import BadInputError, UnavailableError
from digital_human.files import avatars
from digital_human.media import EncoderSettings, hardware
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.options import RenderOptions, check
from digital_human.pipeline.template_store import TemplateStore
from digital_human.settings import Settings
from digital_human.triton.client import TritonModels


def build_context(settings: Settings, triton_url: str) -> PipelineContext:
    return PipelineContext(
        models=TritonModels(triton_url),
        store=template_store(settings),
        encoder=EncoderSettings(settings.encoder_preset, settings.encoder_crf, hardware=settings.hardware_encoder),
        watermark_image=settings.watermark_image,
        batch_size=settings.batch_size,
        max_audio_seconds=settings.max_audio_seconds,
        max_template_seconds=settings.max_template_seconds,
        max_template_pixels=settings.max_template_pixels,
        hwaccel=hardware.decoder() if settings.hardware_decoder else None,
        inspect=settings.inspect,
    )


def template_store(settings: Settings) -> TemplateStore:
    """The template store of this BASE_PATH. Analyses that avatars need stay in it."""
    pinned = partial(avatars.contents, settings)
    return TemplateStore(settings.state_path / "templates", settings.template_cache_bytes, pinned)


def check_options(options: RenderOptions, settings: Settings, engines: EngineRegistry) -> RenderOptions:
    """The options with the service's own defaults filled in.

    Raises BadInputError for an engine that does not exist, for a mouth strength that is out of range or that the
    engine does not support, and for what `pipeline.options.check` refuses.
    """
    check(options)
    engine = engines.find(options.engine or settings.engine)
    least, largest = STRENGTHS
    if not least <= options.mouth_strength <= largest:
        raise BadInputError("mouth_strength_out_of_range", least=least, largest=largest)
    if options.mouth_strength != 1 and not engine.has_strength:
        raise BadInputError("mouth_strength_unsupported", engine=engine.name)
    marked = options.digital_auth or settings.require_visible_mark
    return replace(options, engine=engine.name, digital_auth=marked)


def models_needed(engine: Engine) -> tuple[str, ...]:
    """Models for tracking and for an engine. Those of other engines may be missing."""
    return ("face_detector", "face_mesh", "face_occlusion", *engine.models)


def make_folders(settings: Settings) -> None:
    """Create the data folder. Raises UnavailableError if that is not possible."""
    try:
        settings.base_path.mkdir(parents=True, exist_ok=True)
        settings.state_path.mkdir(exist_ok=True)
    except OSError as error:
        raise UnavailableError("base_path_unusable", reason=str(error.strerror)) from error
