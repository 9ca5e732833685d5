"""The client against the embedded server."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import numpy.typing as npt
import pytest

from digital_human.errors import ServiceError, UnavailableError
from digital_human.triton import schema
from digital_human.triton.client import BatchLimits, TritonModels, batch_limits
from digital_human.triton.embedded.server import TritonServer
from digital_human.triton.schema import CONTRACTS, Contract, Tensor, check

ROOT = Path(__file__).resolve().parents[2]


def noise(count: int) -> npt.NDArray[Any]:
    return np.random.default_rng(1).integers(0, 256, (count, 192, 192, 3), np.uint8)


def test_a_batch_larger_than_the_network_takes_is_split(models: TritonModels) -> None:
    images = noise(40)
    answer = models.infer("face_mesh", {"face": images})
    assert answer["landmarks"].shape == (40, 468, 3)
    last = models.infer("face_mesh", {"face": images[39:]})
    assert np.abs(answer["landmarks"][39] - last["landmarks"][0]).max() < 0.01


def executed(triton: TritonServer, model: str) -> dict[int, int]:
    """Executions by the size of their batch, since the server started."""
    (stats,) = httpx.get(f"http://{triton.url}/v2/models/{model}/stats").json()["model_stats"]
    return {int(each["batch_size"]): int(each["compute_infer"]["count"]) for each in stats["batch_stats"]}


def test_on_a_gpu_batches_are_sent_full(triton: TritonServer) -> None:
    """The real server, which only says that it has a GPU: what it is sent and what comes back are the same with one."""
    images, plain = noise(37), TritonModels(triton.url)
    on_gpu = TritonModels(triton.url)
    on_gpu._limits["face_mesh"] = BatchLimits(32, padded=True)
    before = executed(triton, "face_mesh")
    answers = {size: on_gpu.infer("face_mesh", {"face": images[:size]}) for size in (1, 13, 32, 37)}
    grown = {size: count - before.get(size, 0) for size, count in executed(triton, "face_mesh").items()}
    assert {size: count for size, count in grown.items() if count} == {32: 5}
    wanted = plain.infer("face_mesh", {"face": images})
    for size, answer in answers.items():
        assert answer["landmarks"].shape == (size, 468, 3) and answer["score"].shape == (size, 1)
        assert np.abs(answer["landmarks"].astype(float) - wanted["landmarks"][:size].astype(float)).max() < 0.01


def test_a_network_with_free_axes_or_on_a_cpu_gets_batches_as_they_are(models: TritonModels) -> None:
    mesh, renderer = (models._config(name) for name in ("face_mesh", "mouth_renderer"))
    assert batch_limits(mesh) == batch_limits(renderer) == BatchLimits(32, padded=False)
    for config in (mesh, renderer):
        config["instance_group"][0]["kind"] = "KIND_GPU"
    assert batch_limits(mesh) == BatchLimits(32, padded=True)
    assert batch_limits(renderer) == BatchLimits(32, padded=False)


def test_only_the_outputs_asked_for_come(models: TritonModels) -> None:
    assert set(models.infer("face_detector", {"image": noise(1)}, ["scores"])) == {"scores"}
    assert set(models.infer("face_detector", {"image": noise(1)})) == {"boxes", "keypoints", "scores"}


@pytest.mark.parametrize("wrong", [np.zeros((1, 64, 64, 3), np.uint8), np.zeros((1, 192, 192, 3), np.float32)])
def test_wrong_tensors_are_an_error_that_says_so(models: TritonModels, wrong: npt.NDArray[Any]) -> None:
    with pytest.raises(ServiceError, match="face") as caught:
        models.infer("face_mesh", {"face": wrong})
    assert not isinstance(caught.value, UnavailableError)
    assert models.infer("face_mesh", {"face": noise(1)})["score"].shape == (1, 1)


def test_a_server_that_is_not_there_is_unavailable_after_the_time_allowed() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(UnavailableError, match="does not answer"):
            TritonModels(f"127.0.0.1:{port}", patience=0.5).infer("face_mesh", {"face": noise(1)})


class Ending(BaseHTTPRequestHandler):
    """A server that answers one of its requests without outputs, as one that ends may do. It takes shared memory."""

    protocol_version = "HTTP/1.1"
    requests = forgets = 0

    def do_GET(self) -> None:
        regions = "systemsharedmemory" in self.path
        self._answer([] if regions else {"max_batch_size": 4, "input": [{"dims": ["-1"]}]})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if "systemsharedmemory" in self.path:
            self._answer({})
            return
        Ending.requests += 1
        output = {"name": "sum", "datatype": "FP32", "shape": [1, 1], "data": [5.0]}
        self._answer({"model_name": "one", "outputs": [output] if Ending.requests != Ending.forgets else []})

    def _answer(self, fields: dict[str, Any] | list[Any]) -> None:
        body = json.dumps(fields).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.parametrize("forgets", [1, 2], ids=["over the socket", "through shared memory"])
def test_an_answer_without_its_outputs_is_asked_for_again(forgets: int) -> None:
    Ending.requests, Ending.forgets = 0, forgets
    numbers = np.ones((1, 100_000), np.float32)
    with ThreadingHTTPServer(("127.0.0.1", 0), Ending) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        models = TritonModels(f"127.0.0.1:{server.server_address[1]}")
        answers = [models.infer("one", {"numbers": numbers}, ("sum",)) for _ in range(forgets)]
        models.close()
        server.shutdown()
    assert [answer["sum"].tolist() for answer in answers] == [[[5.0]]] * forgets
    assert Ending.requests == forgets + 1


def test_a_network_that_is_not_served_is_unavailable(triton: TritonServer) -> None:
    with pytest.raises(UnavailableError, match="no_such_network"):
        TritonModels(triton.url, patience=0.3).infer("no_such_network", {"face": noise(1)})


def test_the_scheme_may_be_given(triton: TritonServer) -> None:
    assert TritonModels(f"http://{triton.url}/").infer("face_mesh", {"face": noise(1)})["score"].shape == (1, 1)
    check(f"http://{triton.url}", ["face_mesh"])


def test_the_server_fits_every_contract(triton: TritonServer) -> None:
    check(triton.url, list(CONTRACTS))


def test_a_missing_network_is_named(triton: TritonServer) -> None:
    with pytest.raises(UnavailableError, match="no_such_network is not served"):
        check(triton.url, ["face_mesh", "no_such_network"])


def test_other_tensors_are_named(triton: TritonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = Contract({"face": Tensor("FP32", (256, 256, 3))}, {"points": Tensor("FP32", (478, 3))})
    monkeypatch.setitem(schema.CONTRACTS, "face_mesh", wanted)
    with pytest.raises(UnavailableError) as caught:
        check(triton.url, ["face_mesh"])
    assert "input 'face' is UINT8 [-1, 192, 192, 3], expected FP32 [-1, 256, 256, 3]" in str(caught.value)
    assert "no output 'points'" in str(caught.value)


def test_no_server_at_the_address_is_said_so() -> None:
    with pytest.raises(UnavailableError, match="no Triton answers at"):
        check("127.0.0.1:9", ["face_mesh"])


def test_the_direct_example_runs(triton: TritonServer, samples: Path) -> None:
    script = ROOT / "examples" / "direct_tritonclient.py"
    command = [sys.executable, str(script), str(samples / "template.mkv"), "--url", triton.url]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stderr
    assert "8 frames" in done.stdout
