"""The embedded server: serves, batches, comes back when killed, and never outlives the service."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from digital_human.errors import UnavailableError
from digital_human.triton import kserve
from digital_human.triton.client import TritonModels
from digital_human.triton.embedded import health, install, server
from digital_human.triton.embedded.server import TritonServer
from digital_human.triton.schema import check
from tests.live_service import eventually

ROOT = Path(__file__).resolve().parents[2]


def metric(triton: TritonServer, name: str, model: str) -> float:
    text = urllib.request.urlopen(triton.metrics_url).read().decode()
    return sum(float(value) for value in re.findall(rf'^{name}{{[^}}]*model="{model}"[^}}]*}} (\S+)', text, re.M))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def descendants(pid: int) -> set[int]:
    children = {
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    }
    return children.union(*(descendants(child) for child in children))


def test_single_requests_that_wait_together_run_as_a_batch(triton: TritonServer, models: TritonModels) -> None:
    def counts() -> NDArray[np.float64]:
        return np.array([metric(triton, f"nv_inference_{name}", "face_detector") for name in ("count", "exec_count")])

    def since(before: NDArray[np.float64], inferences: int) -> NDArray[np.float64]:
        """The growth of both, once Triton has counted that many: it counts a request after it has answered it."""
        deadline = time.monotonic() + 30
        while (growth := counts() - before)[0] < inferences and time.monotonic() < deadline:
            time.sleep(0.05)
        return growth

    def ask(size: int) -> int:
        return len(models.infer("face_detector", {"image": np.zeros((size, 192, 192, 3), np.uint8)})["scores"])

    with ThreadPoolExecutor(20) as pool:
        before = counts()
        list(pool.map(ask, [1] * 20))
        since(before, 20)
        before = counts()
        # The network is busy with full batches while the single requests arrive.
        full = [pool.submit(ask, 32) for _ in range(4)]
        time.sleep(0.05)
        assert list(pool.map(ask, [1] * 16)) == [1] * 16
        assert [answer.result() for answer in full] == [32] * 4
    inferences, executions = since(before, 4 * 32 + 16)
    assert inferences >= 4 * 32 + 16
    # Each full batch is one execution. An earlier test's request that was counted late adds to both numbers alike.
    assert inferences - executions >= 4 * 31 + 8


def test_everything_is_bound_to_the_loopback_interface(triton: TritonServer) -> None:
    listening = set()
    for pid in descendants(os.getpid()):
        inodes, descriptors = set(), []
        with suppress(FileNotFoundError):  # the process has ended meanwhile
            descriptors = list(Path(f"/proc/{pid}/fd").iterdir())
        for descriptor in descriptors:
            with suppress(FileNotFoundError):  # closed meanwhile
                match = re.match(r"socket:\[(\d+)\]", os.readlink(descriptor))
                inodes |= {match[1]} if match else set()
        for family in ("tcp", "tcp6") if inodes else ():
            for row in Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
                fields = row.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    listening.add(fields[1].split(":")[0])
    # 127.0.0.1, and for gRPC the same address as IPv6 writes it.
    assert listening == {"0100007F", "0000000000000000FFFF00000100007F"}


def test_a_network_can_be_unloaded_and_loaded_and_the_log_tells(
    triton: TritonServer, caplog: pytest.LogCaptureFixture
) -> None:
    restarts = triton.restarts
    with caplog.at_level(logging.INFO, "triton"):
        for step in ("unload", "load"):
            status, _ = kserve.call(triton.url, f"v2/repository/models/face_detector/{step}", method="POST", timeout=60)
            assert status == 200
            # Longer than the supervisor looks away.
            time.sleep(1.2)
    assert triton.restarts == restarts
    check(triton.url, ["face_detector"])
    assert any("successfully unloaded 'face_detector'" in record.message for record in caplog.records)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """A server of one network, to be killed."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "face_mesh").symlink_to(ROOT / "model_repository" / "face_mesh")
    with TritonServer(folder) as server:
        server.ready()
        yield server


def ask(server: TritonServer) -> bool:
    answer = TritonModels(server.url).infer("face_mesh", {"face": np.zeros((2, 192, 192, 3), np.uint8)})
    return answer["score"].shape == (2, 1)


def test_a_killed_server_comes_back_on_the_same_port_and_requests_wait_for_it(small: TritonServer) -> None:
    small.ready()
    url, pid, restarts = small.url, small.pid, small.restarts
    assert pid
    stubs = descendants(pid)
    assert stubs
    os.kill(pid, signal.SIGKILL)
    assert ask(small)
    small.ready()
    assert (small.url, small.restarts) == (url, restarts + 1)
    assert small.pid != pid
    eventually(lambda: not any(map(alive, (pid, *stubs))))


def test_a_killed_model_process_is_replaced(small: TritonServer) -> None:
    small.ready()
    assert small.pid
    [stub] = descendants(small.pid)
    os.kill(stub, signal.SIGKILL)
    assert ask(small)


def test_a_network_that_hangs_is_found(small: TritonServer) -> None:
    small.ready()
    assert small.pid
    pending = health.probe_requests(small.url, ["face_mesh"])
    assert health.first_unresponsive(small.url, pending, 30) is None
    [stub] = descendants(small.pid)
    os.kill(stub, signal.SIGSTOP)
    try:
        assert health.first_unresponsive(small.url, pending, 0.5) == "face_mesh"
    finally:
        os.kill(stub, signal.SIGCONT)


def test_on_a_gpu_the_look_is_a_full_batch(triton: TritonServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real configurations, of which only the kind is another."""
    names = ["face_mesh", "speech_to_lips"]

    def shapes() -> list[list[int]]:
        found = health.probe_requests(triton.url, names)
        assert health.first_unresponsive(triton.url, found, 30) is None
        return [json.loads(found[name].header)["inputs"][0]["shape"] for name in names]

    assert shapes() == [[1, 192, 192, 3], [1, 160000]]
    real = kserve.call

    def with_card(url: str, path: str) -> tuple[int, dict[str, object]]:
        status, config = real(url, path)
        return status, {**config, "instance_group": [{"kind": "KIND_GPU"}]}

    monkeypatch.setattr(kserve, "call", with_card)
    assert shapes() == [[32, 192, 192, 3], [1, 160000]]


SERVICE = """
import json, sys, time
from pathlib import Path
from digital_human.triton.embedded.server import TritonServer
server = TritonServer(Path(sys.argv[1]))
server.start()
server.ready()
print(json.dumps([server.pid, server._child.shm_prefix]), flush=True)
time.sleep(600)
"""


@pytest.fixture
def small_repository(tmp_path: Path) -> Path:
    (tmp_path / "face_mesh").symlink_to(ROOT / "model_repository" / "face_mesh")
    return tmp_path


@pytest.mark.parametrize("victim", ["service", "guard"])
def test_nothing_is_left_after_sigkill(small_repository: Path, victim: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SERVICE, small_repository], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as service:
        assert service.stdout
        pid, shm_prefix = json.loads(service.stdout.readline())
        family = descendants(service.pid)
        folders = [part for part in Path(f"/proc/{pid}/cmdline").read_text().split("\0") if "backend-directory" in part]
        folder = Path(folders[0].split("=")[1]).parent
        assert pid in family and len(family) == 3 and folder.exists()
        if victim == "guard":
            # The kernel ends the server, its model processes follow, and the service cleans up.
            guard = next(p for p in family if b"guard.py" in Path(f"/proc/{p}/cmdline").read_bytes())
            os.kill(guard, signal.SIGKILL)
            eventually(lambda: not any(map(alive, family)) and not folder.exists())
        service.kill()
        service.wait()
    eventually(lambda: not any(map(alive, family)) and not folder.exists())
    assert not list(Path("/dev/shm").glob(f"{shm_prefix}*"))


def test_a_network_that_cannot_load_is_named(small_repository: Path) -> None:
    broken = small_repository / "broken"
    (broken / "1").mkdir(parents=True)
    (broken / "1" / "model.onnx").write_bytes(b"no onnx")
    config = (ROOT / "model_repository" / "face_mesh" / "config.pbtxt").read_text()
    (broken / "config.pbtxt").write_text(config.replace('name: "face_mesh"', 'name: "broken"'))
    (small_repository / "face_mesh").unlink()
    with TritonServer(small_repository) as server, pytest.raises(UnavailableError, match="cannot load broken"):
        server.ready(60)


def test_only_the_networks_asked_for_are_loaded() -> None:
    with TritonServer(loads=("face_detector",), needed=("face_detector",)) as triton:
        triton.ready()
        states = kserve.index(triton.url)
    assert {name for name, (state, _) in states.items() if state == "READY"} == {"face_detector"}


def test_networks_are_kept_compiled(tmp_path: Path) -> None:
    kept = tmp_path / "networks"
    with TritonServer(loads=("face_detector",), needed=("face_detector",), compiled=kept) as triton:
        triton.ready()
    assert [file.suffix for file in kept.iterdir()] == [".blob"]


def test_a_port_that_is_taken_is_an_error_at_once(small_repository: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"port {port} on 127.0.0.1 is taken"):
            TritonServer(small_repository, http_port=port).start()


def test_a_python_without_shared_library_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "LIBPYTHON", "libpython9.9.so.1.0")
    with pytest.raises(UnavailableError, match=r"no shared library libpython9\.9\.so\.1\.0; use a Python"):
        TritonServer().start()
    assert [check.name for check in install.checks() if not check.ok] == ["libpython"]


def test_a_temporary_folder_mounted_noexec_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As containers have it by default; the server would start, and never load a network."""
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_NOEXEC))
    with pytest.raises(UnavailableError, match=r"is mounted noexec; mount it exec .* or set TMPDIR"):
        TritonServer().start()


def test_a_server_that_keeps_dying_is_given_up(small_repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FIRST_DELAY", 0.01)
    monkeypatch.setattr(install.Runtime, "command", lambda *_: ["/bin/sh", "-c", "exit 3"])
    with TritonServer(small_repository) as dying, pytest.raises(UnavailableError, match="ended with status 3"):
        dying.ready(30)
