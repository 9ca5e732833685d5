"""A text is spoken by the worker, into a file of the job's folder."""

from __future__ import annotations

from digital_human.core.states import OnProgress
from digital_human.files.atomic import OWN_FOLDER, disk_errors, sync
from digital_human.jobs.models import job_folder, speech_path
from digital_human.jobs.worker.protocol import Speak, SpeakResult
from digital_human.settings import Settings
from digital_human.speech.speaker import LocalSpeaker, speak, write_wav


def speak_text(command: Speak, settings: Settings, triton_url: str, on_progress: OnProgress) -> SpeakResult:
    """Write the job's speech, complete or not at all. Raises what `LocalSpeaker.say` raises, and OutputError."""
    target = speech_path(settings, command.job.task_id)
    part = target.with_suffix(".part")
    try:
        with disk_errors(OWN_FOLDER):
            job_folder(settings, command.job.task_id).mkdir(parents=True, exist_ok=True)
            speaker = LocalSpeaker(triton_url, command.spoken.text)
            write_wav(part, speak(command.spoken, speaker, lambda share: on_progress("speak", share)))
            sync(part)
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return SpeakResult()
