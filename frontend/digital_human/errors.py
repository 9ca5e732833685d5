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

They are raised where they happen, with the name of a message and its parameters:

    raise NotFoundError("file_not_found", field="audio_path")

`digital_human.messages` words the message, and `digital_human.api.errors` turns the error into HTTP, each in one place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from digital_human import messages
from digital_human.messages import Language


class ServiceError(Exception):
    """Base of the tree. `str(error)` is English, written for the caller: no stack trace, no path they did not send.

    message:   a name in `digital_human.messages`, or a text that is shown as it is, for engines of one's own
    transient: whether the same step may succeed when it is tried again; the class's own if not given
    params:    of the message
    """

    status = 500
    name = "internal_error"
    """The name of the message. The class's own is for errors that are raised with a text."""
    transient = False

    def __init__(self, message: str, /, *, transient: bool | None = None, **params: str | int | float) -> None:
        self.params = params
        if message in messages.MESSAGES:
            self.name = message
            message = messages.text(message, params)
        super().__init__(message)
        if transient is not None:
            self.transient = transient

    def text(self, language: Language) -> str:
        """The message in a language; as it was raised if it is not in the catalogue."""
        return messages.text(self.name, self.params, language) if self._is_in_catalogue else str(self)

    @property
    def data(self) -> dict[str, Any] | None:
        """Name and parameters of the message. DBOS keeps them on record with the class's name and the English text."""
        return {"error": self.name, "params": self.params} if self._is_in_catalogue else None

    @property
    def _is_in_catalogue(self) -> bool:
        return "name" in self.__dict__


class BadInputError(ServiceError):
    status = 400
    name = "bad_input"


class NoFaceError(BadInputError):
    name = "no_face"


class OutOfMemoryError(BadInputError):
    name = "out_of_memory"


class UnauthorizedError(ServiceError):
    status = 401
    name = "unauthorized"


class ForbiddenError(ServiceError):
    status = 403
    name = "forbidden"


class NotFoundError(ServiceError):
    status = 404
    name = "not_found"


class ConflictError(ServiceError):
    status = 409
    name = "conflict"


class TooLargeError(ServiceError):
    status = 413
    name = "too_large"


class KeyReusedError(ServiceError):
    status = 422
    name = "key_reused"


class JobCancelledError(ServiceError):
    status = 499
    name = "job_cancelled"


class UnavailableError(ServiceError):
    """Triton or the queue is not ready. `retry_after` is in seconds."""

    status = 503
    name = "unavailable"
    transient = True

    def __init__(
        self,
        message: str,
        /,
        *,
        retry_after: int = 5,
        transient: bool | None = None,
        **params: str | int | float,
    ) -> None:
        super().__init__(message, transient=transient, **params)
        self.retry_after = retry_after


class QueueFullError(UnavailableError):
    status = 429
    name = "queue_full"


class JobTimeoutError(ServiceError):
    status = 504
    name = "job_timed_out"


class OutputError(ServiceError):
    status = 507
    name = "output_failed"


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


def error_from_record(name: str, message: str, data: object = None) -> ServiceError:
    """The error that another process or the database names.

    name:    its class; a plain `internal_error` if that is none of ours
    message: its English text
    data:    `ServiceError.data`; absent in records of version 0.1.0, whose errors keep their text
    """
    kind = error_class(name)
    if kind is None:
        return ServiceError("internal_error")
    if isinstance(data, dict) and data.get("error") in messages.MESSAGES:
        try:
            return kind(data["error"], **data["params"])
        except (KeyError, TypeError, ValueError):
            pass  # a record of another version, with other parameters
    return kind(message)
