"""The service's own folder may lie on another disk, behind a symbolic link."""

from __future__ import annotations

from pathlib import Path

import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, leftovers


def test_all_works_where_the_state_is_a_link_to_another_folder(
    own_media: Path, tmp_path_factory: pytest.TempPathFactory, triton: TritonServer
) -> None:
    state = tmp_path_factory.mktemp("other-disk")
    (own_media / ".state").symlink_to(state)
    with Live(own_media, triton_url=triton.url, passthrough_delay=0.02) as live:
        uploads = {}
        for field, name in (("audio_path", "speech.wav"), ("video_path", "template.mkv")):
            answer = live.client.post("/human/uploads", files={"file": (name, (own_media / name).read_bytes())})
            uploads[field] = answer.json()["data"]["id"]
        task_id = live.submit(**uploads).json()["data"]["task_id"]
        task = live.until(task_id, "succeeded")
        result = live.client.get(f"/human/tasks/{task_id}/result")
        assert result.status_code == 200 and len(result.content) == task["result"]["bytes"]
        for part in ("report", "picture", "template"):
            assert live.client.get(f"/human/tasks/{task_id}/{part}").status_code == 200, part

        cancelled = live.submit(audio_path="long.wav").json()["data"]["task_id"]
        live.until(cancelled, "running")
        assert live.client.delete(f"/human/tasks/{cancelled}").status_code == 200
        assert leftovers(state) == leftovers(own_media) == []

        for path in (".state/queue.sqlite", str(state / "queue.sqlite")):
            assert live.submit(audio_path=path).status_code == 403
        assert live.submit(save_path=".state/x.mp4").status_code == 403
    with Live(own_media, triton_url=triton.url) as again:
        assert again.task(task_id)["state"] == "succeeded"
        assert again.client.get(f"/human/tasks/{task_id}/result").content == result.content
