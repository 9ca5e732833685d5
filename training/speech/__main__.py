"""Train the head of the speech -> lip shape network. `training.speech.stages` says how."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

from export.networks.speech_to_lips import WEIGHTS
from training.speech.stages import Amounts, Sources, run


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.speech", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder with grid/ and us/whitehouse_*")
    parser.add_argument("--read", type=Path, required=True, help="folder of read speech, see training.speech.reading")
    parser.add_argument("--voices", type=Path, required=True, help="Kokoro's voices/ of the npm package kokoro-js")
    parser.add_argument("--encoder", type=Path, required=True, help="encoder_model.ort of the package moonshine-voice")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be made again")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="checkpoint to write (default: %(default)s)")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual amounts, for a trial (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    sources = Sources(given.clips, given.read, given.voices, given.encoder, given.work)
    run(sources, Amounts().scaled(given.share), given.out, given.seed)


if __name__ == "__main__":
    main()
