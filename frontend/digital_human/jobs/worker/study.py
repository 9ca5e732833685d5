"""Studies the template of an avatar: the analysis goes into the store, its picture beside the avatar."""

from __future__ import annotations

from dataclasses import asdict

from digital_human.core.states import OnProgress
from digital_human.engines import EngineRegistry
from digital_human.errors import BadInputError, OutputError
from digital_human.files.atomic import atomic_write
from digital_human.files.sandbox import by_descriptor, open_file
from digital_human.jobs.worker.protocol import Study, StudyResult
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.report import thumbnail
from digital_human.pipeline.suitability import examine
from digital_human.pipeline.templates import prepare_template
from digital_human.settings import Settings


def study(
    command: Study,
    settings: Settings,
    context: PipelineContext,
    engines: EngineRegistry,
    on_progress: OnProgress,
) -> StudyResult:
    """Raises BadInputError or NoFaceError for a template that cannot be used, OutputError where it is not stored."""
    engine = engines.find(command.options.engine)
    on_progress("prepare", 0.0)
    try:
        with open_file(command.video, settings.roots, "video_path") as descriptor:
            prepared = prepare_template(
                by_descriptor(descriptor),
                engine,
                context,
                lambda share: on_progress("prepare", share),
                command.options,
            )
            with atomic_write(command.thumbnail) as part:
                part.write_bytes(thumbnail(prepared.reader))
    except OSError as error:
        raise BadInputError("input_unreadable", reason=str(error.strerror)) from error
    if not prepared.stored:
        raise OutputError("template_not_stored", folder=str(settings.state_path), transient=True)
    found = examine(prepared)
    return StudyResult(prepared.content, asdict(found), list(found.warnings()))
