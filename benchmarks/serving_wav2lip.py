"""What serving costs: Wav2Lip's network through Triton against the same network in this process, batch 16.

    python benchmarks/serving_wav2lip.py [--rounds 12] [--checkpoint wav2lip_gan.pth]

Both run on the runtime and with the options that model_repository/wav2lip/config.pbtxt asks for. The two take turns
round by round, so that other load on the machine meets both; the figures are medians over the rounds. Time does not
depend on the weights: without a checkpoint they are random. Exit status 1 where Triton takes over 10 % longer.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "backends" / "onnxruntime")]

from runtimes import Accelerator, open_session  # noqa: E402

from digital_human.triton.client import TritonModels  # noqa: E402
from digital_human.triton.embedded.server import TritonServer  # noqa: E402
from export.exporters.wav2lip import export, to_onnx, wrap  # noqa: E402
from export.networks.wav2lip import Wav2Lip  # noqa: E402
from export.wav2lip_weights import FIRST_ROW  # noqa: E402

BATCH = 16
ALLOWED = 1.10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--checkpoint", type=Path)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    inputs: dict[str, np.ndarray[Any, Any]] = {
        "mel": random.uniform(-4, 4, (BATCH, 80, 16)).astype(np.float32),
        "face": random.integers(0, 256, (BATCH, 96, 96, 3), np.uint8),
    }
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "wav2lip", "1", "model.onnx")
        model.parent.mkdir(parents=True)
        if options.checkpoint:
            export(model.parent, checkpoint=options.checkpoint)
        else:
            onnx.save(wrap(to_onnx(Wav2Lip(FIRST_ROW))), model)
        shutil.copy(ROOT / "model_repository" / "wav2lip" / "config.pbtxt", model.parents[1])
        accelerator = Accelerator("openvino", {"precision": "bf16"})
        session, report = open_session(model, gpu=None, threads=0, cpu_accelerators=[accelerator], gpu_accelerators=[])
        with TritonServer(Path(folder)) as server:
            server.ready()
            models = TritonModels(server.url)
            ways: dict[str, Callable[[], object]] = {
                "in process": lambda: session(inputs, ["image"]),
                "through Triton": lambda: models.infer("wav2lip", inputs, ["image"]),
            }
            seconds = compare(ways, options.rounds)
            same = np.array_equal(session(inputs, ["image"])["image"], models.infer("wav2lip", inputs)["image"])
    print(f"{report.text}; batch {BATCH}, {options.rounds} rounds; same pictures: {same}\n")
    print("| | ms a batch | frames a second |\n| --- | --- | --- |")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"| {name} | {median * 1000:.0f} | {BATCH / median:.1f} |")
    # Round by round, so that a slow moment of the machine, which meets both, cancels.
    ratio = statistics.median(b / a for a, b in zip(*seconds.values(), strict=True))
    print(f"\nTriton takes {ratio:.3f} times as long, median of the rounds; allowed {ALLOWED:g}")
    return 0 if ratio <= ALLOWED else 1


def compare(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every call, the ways taking turns and the first of a round changing; two rounds warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 2):
        for name in sorted(ways, reverse=number % 2 == 1):
            start = time.perf_counter()
            ways[name]()
            if number >= 2:
                seconds[name].append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    sys.exit(main())
