"""The process in which media are decoded and videos are made: `python -m digital_human.jobs.worker.main`.

Media come from strangers, and a decoder that crashes, hangs or eats memory must take nothing with it but the job. So
each job is worked on in a child of the service, which the service ends when the job is cancelled or makes no progress.
The child reads one JSON command a line and answers in kind:

    {"settings": {...}, "triton_url": "..."}                         first line, no answer
    {"do": "prepare", "task": id, "audio": path, ...}          ->    {"progress": [stage, share]} ... {"done": {...}}
    {"do": "segment", ..., "start": 0, "stop": 500, "until": 712}    or {"error": {"name", "message", "transient"}}
    {"do": "compose", ..., "counts": [500, 212], "fps": "25"}

It keeps the job of the last command open, and behind a segment it goes on drawing, a few frames ahead and up to the one
called "until", so that the next segment starts at once. What "prepare" says of the `inputs` comes back with the later
commands, which fail where those are not the same files any more.
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TextIO

import numpy as np

from digital_human.core.frame import Frame
from digital_human.core.types import Arrays
from digital_human.engines import Engine, load_engines
from digital_human.errors import BadInputError, ServiceError
from digital_human.files.atomic import OWN_FOLDER, disk_errors
from digital_human.files.identity import Identity, identify, is_same
from digital_human.files.sandbox import by_descriptor, open_file, open_folder
from digital_human.jobs.models import job_folder, part_name
from digital_human.jobs.worker import memory
from digital_human.media import compose, encode_sound, write_segment
from digital_human.media.mux import Sound, alike
from digital_human.observability import logs, tracing
from digital_human.pipeline import report as reports
from digital_human.pipeline.pipeline import (
    Job,
    Planned,
    Workshop,
    draw,
    frame_count,
    hear,
    plan,
    study,
    told,
    with_plan,
)
from digital_human.pipeline.templates import Held
from digital_human.runtime.context import build_workshop
from digital_human.settings import Settings

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
_NICENESS = 5
_RESTLESS = 2.0
"""Seconds a process waits for more of the job that it has in hand, or for another one with its template."""


class Bench:
    """The job in hand: its files open, its template studied, its speech planned."""

    def __init__(self, command: Mapping[str, Any], settings: Settings, workshop: Workshop) -> None:
        self.task: str = command["task"]
        self.settings = settings
        self.workshop = workshop
        self.engine: Engine = load_engines(settings.engine_modules).find(command["engine"])
        self.folder = job_folder(settings, self.task)
        self.save = Path(command["save"])
        self._planned: Planned | None = None
        # Goes on behind the segment that was drawn last; the frame that it gives next, and that after its last.
        self._drawing: Generator[Frame, None, None] | None = None
        self._next = self._until = 0
        # The sound is encoded beside the plan and the first segment, which leave it room.
        self._aside = ThreadPoolExecutor(1, "sound")
        self._sound: Future[Sound] | None = None
        self._open = ExitStack()
        try:
            self._inputs = {
                field: self._open.enter_context(open_file(Path(command[field]), settings.roots, f"{field}_path"))
                for field in ("audio", "video")
            }
        except OSError as error:
            raise BadInputError(f"an input cannot be read ({error.strerror})") from error
        options = {name: command[name] for name in ("watermark", "digital_auth", "mouth_strength", "loop")}
        self._begun = self._identity()
        audio, video = map(by_descriptor, self._inputs.values())
        self.job = Job(audio, video, self.save, **options)

    def close(self) -> None:
        self._stop_drawing()
        self._aside.shutdown(cancel_futures=True)
        self._open.close()

    def _identity(self) -> dict[str, Identity]:
        return {field: identify(descriptor) for field, descriptor in self._inputs.items()}

    def require(self, inputs: Mapping[str, Identity]) -> None:
        """Raises BadInputError where the inputs are no longer those that the job began with."""
        for field, now in self._identity().items():
            if not is_same(now, inputs[field]):
                raise BadInputError(f"{field}_path: has changed since the job began")

    def prepare(self, report: Report) -> dict[str, Any]:
        clock = time.perf_counter()
        speech = hear(self.job, self.workshop)
        report("prepare", 0.0)
        prepared = study(self.job.video, self.engine, self.workshop, lambda share: report("prepare", share))
        timings = {"prepare": -clock + (clock := time.perf_counter())}
        report("plan", 0.0)
        self._encode_sound(frame_count(speech, prepared), prepared.info.fps)
        arrays = plan(self.job, prepared, speech, self.engine, self.workshop)
        _save(self.folder / "plan", arrays)
        self._planned = with_plan(self.job, prepared, arrays, self.workshop)
        timings["plan"] = time.perf_counter() - clock
        reports.keep(self.settings, self.task, self._planned, speech)
        info = prepared.info
        return {
            "inputs": self._begun,
            "frames": self._planned.length,
            "fps": str(info.fps),
            "width": info.width,
            "height": info.height,
            "frames_without_face": int((~prepared.template.track.present[self._planned.order]).sum()),
            "template_cached": prepared.cached,
            "timings": timings,
        }

    def segment(self, index: int, start: int, stop: int, until: int, helps: bool, report: Report) -> None:
        """Draw a segment.

        until: end of what this process will be asked to draw, one segment after the other
        helps: beside the job's own process, which sees to the sound
        """
        planned = self._plan(report)
        if not helps:
            self._encode_sound(planned.length, planned.prepared.info.fps)
        if self._drawing is None or self._next != start or self._until < stop:
            self._stop_drawing()
            self._drawing = draw(planned, self.engine, self.workshop, start, until)
            self._until = until
        frames = told(self._drawing, stop - start, lambda share: report("render", share))
        try:
            with disk_errors(OWN_FOLDER):
                self.folder.mkdir(parents=True, exist_ok=True)
            write_segment(self.segment_path(index), frames, planned.prepared.info, self.workshop.encoder, OWN_FOLDER)
        except BaseException:
            self._stop_drawing()
            raise
        self._next = stop

    def _stop_drawing(self) -> None:
        if self._drawing is not None:
            self._drawing.close()
            self._drawing = None

    def compose(self, counts: list[int], fps: str, metadata: Mapping[str, str], report: Report) -> dict[str, Any]:
        """Write the finished video beside its place.

        Segments that another machine kept to itself are made again; all of them are where not all could be joined.
        """
        clock = time.perf_counter()
        paths = [self.segment_path(index) for index in range(len(counts))]
        self._segments(counts, [path.exists() for path in paths], report)
        if not alike(paths):
            self._segments(counts, [False] * len(counts), report)
        report("compose", 0.0)
        # Joining changes the packets: whoever tries again encodes again.
        encoded, self._sound = self._encode_sound(sum(counts), Fraction(fps)), None
        sound = encoded.result()
        segments = list(zip(paths, counts, strict=True))
        with disk_errors(), open_folder(self.save.parent, self.settings.roots, "save_path", create=True) as folder:
            part = by_descriptor(folder, part_name(self.save, self.task))
            compose(part, segments, sound, Fraction(fps), self.save.suffix, metadata)
        self.rest()
        return {"seconds": time.perf_counter() - clock}

    def rest(self) -> None:
        """Let the plan go, and the template: the next segment would take them up again."""
        self._stop_drawing()
        self._planned = None

    def _encode_sound(self, frames: int, fps: Fraction) -> Future[Sound]:
        if self._sound is None:
            self._sound = self._aside.submit(encode_sound, self.job.audio, frames, fps, self.workshop.encoder)
        return self._sound

    def _segments(self, counts: list[int], made: list[bool], report: Report) -> None:
        start = 0
        for index, (count, done) in enumerate(zip(counts, made, strict=True)):
            if not done:
                self.segment(index, start, start + count, start + count, False, report)
            start += count

    def segment_path(self, index: int) -> Path:
        return self.folder / f"segment-{index:05d}.mp4"

    def _plan(self, report: Report) -> Planned:
        """The plan, from an earlier process where there was one."""
        if self._planned is None:
            prepared = study(self.job.video, self.engine, self.workshop, lambda share: report("prepare", share))
            arrays = _load(self.folder / "plan")
            if arrays is None:
                speech = hear(self.job, self.workshop)
                arrays = plan(self.job, prepared, speech, self.engine, self.workshop)
                _save(self.folder / "plan", arrays)
            self._planned = with_plan(self.job, prepared, arrays, self.workshop)
        return self._planned


class Report:
    """Tells the service how far the work is, a few times a second at most."""

    INTERVAL = 0.25

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers
        self._last = 0.0

    def __call__(self, stage: str, share: float) -> None:
        now = time.monotonic()
        if now - self._last >= self.INTERVAL or share == 0.0:
            self._last = now
            say(self._answers, {"progress": [stage, round(share, 4)]})


def say(answers: TextIO, message: Mapping[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def main() -> None:
    _die_with_the_service()
    # Whoever asks how a job does shall not wait for the job.
    os.nice(_NICENESS)
    # Libraries print to standard output what they like; the answers go where only we write.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    commands = _commands()
    first = commands.get()
    settings = Settings.model_validate(first["settings"])
    # Its lines join those of the service on standard error; the file, if there is one, is the service's alone.
    logs.configure("WARNING")
    tracing.configure(settings.otel_exporter_otlp_endpoint)
    if settings.job_memory_bytes:
        memory.limit(settings.job_memory_bytes)
    load_engines(settings.engine_modules)
    held = Held()
    workshop = replace(build_workshop(settings, first["triton_url"]), held=held)
    report, bench = Report(answers), None
    while True:
        try:
            command = commands.get(timeout=_RESTLESS)
        except Empty:
            if bench is not None:
                bench.rest()
                held.clear()
                memory.trim()
            command = commands.get()
        try:
            if bench is None or bench.task != command["task"] or command["do"] == "prepare":
                if bench is not None:
                    bench.close()
                    bench = None
                bench = Bench(command, settings, workshop)
            with logs.task(command["task"]), tracing.joined(command["trace"]):
                say(answers, {"done": _obey(bench, command, report)})
        except Exception as error:
            say(answers, {"error": _described(error)})


def _obey(bench: Bench, command: Mapping[str, Any], report: Report) -> dict[str, Any]:
    if command["do"] == "prepare":
        return bench.prepare(report)
    bench.require(command["inputs"])
    if command["do"] == "segment":
        start, stop, until = command["start"], command["stop"], command["until"]
        bench.segment(command["index"], start, stop, until, command["helps"], report)
        return {}
    return bench.compose(command["counts"], command["fps"], command["metadata"], report)


def _described(error: Exception) -> dict[str, Any]:
    if isinstance(error, ServiceError):
        return {"name": type(error).__name__, "message": str(error), "transient": error.transient}
    if isinstance(error, MemoryError):
        return {"name": "OutOfMemoryError", "message": "the job needs more memory than it may have", "transient": False}
    log.error("unexpected error", exc_info=error)
    message = "an error of the service itself; its log has the details"
    return {"name": "ServiceError", "message": message, "transient": isinstance(error, OSError)}


def _commands() -> SimpleQueue[dict[str, Any]]:
    """Commands as they come. When there will be no more the process ends, whatever it is doing."""
    commands: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            commands.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, name="commands", daemon=True).start()
    return commands


def _die_with_the_service() -> None:
    # Ctrl-C in a terminal reaches every process there; only the service decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _save(folder: Path, arrays: Arrays) -> None:
    """Complete or not there: the last file written is the list of the others. Raises OutputError."""
    with disk_errors(OWN_FOLDER):
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", np.asarray(array), allow_pickle=False)
        part = folder / "index.part"
        part.write_text(json.dumps(list(arrays)))
        part.replace(folder / "index.json")


def _load(folder: Path) -> Arrays | None:
    try:
        names = json.loads((folder / "index.json").read_text())
        return {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in names}
    except (OSError, ValueError):
        return None


if __name__ == "__main__":
    main()
