"""From a text to a video, and many rows of a batch against as many single requests, on an avatar.

    python -m benchmarks.text_to_video [--rows 100] [--rounds 3] [--template VIDEO] [--json FILE]

A text that takes about ten seconds to say becomes a video: seconds of its speech, its lips and its drawing. Then short
recordings become videos on the same avatar, as one batch and as requests that each wait for the one before. Times on
a machine that does other work mean little; ratios mean more.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

from benchmarks.measure import save
from benchmarks.media_fixture import ROOT
from benchmarks.service_fixture import serving
from digital_human.client import Client
from digital_human.runtime.context import make_folders
from digital_human.settings import Settings
from digital_human.speech import model

TEXT = (
    "Good morning, and welcome to our house. Today we bake bread, as people here have done for three hundred years. "
    "You need flour, water, a pinch of salt, and above all a lot of time."
)
ROW_SECONDS = 1.0
STAGES = {"speech": ("speak",), "lips": ("plan",), "drawing": ("render", "compose"), "template": ("prepare",)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--template", type=Path, default=ROOT / "samples" / "template.mkv")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        settings = Settings(base_path=Path(name))
        make_folders(settings)
        model.install(settings.model_repositories[1])
        with serving(Path(name)) as service, Client(str(service.client.base_url), timeout=7200) as client:
            client.make_avatar("Mia", given.template)
            results: dict[str, Any] = {"text to video": texts(client, given.rounds, Path(name))}
            results["rows"] = rows(client, given.rows, Path(name))
    save(given.json, results)


def texts(client: Client, rounds: int, folder: Path) -> list[dict[str, float]]:
    """Seconds of each stage, the first round with the voices to be loaded."""
    found = []
    print("| | speech of, s | " + " | ".join(STAGES) + " | whole |\n" + "| --- " * (len(STAGES) + 3) + "|")
    for number in range(rounds):
        started = time.perf_counter()
        task = client.generate(None, None, folder / "out.mp4", avatar="Mia", text=TEXT)
        whole, timings, length = time.perf_counter() - started, task.view["timings"], task.view["result"]["duration"]
        row = {stage: sum(timings.get(part, 0.0) for part in parts) for stage, parts in STAGES.items()}
        found.append({"seconds": length, **row, "whole": whole})
        shares = " | ".join(f"{row[stage]:.1f} s ({100 * row[stage] / whole:.0f} %)" for stage in STAGES)
        print(f"| round {number + 1} | {length:.1f} | {shares} | {whole:.1f} s, {whole / length:.2f} x |", flush=True)
    return found


def rows(client: Client, count: int, folder: Path) -> dict[str, Any]:
    """Seconds of so many rows and of as many requests: half the requests, the batch, and the other half."""
    speech = folder / "row.wav"
    with wave.open(str(ROOT / "samples" / "speech.wav")) as whole, wave.open(str(speech), "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(int(ROW_SECONDS * whole.getframerate())))
    sound = client.upload(speech)
    alone = single(client, sound, count - count // 2)
    started = time.perf_counter()
    made = client.make_batch(
        [{"audio_path": sound, "name": f"row {k}"} for k in range(count)], defaults={"avatar": "Mia"}
    )
    batch = client.wait_for_batch(made.id)
    together = time.perf_counter() - started
    assert batch.counts["succeeded"] == count, batch
    alone += single(client, sound, count // 2)
    print(f"{count} rows of {ROW_SECONDS:g} s: {together:.1f} s as a batch, {alone:.1f} s as single requests, ", end="")
    print(f"ratio {together / alone:.2f}")
    return {"rows": count, "batch": together, "requests": alone}


def single(client: Client, sound: str, count: int) -> float:
    """Seconds of requests that each wait for the one before, as in the mode `sync`."""
    started = time.perf_counter()
    for _ in range(count):
        body = {"avatar": "Mia", "audio_path": sound}
        client._http.post("/human/generate", json=body).raise_for_status()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
