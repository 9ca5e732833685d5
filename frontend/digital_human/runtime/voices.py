"""The network that speaks: whether it is there, loaded when it is needed, and let go of when nobody uses it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from digital_human.errors import BadInputError, UnavailableError
from digital_human.runtime.triton import Triton
from digital_human.settings import Settings
from digital_human.speech import model
from digital_human.speech.kokoro import MODEL
from digital_human.speech.remote import RemoteSpeaker
from digital_human.speech.speaker import LocalSpeaker, Speaker
from digital_human.triton import repository

log = logging.getLogger(__name__)

_POLL = 15.0
"""Seconds between two looks at when the voices were used last."""


def have_voices(settings: Settings, triton: Triton) -> bool:
    """Whether texts can be spoken, by another server, by the embedded Triton or by an external one."""
    if settings.speech_url:
        return True
    if not settings.triton_url:
        return model.is_installed(*settings.model_repositories)
    # It loads the model when it is asked to, so it need not be ready yet.
    return MODEL in repository.known(triton.url)


def require_installed(settings: Settings, triton: Triton | None = None) -> None:
    """Raises BadInputError that says what to install, where no text can ever be spoken.

    triton: to be asked, if it is an external one; passes while that is away
    """
    if settings.speech_url:
        return
    if settings.triton_url:
        if triton is not None and triton.is_ready() and not have_voices(settings, triton):
            raise BadInputError("voices_not_served", url=settings.triton_url)
    elif not model.is_installed(*settings.model_repositories):
        raise BadInputError("voices_not_installed")


def require_loaded(settings: Settings, triton: Triton) -> None:
    """Load the network unless it is.

    Raises BadInputError where it is not installed or cannot be loaded, UnavailableError while Triton is away.
    """
    require_installed(settings)
    triton.require_ready()
    if MODEL in repository.served(triton.url):
        return
    if settings.triton_url:
        try:
            repository.load(triton.url, MODEL)
        except BadInputError as error:
            raise BadInputError("voices_not_served", url=settings.triton_url) from error
        return
    triton.model_repository()
    repository.load(triton.url, MODEL)
    log.info("the voices were loaded")


def speaker_for(settings: Settings, triton: Triton, text: str) -> Speaker:
    """Who says the pieces of a text: another server, or the voices that ship, which are loaded then.

    Raises what `require_loaded` raises.
    """
    if settings.speech_url:
        return RemoteSpeaker(settings)
    require_loaded(settings, triton)
    return LocalSpeaker(triton.url, text)


@contextmanager
def unloaded_when_idle(settings: Settings, triton: Triton) -> Iterator[None]:
    """While the block lasts, the embedded Triton lets go of voices that were not used for a while."""
    if settings.triton_url:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_watch, args=(settings, triton, ended), name="idle voices", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _watch(settings: Settings, triton: Triton, ended: threading.Event) -> None:
    first_seen: float | None = None
    while not ended.wait(min(_POLL, settings.voices_idle_seconds / 2)):
        used = repository.last_use(triton.url, MODEL) if triton.is_ready() else None
        if used is None:
            first_seen = None
            continue
        first_seen = first_seen or time.time()
        if time.time() - max(used, first_seen) > settings.voices_idle_seconds:
            try:
                repository.unload(triton.url, MODEL)
            except UnavailableError as error:
                log.debug("the voices were not let go of: %s", error)
            else:
                log.info("the voices were not used for %g s and let go of", settings.voices_idle_seconds)
