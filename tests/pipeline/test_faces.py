"""A template with two people: the one who was chosen speaks, the other keeps every byte, and the task says so."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from digital_human.client import Client, ClientError, Task
from digital_human.core.face_choice import FaceChoice, FacePoint
from digital_human.core.frame import Frame
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.jobs.models import JobSpec
from digital_human.media import VideoReader
from digital_human.pipeline.options import RenderOptions
from digital_human.pipeline.pipeline import RenderJob, decode_speech
from digital_human.pipeline.plan import bind_plan, plan_frames
from digital_human.pipeline.render import render_frames
from digital_human.pipeline.templates import prepare_template
from digital_human.runtime.context import build_context
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer
from tests.commands.test_options import generate
from tests.media.people import write_two_people

LEFT = {"x": 0.25, "y": 0.5}


@pytest.fixture(scope="module")
def pair(template_frames: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people side by side, the nearer one on the right; 20 frames."""
    return write_two_people(tmp_path_factory.mktemp("pair") / "template.mkv", template_frames[:20])


@pytest.mark.parametrize(("face", "spoken"), [("auto", 1), (FacePoint(0.25, 0.5, 0.4), 0)])
def test_the_others_keep_every_byte(
    pair: Path, voice: Path, triton: TritonServer, tmp_path: Path, face: FaceChoice, spoken: int
) -> None:
    engine, context = DefaultEngine(), build_context(Settings(base_path=tmp_path), triton.url)
    job = RenderJob(voice, pair, tmp_path / "out.mp4", RenderOptions(face=face))
    prepared = prepare_template(pair, engine, context, lambda share: None, job.options)
    plan = bind_plan(
        plan_frames(prepared, decode_speech(job, context), engine, context, job.options), prepared, context, job.options
    )
    given = list(VideoReader(pair).frames())
    changed = np.zeros(2, int)
    for frame, index in zip(render_frames(plan, engine, context, 0, 20), plan.frame_indices, strict=False):
        for plane, before in zip(frame.planes, given[index].planes, strict=True):
            half = plane.shape[1] // 2
            halves = (np.s_[:, :half], np.s_[:, half:])
            changed += [int((plane[side] != before[side]).sum()) for side in halves]
    assert changed[spoken] > 1000 and changed[1 - spoken] == 0
    # Who was studied for one face is not taken for the other.
    assert prepare_template(pair, engine, context, lambda share: None, job.options).cached
    assert not prepare_template(pair, engine, context, lambda share: None, RenderOptions(face="largest")).cached


def driven(task: Task) -> list[bool]:
    return [bool(face["driven"]) for face in task.view["result"]["faces"]]


def test_a_request_chooses_who_speaks(address: str, pair: Path, voice: Path, tmp_path: Path) -> None:
    with Client(address) as client:
        template, speech = client.upload(pair), client.upload(voice)
        tasks = [client.submit(template, speech, face=face) for face in ("auto", {**LEFT, "time": 0.2})]
        assert [driven(client.wait(task.id)) for task in tasks] == [[False, True], [True, False]]
        warning = "number 1 from the left speaks"
        assert any(warning in sentence for sentence in client.task(tasks[1].id).warnings)
        nobody = client.submit(template, speech, face={"x": 0.5, "y": 0.0})
        with pytest.raises(ClientError, match=r"face: no face was found at 0\.5, 0, 0 s") as caught:
            client.wait(nobody.id)
        assert (caught.value.code, caught.value.error) == (400, "face_not_at_point")
        late = client.submit(template, speech, face={**LEFT, "time": 60})
        with pytest.raises(ClientError, match=r"which is 0\.8 s long"):
            client.wait(late.id)


@pytest.mark.parametrize(
    "face", ["smallest", {"x": 1.5, "y": 0}, {"x": 0.5}, {"x": 0.5, "y": 0.5, "time": -1}, {"x": 0, "y": 0, "z": 0}, 3]
)
def test_what_is_no_face_is_refused(address: str, face: Any) -> None:
    with Client(address) as client:
        with pytest.raises(ClientError, match=r"^face") as caught:
            client.submit("template.mkv", "speech.wav", face=face)
        assert caught.value.code == 400


def test_a_key_of_before_fits_a_request_that_names_the_default(address: str) -> None:
    with Client(address) as client:
        first = client.submit("template.mkv", "speech.wav", idempotency_key="faces")
        assert client.submit("template.mkv", "speech.wav", idempotency_key="faces", face="auto").id == first.id
        with pytest.raises(ClientError, match="Idempotency-Key"):
            client.submit("template.mkv", "speech.wav", idempotency_key="faces", face=LEFT)
        client.cancel(first.id)


def test_the_command_line_chooses_who_speaks(triton: TritonServer, pair: Path, voice: Path) -> None:
    status, printed = generate(triton, pair.parent, voice, "--face", "0.25,0.5")
    assert status == 0, printed
    for typed, said in (
        ("0.5,0.0", "face: no face was found"),
        ("left", "'left' is none of"),
        ("2,0", "face: x and y"),
    ):
        status, printed = generate(triton, pair.parent, voice, "--face", typed)
        assert status != 0 and said in printed and "Traceback" not in printed


def test_a_chosen_face_survives_the_queue() -> None:
    spec = JobSpec("/a", "/b", "/c", False, RenderOptions(face=FacePoint(0.25, 0.5, 1.5)), 60.0, None, {})
    record = spec.to_record()
    assert record["face"] == {"x": 0.25, "y": 0.5, "time": 1.5}
    assert JobSpec.from_record(record) == spec


def test_the_faces_of_a_template_are_shown_before_anything_is_made(address: str, pair: Path, tmp_path: Path) -> None:
    with Client(address) as client:
        template = client.upload(pair)
        ask: dict[str, str | float] = {"video_path": template, "time": 0.4}
        answer = client._http.get("/human/faces", params=ask)
        assert answer.status_code == 200, answer.text
        found = answer.json()["data"]
        assert (found["width"], found["height"], found["duration"], len(found["faces"])) == (720, 288, 0.8, 2)
        middles = [face["x"] + face["width"] / 2 for face in found["faces"]]
        assert np.allclose(middles, [0.24, 0.77], atol=0.05)
        kind, _, data = found["picture"].partition(",")
        assert kind == "data:image/jpeg;base64"
        still = cv2.imdecode(np.frombuffer(b64decode(data), np.uint8), cv2.IMREAD_COLOR)
        assert still is not None and still.shape == (288, 720, 3)
        (tmp_path / "empty.mkv").write_bytes(b"no video")
        refused: list[tuple[dict[str, str | float], int, str]] = [
            ({"time": 0.8}, 400, "face_beyond_end"),
            ({"time": -1}, 400, "field_invalid"),
            ({"video_path": client.upload(tmp_path / "empty.mkv")}, 400, "media_unreadable"),
            ({"video_path": "nothing.mkv"}, 404, "file_not_found"),
            ({"video_path": "../../etc/passwd"}, 403, "path_not_allowed"),
        ]
        for asked, status, error in refused:
            answer = client._http.get("/human/faces", params={**ask, "time": 0.0, **asked})
            assert (answer.status_code, answer.json()["error"]) == (status, error)
