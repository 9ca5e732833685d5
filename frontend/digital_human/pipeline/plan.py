"""What each frame of the output shows: the engine's plan with everything that is laid over or behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from digital_human.core.frame import Float32, Float64
from digital_human.core.landmarks import Indices
from digital_human.core.looping import loop_frames
from digital_human.core.notices import Notice
from digital_human.core.types import Arrays
from digital_human.engines.base import Engine, Plan, slice_plan
from digital_human.media import VideoInfo, audio_duration
from digital_human.media.encode_alpha import holds_alpha
from digital_human.pipeline.backdrop import BLACK, Backdrop, load_backdrop
from digital_human.pipeline.background import Background, find_background
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.notices import notices_of, notices_of_source
from digital_human.pipeline.options import RenderOptions
from digital_human.pipeline.output import Fit, output_info, shown_frames
from digital_human.pipeline.overlay import DIGITAL_HUMAN_MARK, PREVIEW_MARK, Overlay, load_overlay
from digital_human.pipeline.subtitles import CUES, find_cues, from_array, to_array
from digital_human.pipeline.templates import PreparedTemplate
from digital_human.subtitles.alignment import Cue

MARK_HEIGHT = 0.06
"""Of the frame's shorter side; China's labelling rules (GB 45438-2025) ask for text of at least 5 %."""


@dataclass(frozen=True)
class RenderPlan:
    """Everything that is needed to render the frames of a job, in any order.

    engine_plan:   the plan of `Engine.plan`
    frame_indices: int64 [N], the template frame shown under each output frame
    output:        the result's picture; None if it is as the template's
    burnt:         subtitles that are laid over it
    background:    what is put in place of a green or blue screen
    behind:        what shows through a template with an alpha channel; None if it has none, or the result keeps it
    """

    prepared: PreparedTemplate
    engine_plan: Plan
    frame_indices: npt.NDArray[np.int64]
    overlays: list[Overlay]
    output: VideoInfo | None = None
    fit: Fit = "letterbox"
    burnt: Sequence[Cue] = ()
    background: Background | None = None
    behind: Backdrop | None = None

    @property
    def info(self) -> VideoInfo:
        """The result's picture."""
        return self.output or self.prepared.info

    @property
    def length(self) -> int:
        """Frames of the output."""
        return len(self.frame_indices)

    @property
    def notices(self) -> list[Notice]:
        """What the caller should know of the video."""
        shown = notices_of(self.prepared.template, self.frame_indices)
        colour = None if self.behind is None else self.behind.colour
        return [*notices_of_source(self.prepared.info, colour), *shown, *self.engine_plan.notices]


def plan_frames(
    prepared: PreparedTemplate,
    speech: Float32,
    engine: Engine,
    context: PipelineContext,
    options: RenderOptions,
    words: Float64 | None = None,
) -> Arrays:
    """The engine's plan as arrays to store, and `template_frame`, int64 [N], the frame under each output frame.

    words: when the words of the subtitles are said, seconds from the end of `lead_in`, [N, 2]; None to listen for them
    The speech is planned as a whole and at the template's rate, so that a preview shows the frames of the whole.
    """
    indices = loop_frames(prepared.template.frame_count, _frame_count(speech, prepared), options.loop)
    plan = engine.plan(prepared.template, prepared.analysis, speech, indices, context.models, options.mouth_strength)
    used = shown(prepared, speech, result_info(prepared, context, options), options)
    if not np.array_equal(used, np.arange(len(indices))):
        plan, indices = replace(slice_plan(plan, used), notices=plan.notices), indices[used]
    arrays: dict[str, npt.NDArray[np.generic]] = {**plan.to_arrays(), "template_frame": indices}
    if options.subtitles is not None:
        output = result_info(prepared, context, options)
        seconds, said = float(len(indices) / output.fps), None if words is None else words + options.lead_in
        cues = find_cues(options.subtitle_text or "", speech, seconds, context.models, said)
        arrays[CUES] = to_array(cues)
    return arrays


def bind_plan(
    planned: Arrays,
    prepared: PreparedTemplate,
    context: PipelineContext,
    options: RenderOptions,
    suffix: str = ".mp4",
) -> RenderPlan:
    """A plan ready to render, from what `plan_frames` returned in this or in an earlier process.

    suffix: of the result, which may hold an alpha channel
    """
    arrays = dict(planned)
    indices = np.asarray(arrays.pop("template_frame"), np.int64)
    cues = from_array(arrays.pop(CUES, "[]"))
    keeps_alpha = prepared.info.alpha and options.background is None and holds_alpha(suffix)
    output = replace(result_info(prepared, context, options), alpha=keeps_alpha)
    overlays = _overlays(output, context, options)
    burnt = cues if options.subtitles == "burn" else []
    background, behind = None, None
    if options.background is not None or (prepared.info.alpha and not keeps_alpha):
        backdrop = load_backdrop(options.background or BLACK, prepared.info, context.max_template_pixels)
        if prepared.info.alpha:
            behind = backdrop
        else:
            background = find_background(prepared.reader.first_frame(), backdrop)
    engine_plan = Plan.from_arrays(arrays)
    return RenderPlan(
        prepared, engine_plan, indices, overlays, output, options.fit, burnt, background=background, behind=behind
    )


def result_info(prepared: PreparedTemplate, context: PipelineContext, options: RenderOptions) -> VideoInfo:
    """The result's picture. Raises BadInputError where the size asked for is too large."""
    return output_info(prepared.info, options.size, options.fps, context.max_template_pixels)


def shown(prepared: PreparedTemplate, speech: Float32, output: VideoInfo, options: RenderOptions) -> Indices:
    """The planned frame that each output frame shows, int64 [N]."""
    return shown_frames(_frame_count(speech, prepared), prepared.info.fps, output.fps, options.preview)


def _frame_count(speech: Float32, prepared: PreparedTemplate) -> int:
    """Frames of the whole speech at the template's rate, at least one."""
    return max(round(audio_duration(speech) * prepared.info.fps), 1)


def _overlays(info: VideoInfo, context: PipelineContext, options: RenderOptions) -> list[Overlay]:
    overlays = []
    if options.watermark:
        overlays.append(load_overlay(context.watermark_image, "bottom right", info))
    if options.digital_auth:
        overlays.append(load_overlay(DIGITAL_HUMAN_MARK, "top right", info, MARK_HEIGHT))
    if options.preview is not None:
        overlays.append(load_overlay(PREVIEW_MARK, "top left", info, MARK_HEIGHT))
    return overlays
