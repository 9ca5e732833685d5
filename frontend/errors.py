"""Every error the service raises on purpose, as one small tree.

    ServiceError                500
      BadInput                  400   the request or the media cannot be used
        NoFace                  400   no usable face in the template
      Forbidden                 403   a path outside the allowed roots
      NotFound                  404   an input file is missing
      Conflict                  409   the output would overwrite an input
      Unavailable               503   Triton is not ready; try again
      OutputFailed              507   the result could not be written
      Cancelled                 499   the job was cancelled

They are raised where they happen and become HTTP in one place, `frontend.api`.
"""

from __future__ import annotations


class ServiceError(Exception):
    """Base of the tree. `str(error)` is written for the caller: no stack trace, no path they did not send."""

    status = 500


class BadInput(ServiceError):
    status = 400


class NoFace(BadInput):
    pass


class Forbidden(ServiceError):
    status = 403


class NotFound(ServiceError):
    status = 404


class Conflict(ServiceError):
    status = 409


class Cancelled(ServiceError):
    status = 499


class Unavailable(ServiceError):
    """Triton is not ready. `retry_after` is in seconds."""

    status = 503

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class OutputFailed(ServiceError):
    status = 507
