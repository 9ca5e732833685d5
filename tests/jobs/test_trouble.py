"""Trouble from outside in the middle of a job: it fails with a reason, leaves nothing behind, harms no other job."""

from __future__ import annotations

import array
import ctypes
import fcntl
import os
import shutil
import signal
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.conftest import fill
from tests.live_service import Live, leftovers

STALL = 12

_LIBC = ctypes.CDLL(None, use_errno=True)
_MS_RDONLY, _MS_REMOUNT, _MNT_DETACH = 1, 32, 2
_READ_ONLY = _MS_REMOUNT | _MS_RDONLY

# Root passes over the mode of files; without these rights it is held to it as everybody else.
OBEYS_MODES = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Path]:
    """A disk of its own, as small as wanted. Skips the test where this process may not mount one."""
    folder.mkdir(exist_ok=True)
    mount(folder, size)
    try:
        yield folder
    finally:
        _LIBC.umount2(os.fsencode(folder), _MNT_DETACH)


def mount(folder: Path, size: str, flags: int = 0) -> None:
    if _LIBC.mount(b"none", os.fsencode(folder), b"tmpfs", flags, f"size={size}".encode()):
        pytest.skip(f"needs the right to mount: {os.strerror(ctypes.get_errno())}")


def occupy(path: Path, left: int) -> None:
    """Fill the disk with one file until `left` bytes are free."""
    room = os.statvfs(path.parent)
    missing = room.f_bavail * room.f_bsize - left
    try:
        with path.open("wb", buffering=0) as file:
            while missing > 0:
                missing -= file.write(bytes(min(missing, room.f_bsize)))
    except OSError:
        assert left == 0


def wait_until(true: Callable[[], bool], live: Live) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, live.words()
        time.sleep(0.02)


def begin(live: Live, **fields: object) -> str:
    """Submit a job; returns its id when its first segment is done."""
    task_id: str = live.submit(**{"audio_path": "voice.wav", **fields}).json()["data"]["task_id"]
    first = live.base / ".state" / "jobs" / task_id / "segment-00000.mp4"
    wait_until(lambda: first.exists() or live.task(task_id)["ended"] is not None, live)
    assert first.exists(), live.task(task_id)
    return task_id


def failure(live: Live, task_id: str) -> dict[str, Any]:
    error: dict[str, Any] = live.until(task_id, "failed")["error"]
    assert leftovers(live.base) == []
    return error


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, triton: TritonServer, samples: Path) -> Iterator[Live]:
    """One job at a time in several segments, slow enough to be disturbed."""
    if OBEYS_MODES and not shutil.which("setpriv"):
        pytest.skip("needs setpriv")
    base = fill(tmp_path_factory.mktemp("data"), samples)
    settings: dict[str, Any] = {
        "segment_seconds": 0.5,
        "passthrough_delay": 0.005,
        "stall_seconds": STALL,
        "retries": 1,
    }
    with Live(base, prefix=OBEYS_MODES, triton_url=triton.url, **settings) as service:
        works(service)
        yield service


def works(live: Live) -> None:
    """The next job finds everything in order."""
    task_id = live.submit(save_path="good.mp4").json()["data"]["task_id"]
    assert live.until(task_id, "succeeded")["result"]["frames"] == 50
    assert leftovers(live.base) == []


def test_a_full_disk_fails_the_job_and_leaves_what_was_there(live: Live) -> None:
    with tmpfs(live.base / "full", "256k") as folder:
        (folder / "a.mp4").write_bytes(b"an earlier video")
        error = failure(live, begin(live, save_path="full/a.mp4"))
        assert error == {
            "code": 507,
            "error": "write_failed",
            "message": "save_path: cannot be written (No space left on device)",
        }
        assert files(folder) == ["a.mp4"] and (folder / "a.mp4").read_bytes() == b"an earlier video"
    works(live)


def test_a_full_disk_with_room_again_in_time_harms_no_job(live: Live) -> None:
    with tmpfs(live.base / "full", "8m") as folder:
        occupy(folder / "filler", 64 * 2**10)
        task_id = begin(live, save_path="full/a.mp4")
        wait_until(lambda: f"task {task_id}: compose will be tried again" in live.words(), live)
        (folder / "filler").unlink()
        live.until(task_id, "succeeded")
        assert files(folder) == ["a.mp4"]
    assert leftovers(live.base) == []


def test_a_read_only_disk_fails_the_job(live: Live) -> None:
    with tmpfs(live.base / "fixed", "1m") as folder:
        mount(folder, "1m", _READ_ONLY)
        ids = [live.submit(save_path=f"fixed/{path}").json()["data"]["task_id"] for path in ("a.mp4", "new/a.mp4")]
        for task_id in ids:
            error = live.until(task_id, "failed")["error"]
            assert error["code"] == 507 and error["message"].endswith("(Read-only file system)"), error
        assert files(folder) == []
    works(live)


def test_a_folder_without_permission_fails_the_job(live: Live) -> None:
    (live.base / "closed").mkdir(mode=0o500)
    ids = [live.submit(save_path=f"closed/{path}").json()["data"]["task_id"] for path in ("a.mp4", "new/a.mp4")]
    for task_id in ids:
        error = live.until(task_id, "failed")["error"]
        assert error["code"] == 507 and error["message"].endswith("(Permission denied)"), error
    assert files(live.base / "closed") == []
    works(live)


def test_an_input_without_permission_is_refused(live: Live) -> None:
    shutil.copy(live.base / "speech.wav", live.base / "secret.wav")
    (live.base / "secret.wav").chmod(0)
    answer = live.submit(audio_path="secret.wav")
    assert answer.status_code == 400
    assert answer.json()["message"] == "audio_path: cannot be read (Permission denied)"


def test_a_full_state_folder_fails_jobs_and_loses_none(own_media: Path, triton: TritonServer) -> None:
    with (
        tmpfs(own_media / ".state", "24m") as state,
        Live(own_media, triton_url=triton.url, segment_seconds=0.5, passthrough_delay=0.005, retries=0) as live,
    ):
        works(live)
        message = "cannot be written (No space left on device)"
        occupy(state / "filler", 32 * 2**10)
        answer = live.submit()
        assert answer.status_code == 507 and message in answer.json()["message"], answer.text
        answer = live.client.post("/human/uploads", files={"file": ("a", bytes(4 * 2**20))})
        assert answer.status_code == 507 and answer.json()["message"] == f"file: {message}", answer.text
        assert files(state / "uploads") == []
        (state / "filler").unlink()
        works(live)

        task_id = live.submit(audio_path="long.wav", save_path="long.mp4").json()["data"]["task_id"]
        wait_until((state / "jobs" / task_id / "segment-00000.mp4").exists, live)
        occupy(state / "filler", 0)
        wait_until(lambda: f"task {task_id} failed" in live.words(), live)
        assert files(state / "jobs") == [] and live.client.get("/health").status_code == 200
        (state / "filler").unlink()
        assert live.until(task_id, "failed")["error"]["code"] == 507
        assert not (own_media / "long.mp4").exists()
        works(live)


def test_inputs_removed_in_mid_job_are_read_to_their_end(live: Live) -> None:
    for name in ("voice.wav", "template.mkv"):
        shutil.copy(live.base / name, live.base / f"brief-{name}")
    task_id = begin(live, audio_path="brief-voice.wav", video_path="brief-template.mkv", save_path="v.mp4")
    for path in live.base.glob("brief-*"):
        path.unlink()
    assert live.until(task_id, "succeeded")["result"]["frames"] == 100


def test_inputs_that_a_new_process_finds_removed_fail_the_job(live: Live) -> None:
    shutil.copy(live.base / "template.mkv", live.base / "brief.mkv")
    task_id = begin(live, video_path="brief.mkv", save_path="removed.mp4")
    (live.base / "brief.mkv").unlink()
    os.kill(live.workers()[0], signal.SIGKILL)
    assert failure(live, task_id) == {"code": 404, "error": "file_not_found", "message": "video_path: no such file"}
    works(live)


@pytest.mark.parametrize("is_replaced", [True, False])
def test_inputs_that_change_in_mid_job_fail_it(live: Live, is_replaced: bool) -> None:
    shutil.copy(live.base / "template.mkv", live.base / "changing.mkv")
    task_id = begin(live, video_path="changing.mkv", save_path="changed.mp4")
    if is_replaced:
        (live.base / "good.mp4").replace(live.base / "changing.mkv")
        os.kill(live.workers()[0], signal.SIGKILL)
    else:
        os.truncate(live.base / "changing.mkv", 20_000)
    error = failure(live, task_id)
    assert error["code"] == 400 and error["message"].startswith("video_path: "), error
    assert not (live.base / "changed.mp4").exists()
    works(live)


def test_a_target_folder_removed_in_mid_job_is_made_again(live: Live) -> None:
    (live.base / "out").mkdir()
    task_id = begin(live, save_path="out/v.mp4")
    (live.base / "out").rmdir()
    live.until(task_id, "succeeded")
    assert files(live.base / "out") == ["v.mp4"]


def test_a_target_folder_that_becomes_a_file_fails_the_job(live: Live) -> None:
    (live.base / "other").mkdir()
    task_id = begin(live, save_path="other/v.mp4")
    (live.base / "other").rmdir()
    (live.base / "other").write_text("a file")
    assert failure(live, task_id) == {
        "code": 507,
        "error": "write_failed",
        "message": "save_path: cannot be written (Not a directory)",
    }
    assert (live.base / "other").read_text() == "a file"


def test_segments_that_vanish_are_drawn_again(live: Live) -> None:
    task_id = begin(live, save_path="again.mp4")
    (live.base / ".state" / "jobs" / task_id).rename(live.base.with_name("elsewhere"))
    assert live.until(task_id, "succeeded")["result"]["frames"] == 100


def hang_in_prepare(live: Live) -> tuple[int, str]:
    """A worker that was given a job and does nothing with it, and the job."""
    (worker,) = live.workers()
    os.kill(worker, signal.SIGSTOP)
    task_id = live.submit(save_path="lost.mp4").json()["data"]["task_id"]
    waiting = array.array("i", [0])
    with open(f"/proc/{worker}/fd/0", "rb") as commands:
        wait_until(lambda: fcntl.ioctl(commands, termios.FIONREAD, waiting) == 0 and waiting[0] > 0, live)
    return worker, task_id


def test_a_decoder_that_crashes_fails_its_job_alone(live: Live) -> None:
    worker, task_id = hang_in_prepare(live)
    os.kill(worker, signal.SIGSEGV)
    os.kill(worker, signal.SIGCONT)
    error = failure(live, task_id)
    assert error == {
        "code": 400,
        "error": "decoder_crashed",
        "message": "audio_path or video_path: decoding it crashes the decoder",
    }
    works(live)
    assert live.workers() != [worker]


def test_a_crash_while_drawing_costs_one_attempt(live: Live) -> None:
    task_id = begin(live, save_path="crash.mp4")
    os.kill(live.workers()[0], signal.SIGSEGV)
    assert live.until(task_id, "succeeded")["result"]["frames"] == 100


def test_a_decoder_that_hangs_is_ended_with_its_job(live: Live) -> None:
    _, task_id = hang_in_prepare(live)
    error = failure(live, task_id)
    assert error["code"] == 400 and error["message"].endswith(f"made no progress for {STALL} s"), error
    works(live)


def test_drawing_that_hangs_is_ended_with_its_job(live: Live) -> None:
    task_id = begin(live, save_path="lost.mp4")
    os.kill(live.workers()[0], signal.SIGSTOP)
    error = failure(live, task_id)
    assert error == {"code": 504, "error": "job_stalled", "message": f"the job made no progress for {STALL} s"}
    assert not (live.base / "lost.mp4").exists()
    works(live)
