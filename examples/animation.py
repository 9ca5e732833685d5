"""The moving picture of the README: the sample template beside the video made of it, with the words being said.

    python examples/animation.py [--output docs/demo.webp]

Both sides show whole frames. The video is made with `digital-human generate`, as anybody would.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "samples"
WIDTH, BAR = 400, 44
"""Of each side, and height of the line of text, pixels."""
FONT, INK, FAINT, PAPER = cv2.FONT_HERSHEY_DUPLEX, (20, 20, 20), (150, 150, 150), (255, 255, 255)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "demo.webp")
    parser.add_argument("--quality", type=int, default=70, help="of the WebP, 0-100")
    options = parser.parse_args()
    template = read_frames(SAMPLES / "template.mkv")
    with tempfile.TemporaryDirectory() as folder:
        result = read_frames(generate(Path(folder) / "result.mp4"))
    speech = json.loads((SAMPLES / "speech.json").read_text())
    pages = [
        compose(template[ping_pong(k, len(template))], frame, speech["words"], k / 25) for k, frame in enumerate(result)
    ]
    write_webp(options.output, pages, Fraction(25), options.quality)
    print(f"{options.output}: {len(pages)} frames, {options.output.stat().st_size / 1e6:.2f} MB")


def generate(video: Path) -> Path:
    command = [sys.executable, "-m", "digital_human.cli", "generate", "--output", str(video)]
    command += ["--audio", str(SAMPLES / "speech.wav"), "--video", str(SAMPLES / "template.mkv")]
    subprocess.run(command, check=True, cwd=ROOT)
    return video


def read_frames(video: Path) -> list[Image]:
    """uint8 [height, width, 3] RGB each, scaled to WIDTH."""
    with av.open(str(video)) as container:
        return [small(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)) for frame in container.decode(video=0)]


def small(image: Image) -> Image:
    height = round(image.shape[0] * WIDTH / image.shape[1])
    return np.asarray(cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)


def ping_pong(k: int, count: int) -> int:
    """The template frame under output frame k."""
    phase = k % (2 * count - 2)
    return min(phase, 2 * count - 2 - phase)


def compose(left: Image, right: Image, words: list[tuple[float, str]], time: float) -> Image:
    """Both frames, and below them the sentence, with what has been said so far in full ink."""
    bar = np.full((BAR, 2 * WIDTH, 3), PAPER, np.uint8)
    said = sum(start <= time for start, _ in words) - 1
    first, last = sentence(words, max(said, 0))
    shown = [word for _, word in words[first:last]]
    scale, x = 0.62, 0
    widths = [cv2.getTextSize(word + " ", FONT, scale, 1)[0][0] + 6 for word in shown]
    x = (2 * WIDTH - sum(widths)) // 2
    for k, (word, width) in enumerate(zip(shown, widths, strict=True), first):
        cv2.putText(bar, word, (x, 29), FONT, scale, INK if k <= said else FAINT, 1, cv2.LINE_AA)
        x += width
    page = np.vstack([np.hstack([label(left, "template"), label(right, "result")]), bar])
    return np.asarray(page, np.uint8)


def sentence(words: list[tuple[float, str]], said: int) -> tuple[int, int]:
    """First and end of the words of the sentence that word `said` belongs to."""
    ends = [k + 1 for k, (_, word) in enumerate(words) if word.endswith(".")]
    end = next(end for end in ends if end > said)
    return max((other for other in ends if other <= said), default=0), end


def label(image: Image, text: str) -> Image:
    image = image.copy()
    for ink, thickness in ((PAPER, 3), (INK, 1)):
        cv2.putText(image, text, (10, 22), FONT, 0.5, ink, thickness, cv2.LINE_AA)
    return image


def write_webp(target: Path, pages: list[Image], rate: Fraction, quality: int) -> None:
    """An animation that repeats for ever."""
    with av.open(str(target), "w", format="webp", options={"loop": "0"}) as container:
        stream = container.add_stream("libwebp_anim", rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = pages[0].shape[1], pages[0].shape[0], "yuv420p"
        stream.options = {"quality": str(quality), "compression_level": "6"}
        for packet in packets(stream, pages):
            container.mux(packet)


def packets(stream: av.VideoStream, pages: list[Image]) -> Iterator[av.Packet[av.VideoStream]]:
    for page in pages:
        yield from stream.encode(av.VideoFrame.from_ndarray(page, format="rgb24"))
    yield from stream.encode()


if __name__ == "__main__":
    main()
