"""The audio model's scores in one table, on people who taught it nothing, as heard and as drawn.

    python -m benchmarks.speech_scores --share test --clips DIR... --templates VIDEO... --talkers VIDEO...
                                       [--music RECORDING...] [--syncnet FILE] --out FOLDER

*Curve* is what the committed network makes of a clip's sound, against the clip's own lips (`training.speech.evaluate`).
*Drawn* is what the face mesh, and the second ruler where it is installed, see of videos of somebody else who says it
(`benchmarks.lipsync_quality`). Natural speech is compared at its own constant offset, GRID at lag 0. Closures are those
of the test sentences of every language (`benchmarks.lip_closure`) on one template, and rest is that of the
talkers (`benchmarks.lip_rest`). Means are over people, intervals a bootstrap over them. The share `test` is measured
once for each version.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import lip_closure, lip_metrics, lip_rest, lipsync_quality, syncnet
from benchmarks.pipeline_fixture import pipeline_context
from digital_human.pipeline.context import PipelineContext
from training.speech.clips import measure_all, speaker_of
from training.speech.evaluate import Followed, Local, follow, interval
from training.speech.split import is_natural, read_split
from training.speech.texts import MORE_SENTENCES, TEST_SENTENCES

GROUPS = {"GRID, lag 0": False, "natural speech, own offset": True}
NOISES = ("hiss", "breath")


def draw_all(
    clips: Sequence[Path], templates: Sequence[Path], out: Path, context: PipelineContext
) -> list[lipsync_quality.Row]:
    """Each clip's sound on a template of somebody else, in turn."""
    own = {path: lip_metrics.measure(path, context.models) for path in templates}
    rows = []
    for number, clip in enumerate(clips):
        truth = lip_metrics.measure(clip, context.models)
        template = lipsync_quality.partner(clip, templates, number)
        rows.append(lipsync_quality.draw("engine", clip, template, truth, own[template], out, context))
        print(json.dumps({key: value for key, value in asdict(rows[-1]).items() if key != "lags"}), flush=True)
    return rows


def over_people(values: Sequence[tuple[str, float]]) -> tuple[int, float, float, float]:
    """Number of people, and the mean over them with the ends of its interval. values: who, and how well"""
    people: dict[str, list[float]] = defaultdict(list)
    for clip, value in values:
        people[speaker_of(Path(clip))].append(value)
    means = np.array([np.mean(found) for found in people.values()], np.float32)
    return len(people), float(means.mean()), *interval(means)


def followed_lines(followed: Sequence[Followed], rows: Sequence[lipsync_quality.Row]) -> list[str]:
    """Lines of the table for lips that follow."""
    measures: dict[str, list[tuple[str, float]]] = {
        "aperture, curve": [(one.clip.name, float(one.r[0])) for one in followed],
        "aperture, drawn, mesh": [(row.clip, row.sync) for row in rows],
        "aperture, drawn, second ruler": [(row.clip, row.second) for row in rows],
        "width, curve": [(one.clip.name, float(one.r[1])) for one in followed],
        "width, drawn, mesh": [(row.clip, row.width) for row in rows],
    }
    lines = []
    for group, natural in GROUPS.items():
        for name, values in measures.items():
            used = [(clip, r) for clip, r in values if is_natural(clip) == natural and np.isfinite(r)]
            if used:
                count, mean, low, high = over_people(used)
                lines.append(f"| {group}: {name}, r | {count} people | {mean:.3f} | {low:.3f} to {high:.3f} |")
    return lines


def closure_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of the table for closures, other sounds and pauses. The last of the rows has the sums."""
    *languages, everything = rows
    lines = []
    for part, whole, title, worst in (
        ("touching", "sounds", "p, b, m shut", min),
        ("wrong", "others", "other sounds shut wrongly", max),
        ("closed", "pauses", "pauses shut", min),
    ):
        for ruler, name in (("curve ", "curve"), ("", "drawn, mesh"), ("second ", "drawn, second ruler")):
            if ruler + part not in everything:
                continue
            shares = {row["language"]: 100 * row[ruler + part] / max(row[ruler + whole], 1) for row in languages}
            extreme = worst(shares, key=lambda language: shares[language])
            mean = 100 * everything[ruler + part] / everything[ruler + whole]
            count = f"{everything[ruler + whole]} in {len(languages)} languages"
            lines.append(f"| {title}, {name}, % | {count} | {mean:.1f} | worst {extreme}: {shares[extreme]:.0f} |")
    return lines


def rest_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Lines of the table for mouths of people who hear no speech."""
    lines = []
    for name in rows[0]:
        if name != "talker":
            values = [float(row[name]) for row in rows]
            least, most = min(values), max(values)
            lines.append(f"| {name} | {len(rows)} people | {np.mean(values):.3f} | {least:.3f} to {most:.3f}, all |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", choices=("validation", "test"), default="validation", help="who is measured")
    parser.add_argument("--clips", type=Path, nargs="+", required=True, help="folders of filmed people")
    parser.add_argument("--templates", type=Path, nargs="+", required=True, help="videos of people to be drawn on")
    parser.add_argument("--talkers", type=Path, nargs="+", required=True, help="videos of people who talk, with sound")
    parser.add_argument("--music", type=Path, nargs="*", default=[], help="recordings without voices")
    parser.add_argument("--closures-on", type=Path, help="template for the closures (default: the first)")
    parser.add_argument("--languages", nargs="+", default=[*TEST_SENTENCES, *MORE_SENTENCES])
    parser.add_argument("--syncnet", type=Path, help="SyncNet's weights, see benchmarks.syncnet")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    clips = read_split()[given.share].clips_in(given.clips)
    model = Local()
    followed = [follow(model, clip) for clip in measure_all(clips, given.out / "clips")]
    with pipeline_context(given.out) as context:
        rows = draw_all(clips, given.templates, given.out, context)
        closures = lip_closure.measure(given.languages, given.closures_on or given.templates[0], given.out, context)
        sounds = lip_rest.sounds_of(NOISES, given.music)
        rest = [lip_rest.measure(talker, sounds, given.out, context) for talker in given.talkers]
        lines = [
            f"| {given.share} | of | mean | 95 % interval |",
            "| --- | --- | --- | --- |",
            *followed_lines(followed, rows),
            *closure_lines(closures),
            *rest_lines(rest),
        ]
        if given.syncnet is not None:
            videos = [given.out / f"engine_{row.clip}_on_{row.template}.mp4" for row in rows]
            lines += syncnet.lines(syncnet.load(given.syncnet), clips, videos, context.models)
    print("\n".join([*lines, "", lip_closure.table(closures), "", lip_rest.table(rest)]))
    found = {"rows": [asdict(row) for row in rows], "closures": closures, "rest": rest}
    (given.out / "scores.json").write_text(json.dumps(found, indent=1))
    (given.out / "scores.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
