"""Webhooks that notify a caller's server of the end of a task, signed as in standardwebhooks.com.

    webhook-id: <task id>    webhook-timestamp: <seconds>    webhook-signature: v1,<base64 of HMAC-SHA256>

The signature covers `id.timestamp.body`. A receiver verifies it by computing the same and comparing in constant time.
Calls with the same id report the same event.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from digital_human.net.safe_http import stream
from digital_human.settings import Settings

_TIMEOUT = 10.0


class NotDeliveredError(Exception):
    """The receiver could not be reached or did not accept the call. Another attempt may succeed."""


def signature(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    digest = hmac.new(secret.encode(), f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def deliver(url: str, webhook_id: str, payload: Mapping[str, Any], settings: Settings) -> None:
    """Make one attempt.

    Raises NotDeliveredError, and ForbiddenError or BadInputError where no further attempt will help.
    """
    assert settings.webhook_secret is not None
    body, timestamp = json.dumps(payload).encode(), int(time.time())
    headers = {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(settings.webhook_secret.get_secret_value(), webhook_id, timestamp, body),
    }
    hosts = settings.callback_hosts
    try:
        with stream(
            "POST", url, "callback_url", hosts, "CALLBACK_HOSTS", _TIMEOUT, body, headers, redirects=False
        ) as response:
            if not response.is_success:
                raise NotDeliveredError(f"the receiver answered {response.status_code}")
    except httpx.HTTPError as error:
        raise NotDeliveredError(f"the receiver cannot be reached ({type(error).__name__})") from error
