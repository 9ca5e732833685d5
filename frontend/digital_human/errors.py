"""Every error the service raises on purpose, as one small tree.

    ServiceError                500
      BadInput                  400   the request or the media cannot be used
        NoFace                  400   no usable face in the template
        OutOfMemory             400   the job needs more memory than it may have
      Unauthorized              401   no API key, or a wrong one
      Forbidden                 403   a path or host outside what is allowed
      NotFound                  404   an input file or a task is missing
      Conflict                  409   the output would overwrite an input, or the task has ended
      TooLarge                  413   an upload or download is larger than allowed
      KeyReused                 422   an Idempotency-Key came back with another request
      Unavailable               503   Triton is not ready; try again
        QueueFull               429   too many jobs wait; try again
      TimedOut                  504   the job took longer than it may
      OutputFailed              507   the result could not be written
      Cancelled                 499   the job was cancelled

They are raised where they happen and become HTTP in one place, `digital_human.api.errors`.
"""

from __future__ import annotations


class ServiceError(Exception):
    """Base of the tree. `str(error)` is written for the caller: no stack trace, no path they did not send."""

    status = 500
    passing = False
    """Whether the same step may work in a moment."""


class BadInput(ServiceError):
    status = 400


class NoFace(BadInput):
    pass


class OutOfMemory(BadInput):
    pass


class Unauthorized(ServiceError):
    status = 401


class Forbidden(ServiceError):
    status = 403


class NotFound(ServiceError):
    status = 404


class Conflict(ServiceError):
    status = 409


class TooLarge(ServiceError):
    status = 413


class KeyReused(ServiceError):
    status = 422


class Cancelled(ServiceError):
    status = 499


class Unavailable(ServiceError):
    """Triton is not ready. `retry_after` is in seconds."""

    status = 503
    passing = True

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class QueueFull(Unavailable):
    status = 429


class TimedOut(ServiceError):
    status = 504


class OutputFailed(ServiceError):
    status = 507

    def __init__(self, message: str, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


def revive(name: str, message: str, passing: bool | None = None) -> ServiceError:
    """The error called `name`, from another process or from the database; a plain ServiceError where there is none."""
    pending: list[type[ServiceError]] = [ServiceError]
    found: type[ServiceError] = ServiceError
    while pending:
        kind = pending.pop()
        if kind.__name__ == name:
            found = kind
            break
        pending.extend(kind.__subclasses__())
    error = found(message)
    if passing is not None:
        error.passing = passing
    return error
