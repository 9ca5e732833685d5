"""Calls of HeyGem's interface, for its tests."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.live_service import Live, eventually

ZH = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
JOB: dict[str, Any] = {"audio_url": "speech.wav", "video_url": "template.mkv"}


def submit(live: Live, headers: dict[str, str] | None = None, **fields: object) -> dict[str, Any]:
    """The envelope of a call that sends no Content-Type."""
    return envelope(live.client.post("/easy/submit", content=json.dumps(JOB | fields), headers=headers))


def query(live: Live, code: object, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return envelope(live.client.get("/easy/query", params={"code": str(code)}, headers=headers))


def envelope(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) == {"code", "success", "msg", "data"}
    return body


def until_ended(live: Live, code: object, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """The data of the first answer with a state that is final."""
    data: dict[str, Any] = {}

    def has_ended() -> bool:
        body = query(live, code, headers)
        assert body["code"] == 10000, f"{body}\n{live.words()}"
        data.update(body["data"])
        return bool(data["status"] != 1)

    eventually(has_ended)
    return data
