"""A text is spoken by the worker, into a file of the job's folder."""

from __future__ import annotations

import json

import numpy as np

from digital_human.core.frame import Float64
from digital_human.core.states import OnProgress
from digital_human.files.atomic import OWN_FOLDER, disk_errors, sync
from digital_human.jobs.models import job_folder, speech_path, words_path
from digital_human.jobs.worker.protocol import Speak, SpeakResult
from digital_human.pipeline.words import spoken_words
from digital_human.settings import Settings
from digital_human.speech.said import Phones
from digital_human.speech.speaker import LocalSpeaker, noting, speak, write_wav


def speak_text(command: Speak, settings: Settings, triton_url: str, on_progress: OnProgress) -> SpeakResult:
    """Write the job's speech, complete or not at all. Raises what `LocalSpeaker.say` raises, and OutputError."""
    target, words = (path(settings, command.job.task_id) for path in (speech_path, words_path))
    part = target.with_suffix(".part")
    try:
        with disk_errors(OWN_FOLDER):
            job_folder(settings, command.job.task_id).mkdir(parents=True, exist_ok=True)
            speaker = LocalSpeaker(triton_url, command.spoken.text)
            pieces = speak(command.spoken, speaker, lambda share: on_progress("speak", share))
            phones: list[Phones] = []
            write_wav(part, noting(pieces, phones))
            sync(part)
            times = spoken_words(command.spoken, phones, command.job.options)
            # Before the speech: with it, everything is there.
            words.write_text(json.dumps(None if times is None else times.round(4).tolist()))
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return SpeakResult()


def load_words(settings: Settings, task_id: str) -> Float64 | None:
    """When the words of the job's subtitles are said, see `pipeline.words`; None where nobody knows."""
    try:
        times = json.loads(words_path(settings, task_id).read_text())
    except (OSError, ValueError):
        # A recording, another speech server, or a version that did not write any.
        return None
    return None if times is None else np.array(times, float).reshape(-1, 2)
