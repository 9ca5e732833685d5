"""The caller of a request: a user or an operator by key, or anonymous if no key is needed."""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import SecretStr
from starlette.datastructures import Headers

from digital_human.errors import ForbiddenError, UnauthorizedError
from digital_human.service import Service
from digital_human.settings import Settings

log = logging.getLogger(__name__)

ANONYMOUS = "anonymous"

# For the OpenAPI document; the keys are read from the request below.
_schemes = (HTTPBearer(auto_error=False), APIKeyHeader(name="X-API-Key", auto_error=False))


@dataclass(frozen=True)
class Caller:
    """owner:  under which tasks and uploads are kept; the same key is the same owner
    folder: below EASY_FOLDER, for results that are named by the caller; empty for the one that has it to itself
    """

    owner: str
    is_operator: bool
    folder: str = ""

    @property
    def sees(self) -> str | None:
        """The owner whose tasks this caller may see; None for all of them."""
        return None if self.is_operator else self.owner


@dataclass(frozen=True)
class Keys:
    """SHA-256 of every key, so that comparing takes the same time whatever was sent."""

    users: tuple[bytes, ...]
    operators: tuple[bytes, ...]
    anonymous: bool

    @staticmethod
    def of(settings: Settings) -> Keys:
        users, operators = _digests(settings.api_keys), _digests(settings.operator_keys)
        open_to_all = settings.allow_anonymous or (settings.is_loopback and not users)
        return Keys(users, operators, open_to_all)

    def caller(self, key: str | None) -> Caller:
        """Raises UnauthorizedError for a wrong key, or for none where one is needed."""
        if key is None:
            if self.anonymous:
                return Caller(ANONYMOUS, is_operator=False)
            raise UnauthorizedError("api_key_missing")
        digest = hashlib.sha256(key.encode()).digest()
        # Every key is compared, whether or not one has matched already.
        is_operator = sum(hmac.compare_digest(digest, known) for known in self.operators) > 0
        is_user = sum(hmac.compare_digest(digest, known) for known in self.users) > 0
        if not (is_operator or is_user):
            raise UnauthorizedError("api_key_unknown")
        owner = _owner(digest)
        return Caller(owner, is_operator, "" if digest == self._alone() else owner)

    def _alone(self) -> bytes | None:
        """The only one that calls, if there is only one: callers without a key count too."""
        callers = self.users or self.operators
        return callers[0] if len(callers) == 1 and not self.anonymous else None


def require_keys(settings: Settings) -> None:
    """Refuse to serve other machines without keys, unless the operator says so. Raises ForbiddenError."""
    if settings.is_loopback or settings.api_keys or settings.operator_keys:
        if settings.allow_anonymous and not settings.is_loopback:
            log.warning("ALLOW_ANONYMOUS is set: callers without a key are served too")
        return
    if not settings.allow_anonymous:
        raise ForbiddenError("keys_required", host=settings.host)
    log.warning("serving anybody who can reach %s: ALLOW_ANONYMOUS is set and there are no API_KEYS", settings.host)


def _digests(keys: Sequence[SecretStr]) -> tuple[bytes, ...]:
    return tuple(hashlib.sha256(key.get_secret_value().encode()).digest() for key in keys)


def _owner(digest: bytes) -> str:
    return digest.hex()[:16]


def key_of(headers: Headers) -> str | None:
    """The key that a request carries: `Authorization: Bearer`, or `X-API-Key`."""
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" and token.strip() else None
    return bearer or headers.get("X-API-Key") or None


def _caller(request: Request) -> Caller:
    keys: Keys = request.app.state.keys
    return keys.caller(key_of(request.headers))


def require_operator(request: Request, caller: Annotated[Caller, Depends(_caller)]) -> Caller:
    """The caller. Raises ForbiddenError unless they are an operator, or on this machine where there are no keys."""
    if not may_operate(request, caller):
        raise ForbiddenError("operators_only")
    return caller


def may_operate(request: Request, caller: Caller) -> bool:
    keys: Keys = request.app.state.keys
    is_here = request.client is not None and request.client.host in ("127.0.0.1", "::1")
    return caller.is_operator or (is_here and not keys.operators)


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


schemes = [Security(scheme) for scheme in _schemes]
CallerDep = Annotated[Caller, Depends(_caller)]
OperatorDep = Annotated[Caller, Depends(require_operator)]
ServiceDep = Annotated[Service, Depends(_service)]
