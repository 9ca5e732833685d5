"""A call of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi.testclient import TestClient

if TYPE_CHECKING:
    import httpx2  # what Starlette's client answers with; it wants Python 3.11


def generate(client: TestClient, **fields: object) -> httpx2.Response:
    """Ask for a video of the sample media; `fields` go before."""
    body = {"audio_path": "speech.wav", "video_path": "template.mkv", "save_path": "out.mp4"} | fields
    response: httpx2.Response = client.post("/human/generate", json=body)
    return response
