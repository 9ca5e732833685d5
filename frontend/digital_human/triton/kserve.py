"""KServe v2 requests other than inference, over plain HTTP/1.1."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any


def call(url: str, path: str, *, method: str = "GET", timeout: float = 5.0) -> tuple[int, Any]:
    """Send a request; return the status and the decoded JSON body, None without one.

    url: host:port, with or without http:// or https://, and a prefix if there is one
    Raises OSError or http.client.HTTPException where the server cannot be reached.
    """
    scheme, _, address = url.rpartition("://")
    host, _, prefix = address.partition("/")
    kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
    connection = kind(host, timeout=timeout)
    try:
        connection.request(method, f"/{prefix}/{path}".replace("//", "/"))
        response = connection.getresponse()
        body = response.read()
        try:
            return response.status, json.loads(body) if body else None
        except ValueError:
            return response.status, None
    finally:
        connection.close()


def live(url: str, timeout: float = 1.0) -> bool:
    """Whether the server answers."""
    try:
        return call(url, "v2/health/live", timeout=timeout)[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def index(url: str) -> dict[str, tuple[str, str]]:
    """Every model of the repository -> its state ("READY", "UNAVAILABLE", "" for never loaded) and the reason."""
    _, models = call(url, "v2/repository/index", method="POST")
    return {model["name"]: (model.get("state", ""), model.get("reason", "")) for model in models or ()}


def on_gpu(config: Mapping[str, Any]) -> bool:
    """Whether a model runs on a GPU, by its configuration as Triton completes it."""
    return any(group["kind"] == "KIND_GPU" for group in config.get("instance_group", []))
