"""A worker's look at a template that belongs to no job."""

from __future__ import annotations

from base64 import b64encode

from digital_human.errors import BadInputError
from digital_human.files.sandbox import by_descriptor, open_file
from digital_human.jobs.worker.protocol import FindFaces, FoundFaces
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.stills import look_at
from digital_human.settings import Settings


def find_faces(command: FindFaces, settings: Settings, context: PipelineContext) -> FoundFaces:
    """Raises BadInputError where the template cannot be read or ends before the moment."""
    try:
        with open_file(command.video, settings.roots, "video_path") as descriptor:
            still = look_at(by_descriptor(descriptor), command.time, context)
    except OSError as error:
        raise BadInputError("input_unreadable", reason=str(error.strerror)) from error
    picture = b64encode(still.picture).decode()
    boxes = [[round(float(side), 4) for side in box] for box in still.boxes]
    return FoundFaces(still.width, still.height, round(still.seconds, 3), boxes, picture)
