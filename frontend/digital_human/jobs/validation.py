"""From a request to a job that may be queued: paths, uploads, URLs, engine and limits checked."""

from __future__ import annotations

from dataclasses import replace

from digital_human.engines import EngineRegistry
from digital_human.errors import BadInputError
from digital_human.files.inputs import FileInput, allowed_paths, resolve_input
from digital_human.files.sandbox import output_path
from digital_human.files.uploads import result_path, upload_name
from digital_human.jobs.avatar_defaults import with_defaults
from digital_human.jobs.models import JobRequest, JobSpec
from digital_human.net.safe_http import check_url
from digital_human.pipeline.backdrop import is_colour
from digital_human.runtime.context import check_options
from digital_human.settings import Settings
from digital_human.speech.speaker import check_text


def check_request(request: JobRequest, settings: Settings, engines: EngineRegistry) -> JobSpec:
    """The job, checked as far as possible before it begins. Raises the ServiceError that says what is wrong."""
    inputs = {}
    inputs["video_path"] = resolve_input(request.video, "video_path", request.owner, settings)
    request = with_defaults(request, settings)
    if request.spoken is None:
        inputs["audio_path"] = resolve_input(request.audio, "audio_path", request.owner, settings)
    else:
        check_text(request.spoken, settings)
    background = request.options.background
    if background is not None and not is_colour(background):
        inputs["background"] = resolve_input(background, "background", request.owner, settings)
    if request.save is None:
        target = result_path(request.task_id, settings, request.suffix)
    else:
        files = {field: found.path for field, found in inputs.items() if isinstance(found, FileInput)}
        target = output_path(request.save, files, allowed_paths(settings))
    options = check_options(request.options, settings, engines)
    if "background" in inputs:
        options = replace(options, background=inputs["background"].location)
    if request.callback_url is not None:
        check_url(request.callback_url, "callback_url", settings.callback_hosts, "CALLBACK_HOSTS")
    elif request.callback_progress:
        raise BadInputError("callback_url_missing")
    if request.timeout is not None and request.timeout > settings.job_timeout:
        raise BadInputError("timeout_too_long", seconds=settings.job_timeout)
    return JobSpec(
        audio=inputs["audio_path"].location if request.spoken is None else "",
        video=inputs["video_path"].location,
        save=str(target),
        kept=request.save is None,
        options=options,
        timeout=request.timeout or settings.job_timeout,
        callback_url=request.callback_url,
        callback_progress=request.callback_progress,
        request=request.sent,
        title=request.title,
        names=_names(request, settings),
        spoken=request.spoken,
    )


def _names(request: JobRequest, settings: Settings) -> dict[str, str]:
    given = {"audio_path": request.audio, "video_path": request.video, "background": request.options.background or ""}
    found = {field: upload_name(text, request.owner, settings) for field, text in given.items()}
    return {field: name for field, name in found.items() if name is not None}
