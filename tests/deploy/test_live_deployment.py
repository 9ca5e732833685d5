"""Live sessions behind the proxies of the deployment files, and their media through its TURN server."""

from __future__ import annotations

import re
import shutil
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from digital_human.triton.embedded.server import TritonServer
from tests.live import free_port
from tests.live_service import Live, eventually
from tests.live_sessions.client import connection, tone

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes" / "live"


class Names(socketserver.BaseRequestHandler):
    """A name server: a name that ends with a number has an address of its own, any other one that of each service."""

    def handle(self) -> None:
        question, socket = self.request
        length, place = question[12], 13
        label = question[place : place + length].decode()
        end = question.index(b"\0", place) + 5
        asked = int.from_bytes(question[end - 4 : end - 2], "big")
        number = re.search(r"-(\d+)$", label)
        hosts = [2 + int(number[1])] if number else [2, 3]
        answers = [b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0" + bytes([host]) for host in hosts] if asked == 1 else []
        counts = b"\0\1" + len(answers).to_bytes(2, "big") + b"\0\0\0\0"
        socket.sendto(question[:2] + b"\x81\x80" + counts + question[12:end] + b"".join(answers), self.client_address)


@contextmanager
def proxy(configuration: Path, folder: Path, upstream: int) -> Iterator[str]:
    """The proxy as it ships, but for its own port, the port of the services, and where it asks for names."""
    port = free_port()
    with socketserver.UDPServer(("127.0.0.1", 0), Names) as names:
        threading.Thread(target=names.serve_forever, daemon=True).start()
        text = configuration.read_text()
        for pattern, replacement in (
            (r"resolver \S+", f"resolver 127.0.0.1:{names.server_address[1]} ipv6=off"),
            (r"listen \d+", f"listen 127.0.0.1:{port}"),
            (r":8308", f":{upstream}"),
        ):
            text, count = re.subn(pattern, replacement, text)
            assert count
        (folder / "site.conf").write_text(text)
        temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi"))
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
            f"http {{ access_log off; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; {temporary} "
            f"include {folder}/site.conf; }}\n"
        )
        command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
        with subprocess.Popen(command) as process:
            try:
                eventually(lambda: _answers(f"http://127.0.0.1:{port}/metrics") or process.poll() is not None)
                assert process.poll() is None, (folder / "error.log").read_text()
                yield f"http://127.0.0.1:{port}"
            finally:
                process.terminate()
                names.shutdown()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 404
    except httpx.TransportError:
        return False


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
@pytest.mark.parametrize(
    ("configuration", "name"),
    [(ROOT / "deploy" / "nginx.conf", "frontend"), (KUBERNETES / "router.conf", "live")],
    ids=["compose", "kubernetes"],
)
def test_a_session_is_reached_on_its_own_service(
    configuration: Path, name: str, own_media: Path, tmp_path_factory: pytest.TempPathFactory, triton: TritonServer
) -> None:
    port = free_port()
    with ExitStack() as stack:
        for k in range(2):
            folder = tmp_path_factory.mktemp("data")
            shutil.copy(own_media / "template.mkv", folder)
            service = Live(
                folder,
                port=port,
                host=f"127.0.0.{2 + k}",
                triton_url=triton.url,
                engine="default",
                live_service=f"{name}-{k}",
                live_idle_seconds=3600,
            )
            service.client = httpx.Client(base_url=f"http://127.0.0.{2 + k}:{port}", timeout=120)
            stack.enter_context(service)
        url = stack.enter_context(proxy(configuration, tmp_path_factory.mktemp("proxy"), port))
        http = stack.enter_context(httpx.Client(base_url=url, timeout=120))
        sessions: dict[str, dict[str, Any]] = {}
        # Which service takes a new session is the proxy's choice; nine of ten runs have both after four.
        for _ in range(30):
            answer = http.post("/live/sessions", json={"video_path": "template.mkv"})
            if answer.status_code == 429:
                continue
            assert answer.status_code == 201, answer.text
            data = answer.json()["data"]
            sessions.setdefault(data["session_id"].partition(".")[2], data)
            if len(sessions) == 2:
                break
        assert set(sessions) == {f"{name}-0", f"{name}-1"}
        for data in sessions.values():
            path = f"/live/sessions/{data['session_id']}"
            for _ in range(3):
                assert http.get(path).json()["data"]["session_id"] == data["session_id"]
            assert data["websocket"].startswith(url.replace("http", "ws"))
            with connection(data) as client:
                client.say(tone(0.3, 16_000))
                client.tell("flush")
                client.until("finished", interrupted=False)
            assert http.post(f"{path}/whep", content="no offer").json()["error"] == "live_offer_invalid"
        # A service is not told by callers where to send requests.
        assert http.get("/live/sessions/5c1d.elsewhere").json()["error"] == "live_session_elsewhere"
        for data in sessions.values():
            assert http.delete(f"/live/sessions/{data['session_id']}").status_code == 200


def _documents() -> list[dict[str, Any]]:
    listed = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    assert set(listed) - {".."} == {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    return [
        document for name in listed if name != ".." for document in yaml.safe_load_all((KUBERNETES / name).read_text())
    ]


def test_kubernetes_names_belong_together() -> None:
    documents = _documents()
    pods = {d["metadata"]["name"]: d["spec"]["template"] for d in documents if d["kind"] != "Service"}
    services = {d["metadata"]["name"]: d["spec"] for d in documents if d["kind"] == "Service"}
    assert set(pods) == set(services) == {"live", "router", "turn"}
    for name, service in services.items():
        assert service["selector"].items() <= pods[name]["metadata"]["labels"].items()
    live = next(d for d in documents if d["kind"] == "StatefulSet")
    assert services[live["spec"]["serviceName"]]["clusterIP"] == "None"
    container = pods["live"]["spec"]["containers"][0]
    environment = {one["name"]: one for one in container["env"]}
    assert environment["LIVE_SERVICE"]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    assert environment["LIVE_ICE_SERVERS"]["value"] == f"turn:$(TURN_USER)@turn:{services['turn']['ports'][0]['port']}"
    # As the frontends, but for what is about sessions.
    frontend = next(
        d for d in yaml.safe_load_all((KUBERNETES.parent / "frontend.yaml").read_text()) if d["kind"] == "Deployment"
    )["spec"]["template"]["spec"]
    for part in ("image", "resources", "volumeMounts", "readinessProbe", "securityContext"):
        assert container[part] == frontend["containers"][0][part], part
    router = (KUBERNETES / "router.conf").read_text()
    assert f"listen {pods['router']['spec']['containers'][0]['ports'][0]['containerPort']};" in router


def test_compose_publishes_the_ports_that_media_leave_from() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.live.yml").read_text())["services"]
    command = services["turn"]["command"]
    lowest, highest = (
        next(c.split("=")[1] for c in command if c.startswith(f"--{end}-port=")) for end in ("min", "max")
    )
    assert services["turn"]["ports"] == [f"{lowest}-{highest}:{lowest}-{highest}/udp"]
    user = next(c.split("=", 1)[1] for c in command if c.startswith("--user="))
    for name in ("frontend", "standalone", "migration"):
        assert services[name]["environment"] == {"LIVE_ICE_SERVERS": f"turn:{user}@turn:3478"}
