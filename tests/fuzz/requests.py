"""Requests as nobody would write them, made of the service's own OpenAPI document."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import quote

_TEXTS = [
    *("", " ", "\0", "a\0b", "\n", "\r\nX-Other: 1", "\x1b[2J", "\ud800", "\U0001f600", "任务", "%00", "..", "/", "//"),
    *("../../etc/passwd", "/etc/passwd", "/proc/self/mem", "speech.wav", "template.mkv", "out.mp4", "C:\\a"),
    *(".state/queue.sqlite", "\\\\host\\share", "upload:", "upload:../x", "http://", "http://xn--/", "http://[::1"),
    *("http://127.0.0.1:1/a", "file:///etc/passwd", "ftp://a/b", "null", "true", "0", "-1", "1e309", "NaN", "{}"),
    *("9" * 400, "x" * 5000, "a" * 64),
]  # fmt: skip
_VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 2**64, -(2**70), 10**400, 0.5, -0.0, 1e308, float("nan")),
    *(float("inf"), [], {}, [[]], {"": ""}, ["a"], [None], [[[[[[[[]]]]]]]], {"a": {"b": {"c": []}}}),
    *("async", "sync", "hold", "default"),
]  # fmt: skip
_TYPES = ["application/json", "text/plain", "multipart/form-data", "multipart/form-data; boundary=x", "a", "", "*/*"]
_HEADERS = {
    "Range": ["bytes=0-", "bytes=5-1", "bytes=-0", "bytes=" + "9" * 300 + "-", "bytes=0-1,3-4,2-9", "lines=1"],
    "Accept-Language": ["zh", "zh;q=x", "*", "," * 500, "en;q=0, zh;q=0", "\xff"],
    "Idempotency-Key": ["a", " ", "\xff", "k" * 5000],
    "Prefer": ["respond-async", "wait=1", ","],
    "Authorization": ["Bearer", "Bearer \xff", "Basic YTpi", "a" * 5000],
    "Origin": ["null", "http://127.0.0.1", "https://example.org"],
    "Content-Length": ["0", "5"],
    "Transfer-Encoding": ["chunked"],
    "Expect": ["100-continue"],
}


@dataclass(frozen=True)
class Answer:
    status: int
    text: str


@dataclass(frozen=True)
class Sent:
    """A request. path: with its query, percent-encoded"""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_honest(self) -> bool:
        """Whether the body is as long as its headers say."""
        declared = self.headers.get("Content-Length")
        return "Transfer-Encoding" not in self.headers and declared in (None, str(len(self.body)))

    def to(self, port: int) -> Answer | None:
        """None where the service waits for the rest of a body, or hangs up on one that is no HTTP."""
        headers = {"Host": f"127.0.0.1:{port}", "Connection": "close", **self.headers}
        if "Transfer-Encoding" not in headers:
            headers.setdefault("Content-Length", str(len(self.body)))
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=120 if self.is_honest else 0.5) as connection:
                connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + self.body)
                response = HTTPResponse(connection, method=self.method)
                response.begin()
                return Answer(response.status, response.read().decode("utf-8", "replace"))
        except (OSError, HTTPException):
            if self.is_honest:
                raise
            return None


def random_requests(document: Mapping[str, Any], seed: int, count: int) -> Iterator[Sent]:
    """The same ones for the same document and seed."""
    luck = random.Random(seed)
    calls = [(method, path) for path, methods in sorted(document["paths"].items()) for method in sorted(methods)]
    for _ in range(count):
        method, path = luck.choice(calls)
        operation = document["paths"][path][method]
        yield Sent(
            (method if luck.random() < 0.9 else luck.choice(["put", "patch", "options", "head", "trace"])).upper(),
            _path(path, operation, luck),
            _headers(luck),
            _body(document, operation, luck),
        )


def _path(path: str, operation: Mapping[str, Any], luck: random.Random) -> str:
    parts = [part if "{" not in part else _escaped(luck.choice(_TEXTS)) for part in path.split("/")]
    named = [parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query"]
    given = [f"{name}={_escaped(luck.choice(_TEXTS))}" for name in named if luck.random() < 0.7]
    return "/".join(parts) + ("?" + "&".join(given) if given else "")


def _escaped(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def _headers(luck: random.Random) -> dict[str, str]:
    headers = {"Content-Type": luck.choice(_TYPES)} if luck.random() < 0.3 else {}
    for name in luck.sample(sorted(_HEADERS), luck.choice([0, 0, 1, 2])):
        headers[name] = luck.choice(_HEADERS[name])
    if "Transfer-Encoding" in headers:
        headers.pop("Content-Length", None)
    return headers


def _body(document: Mapping[str, Any], operation: Mapping[str, Any], luck: random.Random) -> bytes:
    content = operation.get("requestBody", {}).get("content", {})
    reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
    if not reference:
        return luck.randbytes(luck.choice([0, 0, 1, 300]))
    fields = document["components"]["schemas"][reference.rpartition("/")[2]].get("properties", {})
    value = {name: _value(name, luck) for name in fields if luck.random() < 0.6}
    body = json.dumps(value).encode()
    match luck.randrange(8):
        case 0:
            return body[: luck.randrange(len(body))]
        case 1:
            flipped = bytearray(body)
            for _ in range(luck.randrange(1, 6)):
                flipped[luck.randrange(len(flipped))] ^= 1 << luck.randrange(8)
            return bytes(flipped)
        case 2:
            return b"[" * luck.choice([10, 900]) + body
        case _:
            return body


def _value(name: str, luck: random.Random) -> Any:
    """Often one that is right, so that the others are reached."""
    right = {"audio_path": "speech.wav", "video_path": "template.mkv", "audio_url": "speech.wav", "mode": "async"}
    right |= {"video_url": "template.mkv", "save_path": "out.mp4", "code": "a", "name": "a"}
    if luck.random() < 0.5:
        return right.get(name, luck.choice([0, 1, None]))
    return luck.choice(luck.choice([_TEXTS, _VALUES]))


def fault(answer: Answer, secret: str) -> str | None:
    """What is wrong with an answer, if anything. secret: a path that no answer may contain"""
    shown = f"{answer.status}: {answer.text[:500]}"
    if answer.status >= 500 and answer.status not in (503, 504, 507):
        return shown
    if answer.status >= 400 and answer.text:
        try:
            body = json.loads(answer.text)
        except ValueError:
            # The HTTP server refuses some itself, before the service sees them.
            return None if answer.status == 400 and "Invalid HTTP" in answer.text else f"no JSON: {shown}"
        if not isinstance(body, dict) or "code" not in body or not (body.get("message") or body.get("msg")):
            return f"not our envelope: {shown}"
        if secret in answer.text or "Traceback" in answer.text:
            return f"shows internals: {shown}"
    return None
