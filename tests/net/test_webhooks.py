"""Receivers verify webhooks with the library of Standard Webhooks, whatever form their secret has."""

from __future__ import annotations

import base64
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from digital_human.net.webhooks import signatures

BODY = '{"type": "task.succeeded", "name": "嘴"}'


def headers(secret: str) -> dict[str, str]:
    now = int(time.time())
    signed = signatures(secret, "task", now, BODY)
    return {"webhook-id": "task", "webhook-timestamp": str(now), "webhook-signature": signed}


@pytest.mark.parametrize(
    "secret", ["whsec_" + base64.b64encode(bytes(range(32))).decode(), base64.b64encode(bytes(range(24))).decode()]
)
def test_the_library_verifies_it(secret: str) -> None:
    assert Webhook(secret).verify(BODY, headers(secret))["type"] == "task.succeeded"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY.replace("succeeded", "failed"), headers(secret))


@pytest.mark.parametrize("secret", ["hook-secret", "a", "whsec_?", "ключ"])
def test_a_receiver_of_before_finds_the_signature_by_the_bytes_of_the_secret(secret: str) -> None:
    Webhook(secret.encode()).verify(BODY, headers(secret))
