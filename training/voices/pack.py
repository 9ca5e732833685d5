"""Packs the voices that ship, in half precision: `python -m training.voices.pack FOLDER`.

FOLDER: `voices/` of the npm package kokoro-js 1.2.1, one NAME.bin of 510 x 256 float32 for each voice
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from digital_human.speech.voices import ASSETS, STYLE_SIZE, VOICES


def main(folder: Path) -> None:
    packed = {
        name: np.fromfile(folder / f"{name}.bin", np.float32).reshape(-1, STYLE_SIZE).astype(np.float16)
        for name in VOICES
    }
    np.savez_compressed(ASSETS / "voices.npz", **packed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
