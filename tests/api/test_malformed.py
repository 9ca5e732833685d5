"""Files that are broken on purpose: each is refused with a reason, in bounded time, and good jobs go on working."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digital_human.triton.embedded.server import TritonServer
from tests.fuzz.media import damaged, special
from tests.live_service import Live, leftovers

COUNT = 150
"""`make fuzz` goes on from there, with other seeds."""


@pytest.fixture(scope="module")
def live(media: Path, triton: TritonServer) -> Iterator[Live]:
    with Live(
        media,
        triton_url=triton.url,
        max_jobs=2,
        max_template_seconds=20,
        max_audio_seconds=20,
        max_queued=1000,
        stall_seconds=20,
        log_level="WARNING",
    ) as service:
        yield service


@pytest.mark.slow
def test_malformed_media_are_refused_and_the_service_goes_on(live: Live, media: Path) -> None:
    chosen = special(media)
    cases = [*chosen, *damaged(media, COUNT - len(chosen), seed=7)]
    assert len(cases) >= COUNT
    pid = live.process.pid

    def send(case: tuple[str, str]) -> tuple[tuple[str, str], int, str]:
        field, name = case
        # A damaged sound may still be sound, and is then the template's to refuse: it has no face.
        body = {"video_path": "faceless.mp4", "audio_path": "speech.wav", "save_path": f"{name}.out.mp4", field: name}
        answer = live.submit(mode="sync", **body)
        return case, answer.status_code, answer.json()["message"]

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, cases))
    wrong = [answer for answer in answers if not 400 <= answer[1] < 500]
    assert not wrong, wrong
    assert all(str(media) not in message and "Traceback" not in message for _, _, message in answers)
    assert live.process.poll() is None and live.process.pid == pid
    assert not list(media.glob("*.out.mp4")) and leftovers(media) == []
    assert live.submit(mode="sync", save_path="good-out.mp4").status_code == 200


def test_playlists_open_no_other_file(live: Live, media: Path) -> None:
    secret = media / "template.mkv"
    for name, text in (
        ("a.m3u8", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n"),
        ("a.mp4", f"ffconcat version 1.0\nfile {secret}\n"),
    ):
        (media / name).write_text(text)
        answer = live.submit(mode="sync", video_path=name, save_path="p.mp4")
        assert answer.status_code == 400 and "video_path" in answer.json()["message"], answer.text
