"""Ruined frames a thousand, by kind, of templates as users bring them.

    python -m benchmarks.wild --templates VIDEO... --voices WAV... --out FOLDER
    python -m benchmarks.wild --templates VIDEO... --rendered FOLDER --truth benchmarks/wild_truth.json --out FOLDER

The first makes every video with an inspector that looks at all frames, and prints what it found, what it drew again and
what passed through. The second looks at videos that another version made, named TEMPLATE--VOICE.mp4 with the arrays
`template_frame` and `aperture` of its plan beside them (`benchmarks.wild_before` writes them), and compares what it
finds with a list of ruined frames, made by hand and eye: kinds -> ranges of frames of each video. Frames of the list's
videos that it does not name are good; those that it calls doubtful are neither.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pipeline_fixture import pipeline_context
from digital_human.core.border import drawn_share
from digital_human.core.frame import Frame
from digital_human.engines.exemplar.engine import DefaultEngine
from digital_human.errors import ServiceError
from digital_human.inspection.figures import KINDS, measure, verdicts
from digital_human.media import VideoReader
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.pipeline import RenderJob, generate_video
from digital_human.pipeline.templates import prepare_template

TOGETHER = 16
DOUBTFUL = "doubtful"
"""Of the list's kinds the one whose frames are not counted."""
Found = dict[str, dict[int, str]]
"""Video -> frame -> kind, of ruined frames."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--templates", type=Path, nargs="+", required=True)
    parser.add_argument("--voices", type=Path, nargs="*", default=[])
    parser.add_argument("--rendered", type=Path, help="videos of another version to look at, instead of making some")
    parser.add_argument("--truth", type=Path, help="frames of these that are ruined")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    found: Found = {}
    lengths: dict[str, int] = {}
    outcomes: Counter[str] = Counter()
    with pipeline_context(options.out) as context:
        for template in options.templates:
            if options.rendered:
                for video in sorted(options.rendered.glob(f"{template.stem}--*.mp4")):
                    lengths[video.stem], found[video.stem] = look_at(video, template, context)
                    print(line(video.stem, lengths[video.stem], found[video.stem]), flush=True)
            for voice in options.voices if not options.rendered else []:
                name = f"{template.stem}--{voice.stem}"
                try:
                    job = RenderJob(voice, template, options.out / f"{name}.mp4")
                    result = generate_video(job, DefaultEngine(), replace(context, inspect="all"))
                except ServiceError as error:
                    print(f"{name}: {error}", flush=True)
                    continue
                lengths[name] = result.frames
                found[name] = {one.frame: one.kind for one in result.findings if one.kind}
                outcomes.update(one.outcome for one in result.findings if one.kind)
                said = [notice.text() for notice in result.notices]
                print(line(name, result.frames, found[name]), *said, sep="; ", flush=True)
    (options.out / "found.json").write_text(json.dumps(found, indent=1))
    print(line("all", sum(lengths.values()), {k: kind for k, kind in enumerate(_kinds(found))}), dict(outcomes))
    if options.truth:
        print(compare(found, lengths, json.loads(options.truth.read_text())))


def look_at(video: Path, template: Path, context: PipelineContext) -> tuple[int, dict[int, str]]:
    """Frames of a video, and its ruined ones with their kinds."""
    prepared = prepare_template(template, DefaultEngine(), context, lambda share: None)
    plan = np.load(video.with_suffix(".npz"))
    shown, asked = plan["template_frame"].astype(np.int64), plan["aperture"].astype(np.float32)
    seen, track = prepared.template, prepared.template.track
    drawn = track.present & (drawn_share(track, seen.width, seen.height) >= 1)
    found: dict[int, str] = {}
    pairs = zip(prepared.reader.play(shown), VideoReader(video).frames(), strict=False)
    for first, some in _batches(pairs):
        places = [k for k in range(len(some)) if drawn[shown[first + k]]]
        if not places:
            continue
        index, before, after = shown[[first + k for k in places]], *zip(*(some[k] for k in places), strict=True)
        nothing = np.zeros(len(places), np.float32)
        wanted = asked[[first + k for k in places]]
        here, score = track.landmarks[index], track.score[index]
        figures = measure(before, after, here, score, nothing, wanted, prepared.person, context.models)
        # Encoding changes the picture everywhere.
        judged = verdicts(replace(figures, outside=np.maximum(figures.outside - 2, 0)))
        found |= {first + k: one.kind for k, one in zip(places, judged, strict=True) if one.kind}
    return len(shown), found


def compare(found: Found, lengths: Mapping[str, int], truth: Mapping[str, Mapping[str, Sequence[Any]]]) -> str:
    """What of the listed frames was found, by the list's kinds, and how many others were."""
    named, hit = Counter[str](), Counter[str]()
    good, alarms = 0, 0
    for video, kinds in truth.items():
        if video not in lengths:
            continue
        listed = {kind: {k for low, high in ranges for k in range(low, high + 1)} for kind, ranges in kinds.items()}
        unsure = listed.pop(DOUBTFUL, set())
        for kind, frames in listed.items():
            named[kind] += len(frames)
            hit[kind] += len(frames & set(found[video]))
        others = set(range(lengths[video])) - unsure.union(*listed.values())
        good += len(others)
        alarms += len(set(found[video]) & others)
    total = f"{sum(hit.values())} of {sum(named.values())} ruined frames were found"
    by_kind = ", ".join(f"{kind} {hit[kind]} of {named[kind]}" for kind in named)
    return f"{total} ({by_kind}); {alarms} false alarms in {good} good frames"


def line(name: str, frames: int, found: Mapping[int, str]) -> str:
    counts = Counter(found.values())
    rates = ", ".join(f"{kind} {1000 * counts[kind] / frames:.1f}" for kind in KINDS if counts[kind])
    return f"{name}: {1000 * len(found) / frames:.1f} of 1000 frames are ruined" + (f" ({rates})" if rates else "")


def _kinds(found: Found) -> Iterator[str]:
    for frames in found.values():
        yield from frames.values()


def _batches(pairs: Iterator[tuple[Frame, Frame]]) -> Iterator[tuple[int, list[tuple[Frame, Frame]]]]:
    first, some = 0, []
    for pair in pairs:
        some.append(pair)
        if len(some) == TOGETHER:
            yield first, some
            first, some = first + TOGETHER, []
    if some:
        yield first, some


if __name__ == "__main__":
    main()
