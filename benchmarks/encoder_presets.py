"""x264's presets: speed, size and likeness (VMAF) of each at the same constant rate factor.

    python -m benchmarks.encoder_presets [--sizes 512 720p 1080p] [--video CLIP] [--presets NAME ...] [--crf 18]
        [--json FILE]

Needs the package imageio-ffmpeg, whose static FFmpeg carries libvmaf.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import imageio_ffmpeg

from benchmarks import media_fixture
from benchmarks.measure import Cost, Row, costing, interleaved, median, save, show
from digital_human.core.frame import Frame
from digital_human.core.looping import loop_frames
from digital_human.media import EncoderSettings, VideoInfo, VideoReader, write_video

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast")
FRAMES = 150


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    media_fixture.add_arguments(parser)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS))
    parser.add_argument("--crf", type=int, nargs="+", default=[18])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    results = {}
    settings = [EncoderSettings(preset, crf) for crf in arguments.crf for preset in arguments.presets]
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            reader = VideoReader(media_fixture.template(media_fixture.clip_of(arguments, size), size, folder))
            rows = measure(list(reader.frames())[:FRAMES], reader.info, settings, folder, arguments.rounds)
        show(f"x264 at {size}", rows)
        results[size] = rows
    save(arguments.json, results)


def measure(
    pictures: Sequence[Frame], info: VideoInfo, settings: Sequence[EncoderSettings], folder: Path, rounds: int
) -> list[Row]:
    sound = media_fixture.speech(None, FRAMES / float(info.fps), folder)
    reference = folder / "reference.yuv"
    with reference.open("wb") as file:
        for k in loop_frames(len(pictures), FRAMES):
            file.write(pictures[k].data.tobytes())
    costs: dict[str, list[Cost]] = {}

    def encode(setting: EncoderSettings) -> float:
        path = folder / f"{setting.preset}-{setting.crf}.mp4"
        with costing(lambda: [os.getpid()]) as cost:
            frames = (pictures[k] for k in loop_frames(len(pictures), FRAMES))
            write_video(path, frames, info, sound, FRAMES, setting)
        costs.setdefault(path.name, []).append(cost)
        return cost.wall

    interleaved({f"{s.preset} {s.crf}": partial(encode, s) for s in settings}, rounds)
    rows: list[Row] = []
    for setting in settings:
        path = folder / f"{setting.preset}-{setting.crf}.mp4"
        mean, low = vmaf(path, reference, info)
        rows.append(
            {
                "preset": setting.preset,
                "crf": setting.crf,
                "frames/s": FRAMES / median([c.wall for c in costs[path.name]]),
                "cpu ms/frame": 1000 * median([c.cpu for c in costs[path.name]]) / FRAMES,
                "kbit/s": path.stat().st_size * 8 / 1000 / (FRAMES / float(info.fps)),
                "VMAF": f"{mean:.1f}",
                "worst frame": f"{low:.1f}",
            }
        )
    return rows


def vmaf(path: Path, reference: Path, info: VideoInfo) -> tuple[float, float]:
    """Mean and least VMAF of a video against raw I420 frames."""
    log = path.with_suffix(".vmaf")
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{info.width}x{info.height}", "-r", str(info.fps)]
    graph = (
        "[0:v]settb=1/25,setpts=N[a];[1:v]settb=1/25,setpts=N[b];[a][b]libvmaf=n_threads=2:log_fmt=xml:log_path="
        + log.name
    )
    compared = ["-i", path.name, *raw, "-i", reference.name, "-lavfi", graph, "-f", "null", "-"]
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", *compared],
        check=True,
        cwd=path.parent,
    )
    scores = re.findall(r'<metric name="vmaf" min="([\d.]+)" max="[\d.]+" mean="([\d.]+)"', log.read_text())
    return float(scores[0][1]), float(scores[0][0])


if __name__ == "__main__":
    main()
