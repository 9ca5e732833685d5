"""One line an event; the task's id on each of them, whichever thread writes it."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from digital_human.core.concurrency import prefetch
from digital_human.errors import BadInputError
from digital_human.observability import logs

log = logging.getLogger("tests.logs")
TASK = "3f2a9d10-0000-4000-8000-000000000000"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in root.handlers:
        if handler not in before:
            handler.close()
    root.handlers[:] = before
    root.setLevel(level)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_are_json_where_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    logs.configure("info")
    log.info("before")
    log.debug("not logged")
    with logs.task(TASK):
        log.info("job %s", "finished", extra={"frames": 75, "path": Path("/x")})
        try:
            raise ValueError("broken\nin two lines")
        except ValueError:
            log.exception("went wrong")
    before, finished, wrong = map(json.loads, stream.getvalue().splitlines())
    assert before.keys() == {"time", "level", "logger", "message"}
    assert finished["task_id"] == TASK and finished["frames"] == 75 and finished["path"] == "/x"
    assert finished["message"] == "job finished" and finished["level"] == "info" and finished["time"].endswith("+00:00")
    assert wrong["exception"].endswith("ValueError: broken\nin two lines")


def test_lines_are_readable_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    logs.configure("INFO")
    with logs.task(TASK):
        log.warning("job finished", extra={"frames": 75, "seconds": 1.23456})
    assert stream.getvalue()[9:] == "WARNING 3f2a9d10 job finished  frames=75  seconds=1.23\n"


def test_threads_of_a_job_know_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    logs.configure("INFO")

    def frames() -> Iterator[int]:
        log.info("read")
        yield 1

    with logs.task(TASK):
        assert list(prefetch(prefetch(frames(), 1, "inner"), 1, "outer")) == [1]
    log.info("after")
    assert ["task_id" in json.loads(line) for line in stream.getvalue().splitlines()] == [True, False]


def test_the_file_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 2000)
    logs.configure("INFO", tmp_path / "logs")
    for number in range(200):
        log.info("line", extra={"number": number})
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == [logs.FILE_NAME, *(f"{logs.FILE_NAME}.{k}" for k in range(1, 6))]
    assert json.loads(files[0].read_text().splitlines()[-1])["number"] == 199


def test_a_name_cannot_forge_a_line_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    logs.configure("INFO")
    name = "a\n12:00:00 ERROR forged\x1b[2J\u202e嘴\udcff"
    log.info("read %s", name, extra={"path": name})
    (line,) = stream.getvalue().splitlines()
    assert "\x1b" not in line and "\u202e" not in line and "嘴" in line
    assert line.count(r"a\n12:00:00 ERROR forged\x1b[2J\u202e") == 2


def test_a_name_cannot_forge_a_line_of_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    logs.configure("INFO")
    log.info("read %s", "a\n{}\udcff")
    assert json.loads(stream.getvalue())["message"] == "read a\n{}\udcff"


def test_the_queues_library_repeats_no_expected_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    logs.configure("INFO")
    library = logging.getLogger("dbos")
    library.error("in a workflow", exc_info=BadInputError("video_path: no face"))
    library.error("in a workflow", exc_info=RuntimeError("unexpected"))
    (line,) = stream.getvalue().splitlines()
    assert "unexpected" in json.loads(line)["exception"]
