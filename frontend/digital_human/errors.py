"""Every error that the service raises on purpose.

    ServiceError                500
    ├── BadInputError           400   the request or the media cannot be used
    │   ├── NoFaceError         400   no usable face in the template
    │   └── OutOfMemoryError    400   the job needs more memory than it may have
    ├── UnauthorizedError       401   no API key, or a wrong one
    ├── ForbiddenError          403   a path or host outside what is allowed
    ├── NotFoundError           404   an input file or a task is missing
    ├── ConflictError           409   the output would overwrite an input, or the task has ended
    ├── TooLargeError           413   an upload or download is larger than allowed
    ├── KeyReusedError          422   an Idempotency-Key came back with another request
    ├── JobCancelledError       499   the job was cancelled
    ├── UnavailableError        503   Triton is not ready; try again
    │   └── QueueFullError      429   too many jobs wait; try again
    ├── JobTimeoutError         504   the job took longer than it may
    └── OutputError             507   the result could not be written

They are raised where they happen. `digital_human.api.errors` turns them into HTTP, in that one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping


class ServiceError(Exception):
    """Base of the tree. `str(error)` is written for the caller: no stack trace, no path they did not send."""

    status = 500
    transient = False
    """Whether the same step may succeed when it is tried again."""


class BadInputError(ServiceError):
    status = 400


class NoFaceError(BadInputError):
    pass


class OutOfMemoryError(BadInputError):
    pass


class UnauthorizedError(ServiceError):
    status = 401


class ForbiddenError(ServiceError):
    status = 403


class NotFoundError(ServiceError):
    status = 404


class ConflictError(ServiceError):
    status = 409


class TooLargeError(ServiceError):
    status = 413


class KeyReusedError(ServiceError):
    status = 422


class JobCancelledError(ServiceError):
    status = 499


class UnavailableError(ServiceError):
    """Triton is not ready. `retry_after` is in seconds."""

    status = 503
    transient = True

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QueueFullError(UnavailableError):
    status = 429


class JobTimeoutError(ServiceError):
    status = 504


class OutputError(ServiceError):
    status = 507

    def __init__(self, message: str, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


FORMER_NAMES: Mapping[str, type[ServiceError]] = {
    "BadInput": BadInputError,
    "NoFace": NoFaceError,
    "OutOfMemory": OutOfMemoryError,
    "Unauthorized": UnauthorizedError,
    "Forbidden": ForbiddenError,
    "NotFound": NotFoundError,
    "Conflict": ConflictError,
    "TooLarge": TooLargeError,
    "KeyReused": KeyReusedError,
    "Cancelled": JobCancelledError,
    "Unavailable": UnavailableError,
    "QueueFull": QueueFullError,
    "TimedOut": JobTimeoutError,
    "OutputFailed": OutputError,
}
"""The class names of version 0.1.0. Jobs on record carry them, and metrics still use them as labels."""


def all_errors(root: type[ServiceError] = ServiceError) -> Iterator[type[ServiceError]]:
    """The class and all its subclasses, those of an operator's own modules included."""
    yield root
    for child in root.__subclasses__():
        yield from all_errors(child)


def error_class(name: str) -> type[ServiceError] | None:
    """The error class of this name, today's or a former one; None if there is none."""
    return FORMER_NAMES.get(name) or next((kind for kind in all_errors() if kind.__name__ == name), None)


def error_from_name(name: str, message: str, transient: bool | None = None) -> ServiceError:
    """The error that another process or the database names; a plain ServiceError if the name is unknown."""
    error = (error_class(name) or ServiceError)(message)
    if transient is not None:
        error.transient = transient
    return error
