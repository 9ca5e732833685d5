"""A built wheel, installed in a new environment and used in an empty folder, does what a checkout does."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import av
import httpx
import pytest

from tests.live import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


def build(source: Path, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("server"))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a new environment with the wheel; what the wheel depends on is borrowed from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    packages = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    # Files of path configuration are not followed from there, so the checkout itself stays out of sight.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = [sys.executable, "-m", "pip", "--python", str(folder), "install", "-q", "--no-deps", str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    return folder / "bin"


@pytest.fixture
def clean() -> dict[str, str]:
    """The variables of somebody who knows nothing of the checkout."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MODEL_REPOSITORY")}


def run(environment: Path, folder: Path, variables: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(environment / "digital-human"), *words]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300)


def test_it_holds_every_file_of_the_models_that_ship_and_no_other(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "model_repository", "backends"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    prefixes = ("digital_human/model_repository/", "digital_human/backends/")
    packed = {name.removeprefix("digital_human/") for name in names if name.startswith(prefixes)}
    assert {name for name in packed if "__pycache__" not in name} == set(listed.stdout.split())
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"digital_human"}


def test_it_says_its_version(environment: Path, tmp_path: Path, clean: dict[str, str], wheel: Path) -> None:
    ran = run(environment, tmp_path, clean, "--version")
    assert ran.stdout.split() == ["digital-human", wheel.name.split("-")[1]]
    assert list(tmp_path.iterdir()) == []


def test_doctor_finds_nothing_missing(environment: Path, tmp_path: Path, clean: dict[str, str]) -> None:
    ran = run(environment, tmp_path, {**clean, "PORT": str(free_port())}, "doctor")
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_it_makes_a_video(environment: Path, tmp_path: Path, clean: dict[str, str], samples: Path, voice: Path) -> None:
    ran = run(
        *(environment, tmp_path, clean, "generate"),
        *("--audio", str(voice), "--video", str(samples / "template.mkv"), "--output", "out.mp4"),
    )
    assert ran.returncode == 0, ran.stderr
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 40


@pytest.fixture
def service(environment: Path, tmp_path: Path, clean: dict[str, str]) -> Iterator[str]:
    port = free_port()
    url, log = f"http://127.0.0.1:{port}", tmp_path.with_suffix(".log")
    command = [str(environment / "digital-human"), "serve", "--port", str(port)]
    with log.open("wb") as lines:
        child = subprocess.Popen(command, cwd=tmp_path, env=clean, stdout=lines, stderr=lines)
    try:
        wait_for(f"{url}/ready", child, log)
        yield url
    finally:
        child.terminate()
        child.wait(60)


def test_it_serves(service: str, samples: Path, voice: Path) -> None:
    with httpx.Client(base_url=service, timeout=120) as client:
        ids = [
            client.post("/human/uploads", files={"file": (path.name, path.read_bytes())}).json()["data"]["id"]
            for path in (samples / "template.mkv", voice)
        ]
        answer = client.post("/human/generate", json={"video_path": ids[0], "audio_path": ids[1]})
        assert answer.status_code == 200, answer.text
        assert client.get("/").status_code == 200


def test_the_client_is_a_package_of_its_own(tmp_path: Path, clean: dict[str, str], wheel: Path) -> None:
    client = build(ROOT / "clients" / "python", tmp_path)
    with zipfile.ZipFile(client) as archive, zipfile.ZipFile(wheel) as server:
        names = {name for name in archive.namelist() if ".dist-info" not in name}
        parts = {path.name for path in (ROOT / "frontend" / "digital_human" / "client").glob("*.py")}
        assert names == {f"digital_human_client/{name}" for name in parts | {"live.py", "py.typed"}}
        assert names.isdisjoint(server.namelist())
        archive.extractall(tmp_path / "site")
    code = "import sys, digital_human_client as c; print(c.Client.__name__, 'digital_human' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={**clean, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout.split() == ["Client", "False"]
