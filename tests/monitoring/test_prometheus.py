"""What `monitoring/` asks of Prometheus is asked of a real one, while the real service does a real job."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from digital_human.triton.embedded.server import TritonServer
from tests import live

MONITORING = live.ROOT / "monitoring"
DASHBOARD = MONITORING / "grafana" / "dashboards" / "digital-human.json"
RULES = yaml.safe_load((MONITORING / "rules.yml").read_text())

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason="Debian's package prometheus is not installed"
)


def panel_queries() -> dict[str, str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "15s")
        for panel in panels
        for target in panel.get("targets", ())
    }


def alert_queries() -> dict[str, str]:
    """The alerts as questions that are always answered: `x > 1` becomes `x > bool 1`, which is 0 or 1."""
    return {
        rule["alert"]: re.sub(r"(==|>|<)\s*(?=[\d.])", r"\1 bool ", rule["expr"])
        for group in RULES["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }


@needs_prometheus
@pytest.mark.parametrize("command", [["check", "config", "prometheus.yml"], ["test", "rules", "rules_test.yml"]])
def test_promtool_is_content(command: list[str]) -> None:
    done = subprocess.run(["promtool", *command], cwd=MONITORING, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_says_what_to_do() -> None:
    alerts = [rule for group in RULES["groups"] for rule in group["rules"] if "alert" in rule]
    assert alerts
    for rule in alerts:
        assert set(rule["annotations"]) == {"summary", "action"} and rule["labels"]["severity"], rule["alert"]


def test_panels_are_complete_and_do_not_overlap() -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not taken & cells and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
        assert panel["type"] == "row" or all(target["expr"] for target in panel["targets"])


def test_grafana_is_provisioned_with_what_the_dashboard_names() -> None:
    provisioning = MONITORING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "digital-human.yml").read_text())["providers"]
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["uid"] and dashboard["title"] and dashboard["schemaVersion"] >= 39
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        for asked in (panel, *panel.get("targets", ())) if panel["type"] != "row" else ():
            assert asked["datasource"] == {"type": source["type"], "uid": source["uid"]}, panel["title"]
    services = yaml.safe_load((live.ROOT / "docker-compose.yml").read_text())["services"]
    mounts = {volume.split(":")[1]: volume.split(":")[0] for volume in services["grafana"]["volumes"]}
    assert mounts[provider["options"]["path"]] == "./monitoring/grafana/dashboards"
    assert mounts["/etc/grafana/provisioning"] == "./monitoring/grafana/provisioning"
    assert source["url"] == "http://prometheus:9090" and "prometheus" in services


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory, triton: TritonServer, address: str) -> Iterator[str]:
    """A Prometheus with our configuration, the targets being local and asked every second."""
    folder = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(MONITORING / "rules.yml")]
    targets = {"frontend": address, "triton": triton.metrics_url}
    for job in config["scrape_configs"]:
        del job["dns_sd_configs"]
        host = httpx.URL(targets[job["job_name"]])
        job["static_configs"] = [{"targets": [f"{host.host}:{host.port}"]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port, log = live.free_port(), folder / "prometheus.log"
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with live.process(command, log, {}) as child:
        live.wait_for(f"http://127.0.0.1:{port}/-/ready", child, log, 30)
        yield f"http://127.0.0.1:{port}"


def ask(prometheus: str, query: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": query}).json()
    assert answer["status"] == "success", f"{query}: {answer}"
    return list(answer["data"]["result"])


@needs_prometheus
def test_every_panel_and_alert_has_data_during_a_job(prometheus: str, address: str) -> None:
    job = {"audio_path": "speech.wav", "video_path": "template.mkv"}
    done = threading.Event()
    codes = []

    def work() -> None:
        while not done.is_set():
            codes.append(
                httpx.post(f"{address}/human/generate", json=job | {"save_path": "o.mp4"}, timeout=120).status_code
            )

    worker = threading.Thread(target=work)
    worker.start()
    try:
        missing = panel_queries() | alert_queries()
        # There is nothing to say of a GPU where there is none: such queries only have to be valid.
        for name in [name for name, query in missing.items() if "nv_gpu" in query]:
            ask(prometheus, missing.pop(name))
        deadline = time.monotonic() + 60
        while missing and time.monotonic() < deadline:
            time.sleep(1)
            missing = {name: query for name, query in missing.items() if not ask(prometheus, query)}
        assert not missing, f"without data: {missing}"
    finally:
        done.set()
        worker.join()
    assert set(codes) == {200}
    assert float(ask(prometheus, "sum(digital_human_frames_total)")[0]["value"][1]) > 0
    assert float(ask(prometheus, 'sum(nv_inference_count{model="mouth_renderer"})')[0]["value"][1]) > 0


@needs_prometheus
def test_targets_are_up_and_rules_healthy(prometheus: str) -> None:
    targets = httpx.get(f"{prometheus}/api/v1/targets").json()["data"]["activeTargets"]
    assert {target["labels"]["job"]: target["health"] for target in targets} == {"frontend": "up", "triton": "up"}
    groups = httpx.get(f"{prometheus}/api/v1/rules").json()["data"]["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}


def test_an_embedded_triton_is_passed_through(triton: TritonServer) -> None:
    import asyncio

    from digital_human.observability.metrics import exposition

    text = bytes(asyncio.run(exposition(triton.metrics_url)).body).decode()
    assert "\ndigital_human_jobs{" in text and "\nnv_inference_count{" in text
    assert "nv_inference" not in bytes(asyncio.run(exposition("http://127.0.0.1:9/metrics")).body).decode()


def test_labels_are_bounded(address: str) -> None:
    for path in ("/one", "/two", "/human/three"):
        httpx.get(address + path)
    httpx.request("BREW", f"{address}/health")
    text = httpx.get(f"{address}/metrics").text
    assert 'route="unmatched"' in text
    assert not any(word in text for word in ("/one", "/two", "three", "BREW"))
