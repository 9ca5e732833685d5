"""The voice and the options of an avatar, such as whose face speaks, where a job names none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from digital_human.files.avatars import PREFIX, find, is_avatar
from digital_human.jobs.models import JobRequest
from digital_human.pipeline.options import RenderOptions
from digital_human.settings import Settings

_OPTIONS: TypeAdapter[RenderOptions] = TypeAdapter(RenderOptions)
_UNSET = RenderOptions()


def to_record(voice: str, options: RenderOptions) -> dict[str, Any]:
    """Plain JSON for `Avatar.defaults`, without what is not set."""
    set_ones = _OPTIONS.dump_python(options, mode="json")
    unset = _OPTIONS.dump_python(_UNSET, mode="json")
    said = {name: value for name, value in set_ones.items() if value != unset[name]}
    return {"voice": voice, "options": said}


def options_of(defaults: Mapping[str, Any]) -> RenderOptions:
    """The options of `to_record`."""
    return _OPTIONS.validate_python(defaults.get("options", {}))


def with_defaults(request: JobRequest, settings: Settings) -> JobRequest:
    """The request with its avatar's defaults where it names nothing. Raises NotFoundError where there is no avatar."""
    if not is_avatar(request.video):
        return request
    defaults = find(request.video.removeprefix(PREFIX), request.owner, settings).avatar.defaults
    own = options_of(defaults)
    filled = {
        name: getattr(own, name)
        for name in defaults.get("options", {})
        if getattr(request.options, name) == getattr(_UNSET, name)
    }
    request = replace(request, options=replace(request.options, **filled))
    if request.spoken is not None and not request.spoken.voice:
        request = replace(request, spoken=replace(request.spoken, voice=defaults.get("voice", "")))
    return request
