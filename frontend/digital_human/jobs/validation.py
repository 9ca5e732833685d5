"""From what a caller asks for to a job that may be queued: paths, uploads, URLs, engine and limits checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from digital_human.core.looping import Loop
from digital_human.engines.registry import load_engines
from digital_human.errors import BadInputError
from digital_human.files.downloads import is_url
from digital_human.files.sandbox import Allowed, input_path, output_path
from digital_human.files.uploads import is_upload, result_path, upload_path
from digital_human.jobs.models import JobSpec
from digital_human.net.safe_http import check_url
from digital_human.runtime.context import require_strength
from digital_human.settings import Settings


def allowed(settings: Settings) -> Allowed:
    return Allowed(settings.base_path, settings.roots, settings.state_path, settings.path_mappings)


def make_spec(
    audio: str,
    video: str,
    save: str | None,
    *,
    task_id: str,
    owner: str,
    settings: Settings,
    request: Mapping[str, Any],
    watermark: bool = False,
    digital_auth: bool = False,
    engine: str = "",
    timeout: float | None = None,
    callback_url: str | None = None,
    mouth_strength: float = 1.0,
    loop: Loop = "ping-pong",
) -> JobSpec:
    """The job, checked as far as that is possible before it begins.

    audio, video: a path, the id of an upload, or an http(s) URL
    save:         a path, or None to keep the result for the caller to fetch
    request:      as the caller sent it
    """
    inputs = {
        "audio_path": _input(audio, "audio_path", owner, settings),
        "video_path": _input(video, "video_path", owner, settings),
    }
    if save is None:
        target = result_path(task_id, settings)
    else:
        files = {field: Path(found) for field, found in inputs.items() if not is_url(found)}
        target = output_path(save, files, allowed(settings))
    chosen = load_engines(settings.engine_modules).find(engine or settings.engine)
    require_strength(chosen, mouth_strength)
    if callback_url is not None:
        check_url(callback_url, "callback_url", settings.callback_hosts, "CALLBACK_HOSTS")
    if timeout is not None and timeout > settings.job_timeout:
        raise BadInputError(f"timeout: must not exceed {settings.job_timeout:g} s")
    return JobSpec(
        audio=inputs["audio_path"],
        video=inputs["video_path"],
        save=str(target),
        kept=save is None,
        watermark=watermark,
        digital_auth=digital_auth or settings.require_visible_mark,
        engine=chosen.name,
        timeout=timeout or settings.job_timeout,
        callback_url=callback_url,
        request=request,
        mouth_strength=mouth_strength,
        loop=loop,
    )


def _input(text: str, field: str, owner: str, settings: Settings) -> str:
    if is_upload(text):
        return str(upload_path(text, field, owner, settings))
    if is_url(text):
        check_url(text, field, settings.url_hosts, "URL_HOSTS")
        return text
    return str(input_path(text, field, allowed(settings)))
