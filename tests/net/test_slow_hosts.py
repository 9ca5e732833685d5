"""A call to another host ends at its deadline, or when nobody wants it any more, whatever that host does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from digital_human.errors import BadInputError, JobCancelledError
from digital_human.files.downloads import fetch
from digital_human.net import webhooks
from digital_human.settings import Settings
from tests.slow_host import SlowHost, slow_host


@pytest.fixture
def host() -> Iterator[SlowHost]:
    with slow_host() as host:
        yield host


def settings(base: Path, **fields: object) -> Settings:
    allowed = {"url_hosts": "127.0.0.1,slow.example", "callback_hosts": "127.0.0.1", "webhook_secret": "secret"}
    return Settings.model_validate({"base_path": base, **allowed, **fields})


@pytest.mark.parametrize("path", ["/head", "/body"])
def test_a_fetch_ends_at_its_deadline(tmp_path: Path, host: SlowHost, path: str) -> None:
    with pytest.raises(BadInputError, match=r"audio_path: fetching it took longer than 0\.5 s"):
        fetch(host.url + path, tmp_path / "a", "audio_path", settings(tmp_path, fetch_seconds=0.5), lambda: None)
    assert host.left.wait(60) and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", ["/head", "/body"])
def test_a_fetch_ends_when_nobody_wants_it(tmp_path: Path, host: SlowHost, path: str) -> None:
    def check() -> None:
        if host.reached.is_set():
            raise JobCancelledError("the job was cancelled")

    with pytest.raises(JobCancelledError):
        fetch(host.url + path, tmp_path / "a", "audio_path", settings(tmp_path), check)
    assert host.left.wait(60) and list(tmp_path.iterdir()) == []


def test_a_name_server_that_does_not_answer_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = threading.Event()

    def resolve(*_: object, **__: object) -> list[object]:
        answer.wait()
        return []

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", resolve)
        with pytest.raises(BadInputError, match="took longer"):
            fetch(
                "http://slow.example/a",
                tmp_path / "a",
                "audio_path",
                settings(tmp_path, fetch_seconds=0.3),
                lambda: None,
            )
    answer.set()


@pytest.mark.parametrize("path", ["/head", "/body"])
def test_a_webhook_ends_at_its_deadline_or_with_the_service(
    tmp_path: Path, host: SlowHost, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(webhooks, "_DEADLINE", 0.5)
    if path == "/body":  # which is not read
        webhooks.deliver(host.url + path, "id", {}, settings(tmp_path))
    else:
        with pytest.raises(webhooks.NotDeliveredError, match="did not answer"):
            webhooks.deliver(host.url + path, "id", {}, settings(tmp_path))
    assert host.left.wait(60)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        webhooks.deliver(host.url + path, "id", {}, settings(tmp_path), stop)
