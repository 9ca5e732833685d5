"""Makes the archive that `test_state_of_before` opens: what a service leaves behind that is killed in mid-job.

    git worktree add ../before 59baaaf
    python -m tests.upgrade.make_state --tree ../before tests/upgrade/state-0.1.0.tar.xz

It runs the service of the checkout in --tree, once with SQLite and once with PostgreSQL, through its REST interface
alone, so it can run any version. The archive holds

    sqlite/, postgresql/    the data folders with jobs and stored templates, without compiled networks
    postgresql.sql          the database, as pg_dump writes it
    state.json              for each: where it lay, when it was made, every task by its role as the service answered,
                            the upload's id, modification times in nanoseconds, digests of the results
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import wave
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
import sqlalchemy

from tests import postgresql
from tests.live import ROOT, free_port

SETTINGS = {
    "ENCODER_PRESET": "superfast",
    "SEGMENT_SECONDS": "0.4",
    "HELPERS": "0",
    "RETRIES": "1",
    "CALLBACK_HOSTS": "127.0.0.1",
    "WEBHOOK_SECRET": "whsec_of_before",
}
"""The service after the upgrade is given the same ones."""
CALLBACK = "http://127.0.0.1:9/hook"
"""Nobody listens there yet."""
RECORDED = 3
"""Segments of the running job that are on record when the service is killed."""

Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--tree", type=Path, required=True, help="checkout of the version to run")
    arguments = parser.parse_args()
    if reason := postgresql.missing():
        sys.exit(reason)
    with tempfile.TemporaryDirectory(prefix="digital-human-before-") as name, ExitStack() as stack:
        folder = Path(name)
        state: Json = {}
        for kind in ("sqlite", "postgresql"):
            base = folder / kind
            write_media(base)
            database = stack.enter_context(postgresql.serving()) if kind == "postgresql" else None
            url = database.url if database else f"sqlite:///{base / '.state' / 'queue.sqlite'}"
            state[kind] = leave(arguments.tree.resolve(), base, url)
            if database:
                dump = str(postgresql.binary("pg_dump"))
                sql = subprocess.check_output([dump, "--no-owner", "--no-privileges", database.url], text=True)
                # Known only to the newest versions of psql.
                lines = [line for line in sql.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]
                (folder / "postgresql.sql").write_text("\n".join(lines) + "\n")
        (folder / "state.json").write_text(json.dumps(state, indent=1))
        pack(folder, arguments.archive)


def write_media(base: Path) -> None:
    """A small template, speech, and files that make a job fail."""
    base.mkdir()
    with av.open(str(ROOT / "samples" / "template.mkv")) as source:
        frames = [frame.reformat(360, 288, "yuv420p") for frame in source.decode(video=0)]
    _write_video(base / "template.mp4", frames)
    grey = av.VideoFrame.from_ndarray(np.full((96, 96), 128, np.uint8), format="gray").reformat(format="yuv420p")
    _write_video(base / "nobody.mp4", [grey] * 5)
    for name, seconds in (("speech.wav", 1.0), ("long.wav", 5.0), ("vanishing.wav", 1.0), ("exchanged.wav", 1.0)):
        with wave.open(str(ROOT / "samples" / "speech.wav")) as whole, wave.open(str(base / name), "wb") as part:
            part.setparams(whole.getparams())
            part.writeframes(whole.readframes(int(seconds * whole.getframerate())))
    (base / "noise.wav").write_bytes(b"not a sound at all\n" * 20)


def _write_video(path: Path, frames: list[av.VideoFrame]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "20", "preset": "medium"})
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        for index, frame in enumerate(frames):
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def leave(tree: Path, base: Path, database_url: str) -> Json:
    """Run the service of `tree`, give it jobs, and kill it while it renders one and others wait."""
    packaged = (tree / "frontend" / "digital_human" / "cli.py").exists()
    port = free_port()
    environment = {
        **os.environ,
        **SETTINGS,
        "PYTHONPATH": str(tree / "frontend" if packaged else tree),
        "BASE_PATH": str(base),
        "PORT": str(port),
    }
    if database_url.startswith("postgresql:"):
        environment["DATABASE_URL"] = database_url
    module = "digital_human.cli" if packaged else "frontend.cli"
    with (base.parent / f"{base.name}.log").open("wb") as log:
        service = subprocess.Popen(
            [sys.executable, "-m", module, "serve"], cwd=base, env=environment, stdout=log, stderr=log
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:
            wait_until_ready(client, service)
            left = employ(client, base, database_url)
            service.kill()
    finally:
        service.kill()
        service.wait()
    state = base / ".state"
    results = {"finished": base / "finished.mp4", "kept": state / "results" / f"{left['tasks']['kept']['task_id']}.mp4"}
    files = [path for path in base.rglob("*") if path.is_file() and not path.is_symlink()]
    return left | {
        "base": str(base),
        "made": time.time(),
        "results": {role: hashlib.sha256(path.read_bytes()).hexdigest() for role, path in results.items()},
        "modified": {str(path.relative_to(base)): path.stat().st_mtime_ns for path in files},
    }


def employ(client: httpx.Client, base: Path, database_url: str) -> Json:
    """Jobs in every state. Returns when enough of the one that runs is on record."""
    ids = {
        "finished": submit(client, save_path="finished.mp4", callback_url=CALLBACK),
        "kept": submit(client),
        "NoFace": submit(client, video_path="nobody.mp4", save_path="nobody-speaks.mp4"),
        "BadInput": submit(client, audio_path="noise.wav", save_path="noise.mp4"),
        "TimedOut": submit(client, timeout=0.001, save_path="late.mp4"),
        "NotFound": submit(client, audio_path="vanishing.wav", save_path="vanished.mp4", priority=9),
        "Forbidden": submit(client, audio_path="exchanged.wav", save_path="exchanged.mp4", priority=9),
    }
    easy = {"code": "before", "audio_url": "speech.wav", "video_url": "template.mp4"}
    client.post("/easy/submit", json=easy).raise_for_status()
    (base / "vanishing.wav").unlink()
    (base / "exchanged.wav").unlink()
    (base / "exchanged.wav").symlink_to("speech.wav")
    until_ended(client, list(ids.values()))
    while client.get("/easy/query", params={"code": "before"}).json()["data"]["status"] == 1:
        time.sleep(0.1)
    with (base / "template.mp4").open("rb") as file:
        upload = client.post("/human/uploads", files={"file": file}).raise_for_status().json()["data"]["id"]

    ids["running"] = submit(client, audio_path="long.wav", save_path="running.mp4")
    ids["queued"] = submit(client, save_path="queued.mp4")
    ids["queued with upload"] = submit(client, video_path=upload)
    options = {"mouth_strength": 1.2, "loop": "repeat", "watermark": 1, "digital_auth": 1}
    ids["queued with options"] = submit(client, "a key", audio_path="long.wav", save_path="options.mp4", **options)
    ids["cancelled"] = submit(client, save_path="cancelled.mp4")
    client.delete(f"/human/tasks/{ids['cancelled']}").raise_for_status()
    tasks = {role: task(client, task_id) for role, task_id in ids.items()}
    until_recorded(database_url, ids["running"])
    tasks["running"] = task(client, ids["running"])
    found = {role: view["state"] for role, view in tasks.items()}
    expected = {role: role.split()[0] for role in ("running", "queued", "queued with upload", "queued with options")}
    expected |= {"finished": "succeeded", "kept": "succeeded", "cancelled": "cancelled"}
    assert found == {role: expected.get(role, "failed") for role in ids}, found
    return {"tasks": tasks, "upload": upload, "easy": easy}


def submit(client: httpx.Client, key: str = "", **fields: object) -> str:
    """The new task's id."""
    body = {"audio_path": "speech.wav", "video_path": "template.mp4", "mode": "async"} | fields
    headers = {"Idempotency-Key": key} if key else {}
    answer = client.post("/human/generate", json=body, headers=headers).raise_for_status()
    return str(answer.json()["data"]["task_id"])


def task(client: httpx.Client, task_id: str) -> Json:
    data: Json = client.get(f"/human/tasks/{task_id}").raise_for_status().json()["data"]
    return data


def wait_until_ready(client: httpx.Client, service: subprocess.Popen[bytes]) -> None:
    while True:
        assert service.poll() is None, "the service has ended"
        try:
            if client.get("/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)


def until_ended(client: httpx.Client, ids: list[str]) -> None:
    while any(task(client, task_id)["ended"] is None for task_id in ids):
        time.sleep(0.1)


def until_recorded(database_url: str, task_id: str) -> None:
    """Until the first segments of a job are on record."""
    is_sqlite = database_url.startswith("sqlite:")
    engine = sqlalchemy.create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    table = "operation_outputs" if is_sqlite else "dbos.operation_outputs"
    query = f"SELECT function_name FROM {table} WHERE workflow_uuid = :id"
    wanted = {f"segment {index}" for index in range(RECORDED)}
    try:
        while True:
            with engine.connect() as connection:
                if wanted <= set(connection.execute(sqlalchemy.text(query), {"id": task_id}).scalars()):
                    return
            time.sleep(0.01)
    finally:
        engine.dispose()


def pack(folder: Path, archive: Path) -> None:
    """Without what every start makes again."""
    for kind in ("sqlite", "postgresql"):
        shutil.rmtree(folder / kind / ".state" / "networks", ignore_errors=True)
    with tarfile.open(archive, "w:xz", preset=9) as tar:
        for name in ("state.json", "postgresql.sql", "sqlite", "postgresql"):
            tar.add(folder / name, name)


if __name__ == "__main__":
    main()
