"""The language that a caller reads."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.datastructures import Headers
from starlette.types import Scope

from digital_human.messages import Language


def preferred_language(accept_language: str | None, default: Language = "en") -> Language:
    """The language that an `Accept-Language` header prefers; `default` if it names neither."""
    best: tuple[float, Language] = (0.0, default)
    for item in (accept_language or "").split(","):
        tag, _, quality = item.partition(";")
        weight = _weight(quality)
        language = tag.strip().lower().split("-")[0]
        if language in ("en", "zh") and weight > best[0]:
            best = (weight, "zh" if language == "zh" else "en")
    return best[1]


def _weight(quality: str) -> float:
    name, _, value = quality.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def language_of(scope: Scope) -> Language:
    """What the request of this scope asks for, or MESSAGE_LANGUAGE."""
    default: Language = scope["app"].state.settings.message_language
    return preferred_language(Headers(scope=scope).get("Accept-Language"), default)


def _language(
    request: Request,
    accept_language: Annotated[
        str | None, Header(description="Messages are in Chinese if it prefers `zh`, in English if `en`.")
    ] = None,
) -> Language:
    return language_of(request.scope)


LanguageDep = Annotated[Language, Depends(_language)]
