"""The options of a job reach it from the command line, the client and the queue alike."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from digital_human.client import Client, ClientError
from digital_human.core.face_choice import FacePoint
from digital_human.core.frame import crop, yuv_to_rgb
from digital_human.core.trim import Trim
from digital_human.jobs.models import JobSpec
from digital_human.jobs.worker.protocol import Prepare, WorkerJob, decode, encode
from digital_human.media import VideoReader
from digital_human.pipeline.options import RenderOptions
from digital_human.triton.embedded.server import TritonServer
from tests.fork_server import digital_human

RESULT = {
    "face": "auto",
    "trim": None,
    "lead_in": 0.0,
    "lead_out": 0.0,
    "preview": None,
    "loudness": None,
    "size": None,
    "fit": "letterbox",
    "fps": None,
    "background": None,
    "subtitles": None,
    "subtitle_text": None,
}
"""Options of a result that jobs of earlier versions did not have, with what they are for these."""
MOUTH = (280, 330, 160, 110)


def generate(triton: TritonServer, folder: Path, voice: Path, *more: str) -> tuple[int, str]:
    """The command as people type it: its exit status and what it says."""
    files = ["--audio", str(voice), "--video", str(folder / "template.mkv"), "--output", str(folder / "out.mp4")]
    settings = {"triton_url": triton.url, "base_path": folder, "encoder_preset": "ultrafast"}
    return digital_human(["generate", *files, *more], folder / "command.log", **settings)


def mouths(path: Path) -> list[npt.NDArray[Any]]:
    return [yuv_to_rgb(crop(frame, *MOUTH), frame.matrix).astype(int) for frame in VideoReader(path).frames()]


def test_the_command_line_has_strength_and_loop(
    triton: TritonServer, samples: Path, voice: Path, tmp_path: Path
) -> None:
    (tmp_path / "template.mkv").symlink_to(samples / "template.mkv")
    pictures = []
    for options in ((), ("--mouth-strength", "0.5", "--loop", "repeat")):
        status, said = generate(triton, tmp_path, voice, *options)
        assert status == 0, said
        pictures.append(mouths(tmp_path / "out.mp4"))
    assert max(np.abs(a - b).mean() for a, b in zip(*pictures, strict=True)) > 3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--mouth-strength", "2"), "mouth_strength: must lie between 0.5 and 1.5"),
        (("--mouth-strength", "nan"), "mouth_strength: must lie between 0.5 and 1.5"),
        (("--mouth-strength", "1.2", "--engine", "wav2lip"), "mouth_strength: engine wav2lip has none"),
        (("--loop", "sideways"), "invalid choice: 'sideways'"),
    ],
)
def test_the_command_line_refuses_what_cannot_be(
    triton: TritonServer, samples: Path, voice: Path, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / "template.mkv").symlink_to(samples / "template.mkv")
    status, printed = generate(triton, tmp_path, voice, *options)
    assert status != 0 and said in printed and "Traceback" not in printed
    assert not (tmp_path / "out.mp4").exists()


def test_the_client_passes_options_on(address: str, samples: Path, voice: Path, tmp_path: Path) -> None:
    with Client(address) as client:
        output = tmp_path / "out.mp4"
        task = client.generate(samples / "template.mkv", voice, output, mouth_strength=1.3, loop="hold")
        assert (task.view["mouth_strength"], task.view["loop"]) == (1.3, "hold")
        with pytest.raises(ClientError, match="mouth_strength") as caught:
            client.submit("template.mkv", "speech.wav", mouth_strength=9)
        assert caught.value.code == 400


def test_a_key_stands_for_its_options_too(address: str) -> None:
    with Client(address) as client:
        first = client.submit("template.mkv", "speech.wav", idempotency_key="options")
        same = client.submit(
            "template.mkv", "speech.wav", idempotency_key="options", mouth_strength=1, loop="ping-pong"
        )
        assert same.id == first.id, "a default that is named is the same request"
        with pytest.raises(ClientError, match="Idempotency-Key"):
            client.submit("template.mkv", "speech.wav", idempotency_key="options", loop="repeat")
        client.cancel(first.id)


def test_the_engines_say_whether_they_have_strength(address: str) -> None:
    with Client(address) as client:
        engines = client._http.get("/engines").json()["engines"]
    assert {engine["name"]: engine["mouth_strength"] for engine in engines} == {
        "default": True,
        "wav2lip": False,
        "wav2lip-sharp": False,
    }


def test_jobs_queued_by_an_earlier_version_keep_what_they_were() -> None:
    queued = {
        "audio": "/data/speech.wav",
        "video": "/data/template.mkv",
        "save": "/data/out.mp4",
        "kept": False,
        "watermark": False,
        "digital_auth": False,
        "engine": "default",
        "timeout": 3600.0,
        "callback_url": None,
        "request": {"audio_path": "speech.wav"},
    }
    spec = JobSpec.from_record(queued)
    assert spec.options == RenderOptions(engine="default", mouth_strength=1.0, loop="ping-pong")
    record, known = spec.to_record(), queued | {"mouth_strength": 1.0, "loop": "ping-pong", **RESULT}
    assert {name: record[name] for name in known} == known


def test_every_option_survives_the_queue_and_the_way_to_the_worker() -> None:
    options = RenderOptions(
        watermark=True,
        digital_auth=True,
        engine="other",
        mouth_strength=1.25,
        loop="hold",
        face=FacePoint(0.25, 0.5, 1.5),
        trim=Trim(1.0, 2.0),
        lead_in=0.5,
        lead_out=1.0,
        preview=2.0,
        loudness=-16.0,
        size="1280x720",
        fit="crop",
        fps=30.0,
        background="#ffffff",
        subtitles="srt",
        subtitle_text="Hello.",
    )
    assert all(getattr(options, option.name) != option.default for option in fields(RenderOptions))
    spec = JobSpec("/a.wav", "/b.mkv", "/c.mp4", False, options, 60.0, None, {})
    assert JobSpec.from_record(json.loads(json.dumps(spec.to_record()))) == spec
    job = WorkerJob("id", Path("/a.wav"), Path("/b.mkv"), Path("/c.mp4"), options, {"traceparent": "x"})
    assert decode(encode(Prepare(job))) == Prepare(job)
