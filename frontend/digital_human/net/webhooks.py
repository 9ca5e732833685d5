"""Webhooks that notify a caller's server of the end of a task, signed as in standardwebhooks.com.

    webhook-id: <task id>    webhook-timestamp: <seconds>    webhook-signature: v1,<base64> v1,<base64>

`id.timestamp.body` is signed with HMAC-SHA256 twice: with the key that the libraries of Standard Webhooks read from the
secret, which is base64 and may begin with `whsec_`, and with the bytes of the secret as it stands, which receivers of
earlier versions expect. Calls with the same id report the same event.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import httpx
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from digital_human.net.safe_http import stream
from digital_human.settings import Settings

_TIMEOUT = 10.0


class NotDeliveredError(Exception):
    """The receiver could not be reached or did not accept the call. Another attempt may succeed."""


def signatures(secret: str, webhook_id: str, timestamp: int, body: str) -> str:
    """The value of `webhook-signature`. timestamp: seconds since 1970"""
    signers = [Webhook(secret.encode())]
    with suppress(ValueError, EmptyWebhookSecretError):  # a secret that is no base64 has the other key only
        signers.insert(0, Webhook(secret))
    moment = datetime.fromtimestamp(timestamp, timezone.utc)
    return " ".join(signer.sign(webhook_id, moment, body) for signer in signers)


def deliver(url: str, webhook_id: str, payload: Mapping[str, Any], settings: Settings) -> None:
    """Make one attempt.

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
    hosts = settings.callback_hosts
    try:
        with stream(
            "POST", url, "callback_url", hosts, "CALLBACK_HOSTS", _TIMEOUT, body.encode(), headers, redirects=False
        ) as response:
            if not response.is_success:
                raise NotDeliveredError(f"the receiver answered {response.status_code}")
    except httpx.HTTPError as error:
        raise NotDeliveredError(f"the receiver cannot be reached ({type(error).__name__})") from error
