"""What a service of version 0.1.0 left behind when it was killed at work goes on in today's.

`state-0.1.0.tar.xz` holds its data folder and its database, once SQLite and once PostgreSQL; `make_state` made them.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import sqlalchemy

from digital_human.triton.embedded.server import TritonServer
from tests import postgresql
from tests.live_service import Live, eventually
from tests.upgrade.make_state import CALLBACK, RECORDED, SETTINGS

ARCHIVE = Path(__file__).with_name("state-0.1.0.tar.xz")
Frames = list[np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Upgraded:
    """Today's service on the data of before.

    before:   what `state.json` says of it
    segments: frames of the running job that are on record, in the order in which they lie there now
    called:   ids of webhooks that came
    """

    live: Live
    before: dict[str, Any]
    segments: Frames
    called: list[str]

    def task_id(self, role: str) -> str:
        return str(self.before["tasks"][role]["task_id"])

    def result(self, role: str) -> bytes:
        answer = self.live.client.get(f"/human/tasks/{self.task_id(role)}/result")
        assert answer.status_code == 200, answer.text
        return answer.content


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def upgraded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, triton: TritonServer
) -> Iterator[Upgraded]:
    kind = str(request.param)
    folder = tmp_path_factory.mktemp("upgrade")
    with tarfile.open(ARCHIVE) as tar:
        tar.extractall(folder, filter="data")
    before = json.loads((folder / "state.json").read_text())[kind]
    base = folder / kind
    with ExitStack() as stack:
        settings: dict[str, Any] = {"engine": "default", "engine_modules": "", "triton_url": triton.url, **SETTINGS}
        url = f"sqlite:///{base / '.state' / 'queue.sqlite'}"
        if kind == "postgresql":
            if reason := postgresql.missing():
                pytest.skip(reason)
            settings["database_url"] = stack.enter_context(postgresql.serving()).url
            url = str(settings["database_url"]).replace("postgresql:", "postgresql+psycopg:")
            psql = [str(postgresql.binary("psql")), "-q", "-v", "ON_ERROR_STOP=1", "-f", str(folder / "postgresql.sql")]
            subprocess.run([*psql, str(settings["database_url"])], check=True, stdout=subprocess.DEVNULL)
        called: list[str] = []
        hook = stack.enter_context(receiving(called))
        age(base, before)
        move(url, {before["base"]: str(base), CALLBACK: hook}, time.time() - before["made"])
        segments = exchange_segments(base / ".state" / "jobs" / before["tasks"]["running"]["task_id"])
        live = stack.enter_context(Live(base, **settings))
        yield Upgraded(live, before, segments, called)


@contextmanager
def receiving(called: list[str]) -> Iterator[str]:
    """The address of a receiver of webhooks, which adds their ids to `called`."""

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            called.append(str(self.headers["webhook-id"]))
            self.send_response(204)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Hook) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{receiver.server_port}/hook"
        receiver.shutdown()


def age(base: Path, before: dict[str, Any]) -> None:
    """Inputs are as old as they were, to the nanosecond; what the service keeps for a day was made just now."""
    for name, modified in before["modified"].items():
        path = base / name
        if path.exists() and not name.startswith(".state/"):
            os.utime(path, ns=(modified, modified))
    for path in (base / ".state").rglob("*"):
        os.utime(path)


def move(url: str, names: dict[str, str], seconds: float) -> None:
    """In every text of the database, put new names for old ones; and make everything happen so much later."""
    engine = sqlalchemy.create_engine(url)
    schema = None if engine.dialect.name == "sqlite" else "dbos"
    metadata = sqlalchemy.MetaData(schema=schema)
    metadata.reflect(engine)
    with engine.begin() as connection:
        for table in metadata.tables.values():
            for column in table.columns:
                if isinstance(column.type, sqlalchemy.Text | sqlalchemy.String):
                    for old, new in names.items():
                        replaced = sqlalchemy.func.replace(column, old, new)
                        connection.execute(table.update().values({column: replaced}).where(column.contains(old)))
                elif column.name.endswith(("_at", "_epoch_ms", "_timestamp")):
                    shifted = column + round(seconds * 1000)
                    connection.execute(table.update().values({column: shifted}))
        # When a job began is the outcome of its first step.
        steps = next(table for table in metadata.tables.values() if table.name == "operation_outputs")
        begun = steps.c.function_name == "begin"
        rows = connection.execute(sqlalchemy.select(steps.c.workflow_uuid, steps.c.output).where(begun)).all()
        for workflow, output in rows:
            later = {steps.c.output: json.dumps(json.loads(output) + seconds)}
            connection.execute(steps.update().values(later).where(begun, steps.c.workflow_uuid == workflow))
    engine.dispose()


def exchange_segments(folder: Path) -> Frames:
    """Swap the first two segments on record: a service that joins what it finds shows them in this order."""
    first, second = (folder / f"segment-{index:05d}.mp4" for index in range(2))
    first.rename(folder / "aside")
    second.rename(first)
    (folder / "aside").rename(second)
    return [frame for index in range(RECORDED) for frame in frames_of(folder / f"segment-{index:05d}.mp4")]


def frames_of(path: Path) -> Frames:
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def test_ended_tasks_answer_as_before(upgraded: Upgraded) -> None:
    compared = []
    for role, view in upgraded.before["tasks"].items():
        if view["state"] in ("succeeded", "failed", "cancelled"):
            now = upgraded.live.task(view["task_id"])
            if view["error"] is not None:
                assert now["error"].pop("error"), "today's errors have a name as well"
            moments = {name for name in ("created", "started", "ended") if view["state"] != "succeeded"} | {"created"}
            compared.append(role)
            assert {name: now[name] for name in view.keys() - moments} == {
                name: value for name, value in view.items() if name not in moments
            }, role
    assert sorted(compared) == sorted(
        ["finished", "kept", "NoFace", "BadInput", "TimedOut", "NotFound", "Forbidden", "cancelled"]
    )


def test_failures_keep_their_codes(upgraded: Upgraded) -> None:
    codes = {"NoFace": 400, "BadInput": 400, "TimedOut": 504, "NotFound": 404, "Forbidden": 403}
    found = {role: upgraded.live.task(upgraded.task_id(role))["error"]["code"] for role in codes}
    assert found == codes


def test_results_of_before_are_served(upgraded: Upgraded) -> None:
    for role, digest in upgraded.before["results"].items():
        assert hashlib.sha256(upgraded.result(role)).hexdigest() == digest, role


def test_the_running_job_goes_on_behind_what_is_on_record(upgraded: Upgraded) -> None:
    task = upgraded.live.until(upgraded.task_id("running"), "succeeded", seconds=120)
    assert task["result"]["frames"] == 125 and task["result"]["template_cached"] is True
    frames = frames_of(upgraded.live.base / "running.mp4")
    assert len(frames) == 125
    joined = zip(frames[: len(upgraded.segments)], upgraded.segments, strict=True)
    assert all(np.array_equal(shown, recorded) for shown, recorded in joined), "segments on record were drawn again"


@pytest.mark.parametrize(("role", "frames"), [("queued", 25), ("queued with upload", 25), ("queued with options", 125)])
def test_queued_jobs_finish(upgraded: Upgraded, role: str, frames: int) -> None:
    task = upgraded.live.until(upgraded.task_id(role), "succeeded", seconds=120)
    assert task["result"]["frames"] == frames
    before = upgraded.before["tasks"][role]
    kept = ("mouth_strength", "loop", "audio_path", "video_path", "save_path")
    assert {name: task[name] for name in kept} == {name: before[name] for name in kept}
    assert upgraded.result(role)


def test_the_template_of_before_stays_beside_the_one_that_later_versions_prepare(upgraded: Upgraded) -> None:
    """Later versions look for what covers the face, so that they study a template once more."""
    upgraded.live.until(upgraded.task_id("queued"), "succeeded", seconds=120)
    store = upgraded.live.base / ".state" / "templates"
    stored = {name.split("/")[2] for name in upgraded.before["modified"] if name.startswith(".state/templates/")}
    entries = {entry.name for entry in store.iterdir()}
    assert stored and stored < entries
    assert all((store / name / "index.json").is_file() for name in entries)


def test_an_upload_of_before_serves_a_new_job(upgraded: Upgraded) -> None:
    answer = upgraded.live.submit(video_path=upgraded.before["upload"], save_path="new.mp4")
    assert answer.status_code == 202, answer.text
    task = upgraded.live.until(answer.json()["data"]["task_id"], "succeeded", seconds=120)
    assert task["result"]["template_cached"] is True


def test_an_idempotency_key_of_before_is_the_same_task(upgraded: Upgraded) -> None:
    options: dict[str, Any] = {"mouth_strength": 1.2, "loop": "repeat", "watermark": 1, "digital_auth": 1}
    request = {"audio_path": "long.wav", "video_path": "template.mp4", "save_path": "options.mp4", **options}
    answer = upgraded.live.submit(headers={"Idempotency-Key": "a key"}, **request)
    assert answer.status_code == 202, answer.text
    assert answer.json()["data"]["task_id"] == upgraded.task_id("queued with options")


def test_clients_of_heygem_find_their_job(upgraded: Upgraded) -> None:
    found = upgraded.live.client.get("/easy/query", params={"code": "before"}).json()
    assert (found["code"], found["data"]["status"], found["data"]["result"]) == (10000, 2, "/before-r.mp4")
    again = upgraded.live.client.post("/easy/submit", json=upgraded.before["easy"]).json()
    assert again["code"] == 10000, again


def test_a_webhook_that_was_not_delivered_comes(upgraded: Upgraded) -> None:
    eventually(lambda: upgraded.called)
    assert upgraded.called == [upgraded.task_id("finished")]
