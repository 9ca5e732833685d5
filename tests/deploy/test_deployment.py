"""Deployment files are valid, agree with each other, and what can be tried here is tried."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from digital_human.settings import Settings
from digital_human.triton.embedded import install
from tests import live

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ("gpu", "cpu", "migration")


class Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML has no type hints
    """Knows compose's own tags, which say how an overlay is merged."""


for tag in ("!reset", "!override"):
    Loader.add_constructor(tag, lambda loader, node: loader.construct_sequence(node, deep=True))


def load(path: str) -> dict[str, Any]:
    return dict(yaml.load((ROOT / path).read_text(), Loader))


def docker_compose() -> list[str] | None:
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]):
            version = subprocess.run([*command, "version", "--short"], capture_output=True, text=True)
            if version.returncode == 0 and version.stdout.strip().lstrip("v").startswith(("2", "3", "5")):
                return command
    return None


@pytest.mark.parametrize(
    "overlay",
    [[], ["-f", "docker-compose.scale.yml"], ["-f", "docker-compose.live.yml"]],
)
@pytest.mark.parametrize("profile", PROFILES)
def test_compose_accepts_every_profile(profile: str, overlay: list[str]) -> None:
    command = docker_compose()
    if command is None:
        pytest.skip("Docker's compose plugin (version 2 or later) is not installed")
    done = subprocess.run(
        [*command, "-f", "docker-compose.yml", *overlay, "--profile", profile, "config", "--quiet"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr


def test_every_profile_is_a_whole() -> None:
    services = load("docker-compose.yml")["services"]
    members = {p: {name for name, service in services.items() if p in service["profiles"]} for p in PROFILES}
    assert members == {
        "gpu": {"triton", "frontend", "prometheus", "grafana"},
        "cpu": {"standalone", "prometheus", "grafana"},
        "migration": {"triton", "migration", "prometheus", "grafana"},
    }
    for name, service in services.items():
        assert service["restart"] == "unless-stopped", name
        assert not service["image"].endswith(":latest"), name
        needs = set(service.get("depends_on", ()))
        assert all(needs <= members[p] for p in service["profiles"]), name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert not source.startswith("./") or (ROOT / source).exists() or "data" in source, volume


def test_callers_files_lie_in_a_volume_of_the_host() -> None:
    services = load("docker-compose.yml")["services"]
    for name, expected in (("frontend", "/data"), ("standalone", "/data"), ("migration", "/code/data")):
        service = services[name]
        assert service["environment"]["BASE_PATH"] == expected, name
        assert [volume.rsplit(":", 1)[1] for volume in service["volumes"]] == [expected], name


def test_an_embedded_triton_may_run_what_lies_in_tmp() -> None:
    """Docker mounts a tmpfs noexec by default."""
    services = load("docker-compose.yml")["services"]
    assert services["standalone"]["read_only"] and services["standalone"]["tmpfs"] == ["/tmp:exec"]
    assert services["frontend"]["tmpfs"] == ["/tmp"]


def test_the_image_is_healthy_once_jobs_are_taken() -> None:
    command = json.loads(re.search(r"HEALTHCHECK (?:.*\\\n)*\s*CMD (.*)", (ROOT / "Dockerfile").read_text()).group(1))  # type: ignore[union-attr]
    assert command[0] == "python"
    with ThreadingHTTPServer(("127.0.0.1", 0), Starting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {**os.environ, "PORT": str(server.server_address[1])}
        while_starting = subprocess.run([sys.executable, *command[1:]], env=environment, capture_output=True)
        Starting.is_ready = True
        afterwards = subprocess.run([sys.executable, *command[1:]], env=environment, capture_output=True)
        server.shutdown()
    assert while_starting.returncode != 0 and afterwards.returncode == 0, afterwards.stderr


class Starting(BaseHTTPRequestHandler):
    """A service that is alive; `is_ready` says whether Triton is ready as well."""

    is_ready = False

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" or (self.path == "/ready" and self.is_ready) else 503)
        self.end_headers()


@pytest.mark.parametrize("source", re.findall(r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(), re.M))
def test_what_the_image_copies_is_in_the_context(source: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored[0] == "*" and all((ROOT / name).exists() and f"!{name}" in ignored for name in source.split())


def test_triton_is_pinned_watched_and_reads_only() -> None:
    triton = load("docker-compose.yml")["services"]["triton"]
    year, month = re.search(r":-(\d\d)\.(\d\d)-py3\}", triton["image"]).groups()  # type: ignore[union-attr]
    assert (int(year), int(month)) >= (25, 7)
    assert "./model_repository:/models:ro" in triton["volumes"] and triton["shm_size"] == "2g"
    assert triton["deploy"]["resources"]["reservations"]["devices"][0]["capabilities"] == ["gpu"]
    assert triton["healthcheck"]["test"][-1].endswith("/v2/health/ready")
    # Where configs/tensorrt.pbtxt keeps its engines.
    assert "engines:/engines" in triton["volumes"]


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """The repository as a fresh checkout has it: Wav2Lip waits for its weights."""
    folder = tmp_path / "app" / "model_repository"
    shutil.copytree(ROOT / "model_repository", folder, ignore=lambda place, _: ["1"] if "wav2lip" in place else [])
    return folder


def becomes_ready(arguments: list[str], models: Path, folder: Path) -> None:
    """Run the embedded server with these arguments of NVIDIA's image until it says that it is ready."""
    binaries, port = install.find(), live.free_port()
    backends = binaries.prepare(folder, ROOT / "backends" / "onnxruntime")
    given = [re.sub(r"\$\{\w+:-(.*?)\}", r"\1", argument).replace("=/models", f"={models}") for argument in arguments]
    command = [str(binaries.server), *given[1:], f"--backend-directory={backends}", f"--http-port={port}"]
    command += ["--allow-grpc=false", "--allow-metrics=false", "--http-address=127.0.0.1"]
    with live.process(command, folder / "triton.log", binaries.environment(folder)) as server:
        live.wait_for(f"http://127.0.0.1:{port}/v2/health/ready", server, folder / "triton.log")


def test_the_compose_files_triton_starts_with_what_ships(shipped: Path, tmp_path: Path) -> None:
    becomes_ready(load("docker-compose.yml")["services"]["triton"]["command"], shipped, tmp_path)


def test_kubernetes_triton_starts_with_what_ships(shipped: Path, tmp_path: Path) -> None:
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes/triton.yaml").read_text())
    pod = next(one for one in documents if one["kind"] == "Deployment")["spec"]["template"]["spec"]
    models = tmp_path / "models"
    models.mkdir()
    *shell, script = pod["initContainers"][0]["command"]
    script = script.replace("/models/", f"{models}/").replace("/app/", f"{tmp_path}/app/")
    subprocess.run([*shell, script], check=True)
    becomes_ready(pod["containers"][0]["args"], models, tmp_path)


def test_prometheus_asks_for_names_that_exist() -> None:
    services = load("docker-compose.yml")["services"]
    names = set(services)
    for service in services.values():
        names |= set(service.get("networks", {}).get("default", {}).get("aliases", ()))
    for job in load("monitoring/prometheus.yml")["scrape_configs"]:
        assert set(job["dns_sd_configs"][0]["names"]) <= names


def test_environment_names_are_settings() -> None:
    files = ("docker-compose.yml", "docker-compose.scale.yml", "docker-compose.live.yml")
    text = "".join((ROOT / file).read_text() for file in files)
    used = {
        line.split("=")[0] for line in (ROOT / ".env.example").read_text().splitlines() if re.match(r"[A-Z_]+=", line)
    }
    known = {name.upper() for name in Settings.model_fields}
    assert all(name in known or f"${{{name}:-" in text for name in used)
    for compose in files:
        for name, service in load(compose)["services"].items():
            if name in ("frontend", "standalone", "migration"):
                # uvicorn reads the one that is no setting.
                assert set(service.get("environment", {})) <= known | {"FORWARDED_ALLOW_IPS"}, name


def test_kubernetes_manifests_belong_together() -> None:
    folder = ROOT / "deploy" / "kubernetes"
    listed = set(load("deploy/kubernetes/kustomization.yaml")["resources"])
    assert listed == {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    objects = [o for name in listed for o in yaml.safe_load_all((folder / name).read_text())]
    deployments = {o["metadata"]["name"]: o for o in objects if o["kind"] == "Deployment"}
    for one in objects:
        if one["kind"] == "Service":
            labels = deployments[one["metadata"]["name"]]["spec"]["template"]["metadata"]["labels"]
            assert one["spec"]["selector"].items() <= labels.items()
        if one["kind"] == "HorizontalPodAutoscaler":
            assert one["spec"]["scaleTargetRef"]["name"] in deployments
    triton = deployments["triton"]["spec"]["template"]["spec"]["containers"][0]
    assert triton["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    assert triton["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"
    compose = load("docker-compose.yml")["services"]["triton"]["image"]
    assert triton["image"].split(":")[1] in compose


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kustomize_builds() -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", str(ROOT / "deploy" / "kubernetes")],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"},
    )
    assert done.returncode == 0, done.stderr
    assert all(
        one["metadata"].get("namespace", "digital-human") == "digital-human" for one in yaml.safe_load_all(done.stdout)
    )


@pytest.mark.parametrize("script", ["start.sh", "start_with_shm.sh"])
def test_start_scripts_are_sound(script: str) -> None:
    path = ROOT / script
    assert os.access(path, os.X_OK)
    assert subprocess.run(["bash", "-n", str(path)], capture_output=True).returncode == 0


def test_start_script_starts(tmp_path: Path) -> None:
    """With an environment that is set up already; what follows is `digital-human serve` with the arguments given."""
    command = tmp_path / "bin" / "digital-human"
    command.parent.mkdir()
    command.write_text('#!/bin/sh\necho "$@"\n')
    command.chmod(0o755)
    for script, more in (("start.sh", {}), ("start_with_shm.sh", {"SHM_SIZE": "1m"})):
        done = subprocess.run(
            [str(ROOT / script), "--port", "9000"],
            capture_output=True,
            text=True,
            env={**os.environ, "VENV": str(tmp_path), **more},
        )
        assert done.stdout.strip() == "serve --port 9000", done.stderr
