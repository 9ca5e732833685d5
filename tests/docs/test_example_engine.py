"""The engine that the guide shows runs as it stands there, through the real pipeline."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from digital_human.core.frame import Frame
from digital_human.media import VideoReader
from digital_human.triton.embedded.server import TritonServer

ROOT = Path(__file__).resolve().parents[2]


def test_the_engine_of_the_guide_makes_a_video(
    triton: TritonServer, samples: Path, template_frames: list[Frame], voice: Path, tmp_path: Path
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "engines.md").read_text(), re.DOTALL)
    engine = next(block for block in blocks if "def register_engines" in block)
    (tmp_path / "loudness.py").write_text(engine)
    video = tmp_path / "result.mp4"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
        "ENGINE_MODULES": "loudness",
        "ENGINE": "loudness",
        "TRITON_URL": triton.url,
        "BASE_PATH": str(tmp_path / "data"),
    }
    command = [sys.executable, "-m", "digital_human.cli", "generate", "--output", str(video)]
    command += ["--audio", str(voice), "--video", str(samples / "template.mkv")]
    subprocess.run(command, env=environment, cwd=ROOT, check=True)
    made = list(VideoReader(video).frames())
    assert len(made) == 40  # 1.6 s at 25 frames a second
    changes = [
        np.abs(a.planes[0].astype(int) - b.planes[0].astype(int)) > 40
        for a, b in zip(made, template_frames, strict=False)
    ]
    assert any(change.sum() > 200 for change in changes)  # a mouth was drawn
    assert not any(change[:200].any() for change in changes)  # and nothing but the mouth
