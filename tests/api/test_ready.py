"""When the service takes jobs, and when it says that it makes them."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx

from digital_human.triton.embedded.server import TritonServer
from tests.live import free_port
from tests.live_service import Live, eventually


@contextmanager
def relay(port: int, triton: TritonServer, change: Callable[[bytes], bytes] = bytes) -> Iterator[None]:
    """Triton under another address: there when the block begins, and gone when it ends.

    change: applied to each answer
    """

    class Relay(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            url = f"http://{triton.url}{self.path}"
            answer = httpx.request(self.command, url, content=body, headers=headers, timeout=60, trust_env=False)
            content = change(answer.content)
            self.send_response(answer.status_code)
            for name in ("Content-Type", "Inference-Header-Content-Length"):
                if name in answer.headers:
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Relay)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def is_alive(live: Live) -> bool:
    assert live.process.poll() is None, live.words()
    try:
        return live.client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def test_the_service_waits_for_an_external_triton_and_takes_jobs_meanwhile(
    own_media: Path, triton: TritonServer
) -> None:
    """Kubernetes starts both at once."""
    port = free_port()
    live = Live(own_media, triton_url=f"127.0.0.1:{port}")
    try:
        eventually(lambda: is_alive(live))
        ready = live.client.get("/ready")
        assert ready.status_code == 503 and int(ready.headers["Retry-After"]) > 0
        later = live.submit(save_path="later.mp4").json()["data"]["task_id"]
        answers: list[httpx.Response] = []
        caller = threading.Thread(target=lambda: answers.append(live.submit(mode="sync", save_path="sync.mp4")))
        caller.start()
        live.until(later, "running")
        assert live.task(later)["stage"] is None and not answers
        with relay(port, triton):
            live.wait()
            caller.join()
            assert answers[0].status_code == 200, answers[0].text
            assert live.task(later)["state"] == "succeeded"
        eventually(lambda: live.client.get("/ready").status_code == 503)
    finally:
        live.stop()


def test_the_wait_for_triton_is_bounded(own_media: Path) -> None:
    live = Live(own_media, triton_url=f"127.0.0.1:{free_port()}", triton_wait_seconds=1)
    try:
        eventually(lambda: is_alive(live))
        answer = live.submit(mode="sync", save_path="never.mp4")
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
        assert "no Triton answers" in answer.json()["message"]
        assert live.client.get("/human/tasks").json()["data"]["tasks"][0]["error"]["code"] == 503
        assert not (own_media / "never.mp4").exists()
    finally:
        live.stop()


def test_a_triton_with_other_tensors_is_named_at_the_start(own_media: Path, triton: TritonServer) -> None:
    """To wait for it would be no use."""
    port = free_port()
    with relay(port, triton, lambda body: body.replace(b'"landmarks"', b'"points"')):
        live = Live(own_media, triton_url=f"127.0.0.1:{port}")
        assert live.process.wait(60) != 0
        assert "it has no output 'landmarks'" in live.words()
        live.client.close()


def test_ready_means_that_the_state_folder_is_there_too(own_media: Path, triton: TritonServer) -> None:
    with Live(own_media, triton_url=triton.url) as live:
        state = own_media / ".state"
        state.rename(own_media / "elsewhere")
        assert live.client.get("/ready").status_code == 503
        assert live.client.get("/health").status_code == 200
        (own_media / "elsewhere").rename(state)
        assert live.client.get("/ready").status_code == 200
        shutil.rmtree(state)
        assert live.client.get("/ready").status_code == 503
