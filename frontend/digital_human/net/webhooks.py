"""Webhooks that notify a caller's server of the end of a task, signed as in standardwebhooks.com.

    webhook-id: <task id>    webhook-timestamp: <seconds>    webhook-signature: v1,<base64> v1,<base64>

`id.timestamp.body` is signed with HMAC-SHA256 twice: with the key that the libraries of Standard Webhooks read from the
secret, which is base64 and may begin with `whsec_`, and with the bytes of the secret as it stands, which receivers of
earlier versions expect. Calls with the same id report the same event.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import httpx
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from digital_human.net.bounded import DeadlineError, run_bounded
from digital_human.net.safe_http import stream
from digital_human.settings import Settings

_TIMEOUT = 10.0
"""Seconds of each single wait for the receiver."""
_DEADLINE = 20.0
"""Seconds of a whole attempt."""


class NotDeliveredError(Exception):
    """The receiver could not be reached or did not accept the call. Another attempt may succeed."""


def signatures(secret: str, webhook_id: str, timestamp: int, body: str) -> str:
    """The value of `webhook-signature`. timestamp: seconds since 1970"""
    signers = [Webhook(secret.encode())]
    with suppress(ValueError, EmptyWebhookSecretError):  # a secret that is no base64 has the other key only
        signers.insert(0, Webhook(secret))
    moment = datetime.fromtimestamp(timestamp, timezone.utc)
    return " ".join(signer.sign(webhook_id, moment, body) for signer in signers)


def deliver(
    url: str,
    webhook_id: str,
    payload: Mapping[str, Any],
    settings: Settings,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Make one attempt. `check` is called several times a second and raises to cancel it.

    Raises NotDeliveredError, and ForbiddenError or BadInputError where no further attempt will help.
    """
    assert settings.webhook_secret is not None
    body, timestamp = json.dumps(payload), int(time.time())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signatures(settings.webhook_secret.get_secret_value(), webhook_id, timestamp, body),
    }
    try:
        status = run_bounded(_post(url, body.encode(), headers, settings), _DEADLINE, check)
    except DeadlineError as error:
        raise NotDeliveredError(f"the receiver did not answer within {_DEADLINE:g} s") from error
    except httpx.HTTPError as error:
        raise NotDeliveredError(f"the receiver cannot be reached ({type(error).__name__})") from error
    if not 200 <= status < 300:
        raise NotDeliveredError(f"the receiver answered {status}")


async def _post(url: str, body: bytes, headers: Mapping[str, str], settings: Settings) -> int:
    """The status of the receiver's answer."""
    hosts = settings.callback_hosts
    async with stream(
        "POST", url, "callback_url", hosts, "CALLBACK_HOSTS", _TIMEOUT, body, headers, redirects=False
    ) as response:
        return response.status_code
