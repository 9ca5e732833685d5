"""The receiver and the n8n workflow of the examples, with real calls of the real service."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import av
import httpx
import playwright
import pytest

from tests.clients.conftest import KEY, SECRET
from tests.live import free_port
from tests.live_service import Live, eventually

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NODE = Path(playwright.__file__).parent / "driver" / "node"
NOW = "const $now = { toFormat: () => 'Monday' };"


@contextmanager
def receiver(studio: Live, folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    port = free_port()
    command = [sys.executable, str(EXAMPLES / "webhook_receiver.py"), "--port", str(port), "--folder", str(folder)]
    environment = {**os.environ, "WEBHOOK_SECRET": SECRET, "API_KEY": KEY}
    process = subprocess.Popen(
        [*command, "--service", f"http://127.0.0.1:{studio.port}"], env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        yield f"http://127.0.0.1:{port}/", process
    finally:
        process.terminate()
        process.wait()


def is_up(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 501
    except httpx.TransportError:
        return False


def test_the_receiver_fetches_a_video_when_its_genuine_webhook_comes(studio: Live, tmp_path: Path) -> None:
    with receiver(studio, tmp_path / "videos") as (url, process):
        eventually(lambda: is_up(url))
        forged = {"webhook-id": "x", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
        body = {"type": "task.succeeded", "task_id": "../x", "result": {}}
        assert httpx.post(url, json=body, headers=forged).status_code == 401
        order = {"avatar": "lena", "text": "Good morning.", "mode": "async", "callback_url": url}
        task = studio.client.post("/human/generate", json=order).json()["data"]["task_id"]
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"{tmp_path / 'videos' / task}.mp4: 0.")
    assert [path.name for path in (tmp_path / "videos").iterdir()] == [f"{task}.mp4"]


class Hooks(ThreadingHTTPServer):
    """What n8n's node Webhook gives the next one."""

    def __init__(self) -> None:
        self.items: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), _Hook)


class _Hook(BaseHTTPRequestHandler):
    server: Hooks

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.items.append({"headers": headers, "body": json.loads(raw), "path": self.path, "binary": raw})
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with Hooks() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class Workflow:
    """The workflow's nodes, each done as n8n does it. Expressions run in the JavaScript that they are written in."""

    def __init__(self, service: str, n8n: str) -> None:
        text = (EXAMPLES / "n8n" / "workflow.json").read_text()
        text = text.replace("http://127.0.0.1:8308", service).replace("http://127.0.0.1:5678", n8n)
        self.whole = json.loads(text)
        self.nodes = {node["name"]: node for node in self.whole["nodes"]}

    def parameters(self, name: str, item: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = self._evaluated(self.nodes[name]["parameters"], item)
        return found

    def after(self, name: str) -> str:
        following: str = self.whole["connections"][name]["main"][0][0]["node"]
        return following

    def _evaluated(self, value: Any, item: dict[str, Any]) -> Any:
        if isinstance(value, dict):
            return {key: self._evaluated(part, item) for key, part in value.items()}
        if isinstance(value, list):
            return [self._evaluated(part, item) for part in value]
        if not isinstance(value, str) or not value.startswith("="):
            return value
        # One expression alone keeps its type; among text it becomes text.
        pieces = value[1:].replace("{{", "\0").replace("}}", "\0").split("\0")
        alone = len(pieces) == 3 and not pieces[0].strip() and not pieces[2].strip()
        words = [piece if k % 2 else json.dumps(piece) for k, piece in enumerate(pieces)]
        code = words[1] if alone else " + ".join(f"({word})" for word in words)
        program = f"{NOW} const $json = JSON.parse(process.argv[1]); process.stdout.write(JSON.stringify({code}));"
        done = subprocess.run([NODE, "-e", program, json.dumps(item)], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)


def signed(workflow: Workflow, item: dict[str, Any], raw: bytes) -> tuple[dict[str, Any], bool]:
    """The item after the nodes that follow the webhook, and whether the last of them lets it through."""
    extract, sign, decide = "Body as it was sent", "Signature", "Genuine, fresh and made"
    assert [workflow.after(name) for name in ("Ended", extract, sign)] == [extract, sign, decide]
    item = {**item, workflow.parameters(extract, item)["destinationKey"]: raw.decode()}
    given = workflow.parameters(sign, item)
    digest = hmac.digest(given["secret"].encode(), given["value"].encode(), hashlib.sha256)
    item[given["dataPropertyName"]] = base64.b64encode(digest).decode()
    conditions = workflow.parameters(decide, item)["conditions"]["conditions"]
    return item, all(condition["leftValue"] is True for condition in conditions)


def test_the_workflow_of_n8n_orders_a_video_and_takes_it(studio: Live, hooks: Hooks, tmp_path: Path) -> None:
    workflow = Workflow(f"http://127.0.0.1:{studio.port}", f"http://127.0.0.1:{hooks.server_address[1]}")
    workflow.nodes["Signature"]["parameters"]["secret"] = SECRET
    order = workflow.parameters(workflow.after("Start"), {})
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
    answer = httpx.request(order["method"], order["url"], content=order["jsonBody"], headers=headers)
    assert answer.status_code == 202, answer.text
    eventually(lambda: hooks.items)
    item = hooks.items[0]
    assert item.pop("path") == f"/webhook/{workflow.nodes['Ended']['parameters']['path']}"
    raw = item.pop("binary")
    assert item["body"]["task_id"] == answer.json()["data"]["task_id"]

    passed, genuine = signed(workflow, item, raw)
    assert genuine
    fetch = workflow.parameters(workflow.after("Genuine, fresh and made"), passed)
    video = httpx.request(fetch["method"], fetch["url"], headers={"Authorization": f"Bearer {KEY}"})
    (tmp_path / "out.mp4").write_bytes(video.content)
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).width == 720

    # Another body, an old call and another secret are not let through.
    assert not signed(workflow, item, raw.replace(b"succeeded", b"succeeded ", 1))[1]
    old = {**item, "headers": {**item["headers"], "webhook-timestamp": "1700000000"}}
    assert not signed(workflow, old, raw)[1]
    workflow.nodes["Signature"]["parameters"]["secret"] = "whsec_b3RoZXI="
    assert not signed(workflow, item, raw)[1]
