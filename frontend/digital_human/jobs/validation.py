"""From a request to a job that may be queued: paths, uploads, URLs, engine and limits checked."""

from __future__ import annotations

from pathlib import Path

from digital_human.engines import EngineRegistry
from digital_human.errors import BadInputError
from digital_human.files.downloads import is_url
from digital_human.files.sandbox import Allowed, input_path, output_path
from digital_human.files.uploads import is_upload, result_path, upload_path
from digital_human.jobs.models import JobRequest, JobSpec
from digital_human.net.safe_http import check_url
from digital_human.runtime.context import check_options
from digital_human.settings import Settings


def allowed(settings: Settings) -> Allowed:
    return Allowed(settings.base_path, settings.caller_roots, settings.state_path, settings.path_mappings)


def check_request(request: JobRequest, settings: Settings, engines: EngineRegistry) -> JobSpec:
    """The job, checked as far as possible before it begins. Raises the ServiceError that says what is wrong."""
    inputs = {
        "audio_path": _input(request.audio, "audio_path", request.owner, settings),
        "video_path": _input(request.video, "video_path", request.owner, settings),
    }
    if request.save is None:
        target = result_path(request.task_id, settings)
    else:
        files = {field: Path(found) for field, found in inputs.items() if not is_url(found)}
        target = output_path(request.save, files, allowed(settings))
    options = check_options(request.options, settings, engines)
    if request.callback_url is not None:
        check_url(request.callback_url, "callback_url", settings.callback_hosts, "CALLBACK_HOSTS")
    if request.timeout is not None and request.timeout > settings.job_timeout:
        raise BadInputError("timeout_too_long", seconds=settings.job_timeout)
    return JobSpec(
        audio=inputs["audio_path"],
        video=inputs["video_path"],
        save=str(target),
        kept=request.save is None,
        options=options,
        timeout=request.timeout or settings.job_timeout,
        callback_url=request.callback_url,
        request=request.sent,
    )


def _input(text: str, field: str, owner: str, settings: Settings) -> str:
    if is_upload(text):
        return str(upload_path(text, field, owner, settings))
    if is_url(text):
        check_url(text, field, settings.url_hosts, "URL_HOSTS")
        return text
    return str(input_path(text, field, allowed(settings)))
