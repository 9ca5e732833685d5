"""The job that a worker has in hand: its files open, its template prepared, its frames planned."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from digital_human.core.frame import Frame
from digital_human.core.notices import to_records
from digital_human.core.states import OnProgress
from digital_human.core.types import Arrays
from digital_human.engines import EngineRegistry
from digital_human.errors import BadInputError
from digital_human.files.atomic import OWN_FOLDER, disk_errors, sync
from digital_human.files.identity import Identity, identify, is_same
from digital_human.files.sandbox import by_descriptor, open_file, open_folder
from digital_human.inspection.inspector import Inspector
from digital_human.jobs.models import job_folder, part_name
from digital_human.jobs.worker.protocol import Compose, ComposeResult, PrepareResult, RenderSegment, WorkerJob
from digital_human.jobs.worker.speech import load_words
from digital_human.media import compose, encode_audio, write_segment
from digital_human.media.encode_alpha import codec_for
from digital_human.media.mux import AudioTrack, share_encoder
from digital_human.pipeline import report
from digital_human.pipeline.backdrop import is_colour, require_picture
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.pipeline import RenderJob, audio_edit, decode_speech
from digital_human.pipeline.plan import RenderPlan, bind_plan, plan_frames, result_info, shown
from digital_human.pipeline.render import inspector_of, render_frames, with_progress
from digital_human.pipeline.subtitles import subtitle_file
from digital_human.pipeline.templates import PreparedTemplate, prepare_template
from digital_human.settings import Settings
from digital_human.subtitles.kinds import FILES, subtitle_path

_FIELDS = {"audio": "audio_path", "video": "video_path", "background": "background"}
"""The field of the request in which each input came."""


def _inputs(job: WorkerJob) -> dict[str, Path]:
    found = {"audio": job.audio, "video": job.video}
    background = job.options.background
    if background is not None and not is_colour(background):
        found["background"] = Path(background)
    return found


class JobSession:
    """One job, from its first command in this process until the next job's. To be closed.

    Raises BadInputError if an input cannot be opened.
    """

    def __init__(
        self,
        job: WorkerJob,
        settings: Settings,
        context: PipelineContext,
        engines: EngineRegistry,
        on_progress: OnProgress,
    ) -> None:
        self.task_id = job.task_id
        self._settings = settings
        self._context = context
        self._on_progress = on_progress
        self._engine = engines.find(job.options.engine)
        self._folder = job_folder(settings, job.task_id)
        # A plan counts what the engine's analysis holds: one made by another version of the engine is made again.
        self._plan_folder = self._folder / f"plan-{self._engine.version}"
        self._plan: RenderPlan | None = None
        # Goes on behind the last segment. Its next frame, and the frame after its last.
        self._rendering: Generator[Frame, None, None] | None = None
        self._inspector: Inspector | None = None
        self._next = self._until = 0
        # The sound is encoded beside the plan and the first segment, which leave it room.
        self._sound_thread = ThreadPoolExecutor(1, "sound")
        self._sound: Future[AudioTrack] | None = None
        self._open = ExitStack()
        try:
            self._inputs = {
                kind: self._open.enter_context(open_file(path, settings.roots, _FIELDS[kind]))
                for kind, path in _inputs(job).items()
            }
        except OSError as error:
            raise BadInputError("input_unreadable", reason=str(error.strerror)) from error
        self._begun_with = self._identity()
        opened = {kind: by_descriptor(descriptor) for kind, descriptor in self._inputs.items()}
        options = job.options
        if "background" in opened:
            options = replace(options, background=str(opened["background"]))
        words = load_words(settings, job.task_id)
        self._job = RenderJob(opened["audio"], opened["video"], job.save, options, words)

    def close(self) -> None:
        self._stop_rendering()
        self._sound_thread.shutdown(cancel_futures=True)
        self._open.close()

    def require_inputs(self, inputs: Mapping[str, Identity]) -> None:
        """Raises BadInputError if the inputs are not the files that the job began with."""
        for kind, now in self._identity().items():
            if not is_same(now, inputs[kind]):
                raise BadInputError("file_changed", field=_FIELDS[kind])

    def prepare(self) -> PrepareResult:
        """Decode the speech, prepare the template and plan the frames."""
        clock = time.perf_counter()
        speech = decode_speech(self._job, self._context)
        require_picture(self._job.options.background, self._context.max_template_pixels)
        self._on_progress("prepare", 0.0)
        prepared = self._prepare_template()
        timings = {"prepare": -clock + (clock := time.perf_counter())}
        self._on_progress("plan", 0.0)
        options = self._job.options
        output = result_info(prepared, self._context, options)
        self._encode_audio(len(shown(prepared, speech, output, options)), output.fps)
        arrays = plan_frames(prepared, speech, self._engine, self._context, self._job.options, self._job.words)
        save_arrays(self._plan_folder, arrays)
        plan = self._plan = bind_plan(arrays, prepared, self._context, self._job.options, self._job.save.suffix)
        timings["plan"] = time.perf_counter() - clock
        report.write_report(self._settings, self.task_id, plan, speech)
        info = plan.info
        return PrepareResult(
            inputs=self._begun_with,
            frames=plan.length,
            fps=str(info.fps),
            width=info.width,
            height=info.height,
            frames_without_face=int((~prepared.template.track.present[plan.frame_indices]).sum()),
            template_cached=prepared.cached,
            timings=timings,
            notices=to_records(plan.notices),
            faces=report.faces_seen(prepared.template.track.seen),
        )

    def render_segment(self, command: RenderSegment) -> list[dict[str, Any]]:
        """Render a segment into its file, and go on rendering up to `command.render_until`.

        Returns what was found in those of its frames that were looked at, records of `Finding`.
        """
        plan = self._require_plan()
        if not command.is_helper:
            self._encode_audio(plan.length, plan.info.fps)
        self._write_segment(plan, command.index, command.start, command.stop, command.render_until)
        assert self._inspector is not None
        found = [one for one in self._inspector.findings if command.start <= one.frame < command.stop]
        return [one.to_record() for one in sorted(found, key=lambda one: one.frame)]

    def compose(self, command: Compose) -> ComposeResult:
        """Write the finished video beside its place.

        Segments that are missing here, as another machine has them, are rendered again. So are all of them if they
        cannot be joined, as when machines with different encoders made them.
        """
        clock = time.perf_counter()
        counts, fps = command.frame_counts, Fraction(command.fps)
        paths = [self.segment_path(index) for index in range(len(counts))]
        self._render_missing(counts, [path.exists() for path in paths])
        if not share_encoder(paths):
            self._render_missing(counts, [False] * len(counts))
        self._on_progress("compose", 0.0)
        # Joining changes the packets of the sound, so it is encoded again if this fails and is tried again.
        encoded, self._sound = self._encode_audio(sum(counts), fps), None
        sound = encoded.result()
        segments = list(zip(paths, counts, strict=True))
        save = self._job.save
        with disk_errors(), open_folder(save.parent, self._settings.roots, "save_path", create=True) as folder:
            part = by_descriptor(folder, part_name(save, self.task_id))
            compose(part, segments, sound, fps, save.suffix, command.metadata)
            self._write_subtitles(folder)
        self.release_plan()
        return ComposeResult(time.perf_counter() - clock)

    def _write_subtitles(self, folder: int) -> None:
        """Write the file of subtitles beside the place of the result, if one is asked for."""
        kind = self._job.options.subtitles
        if kind not in FILES:
            return
        planned = load_arrays(self._plan_folder)
        if planned is None:
            self._plan = None
            self._require_plan()
            planned = load_arrays(self._plan_folder)
            assert planned is not None
        part = by_descriptor(folder, part_name(subtitle_path(self._job.save, kind), self.task_id))
        part.write_text(subtitle_file(planned, kind), encoding="utf-8")
        sync(part)

    def release_plan(self) -> None:
        """Free the plan and the template. The next segment would load them again."""
        self._stop_rendering()
        self._plan = None

    def segment_path(self, index: int) -> Path:
        """Of whatever codec it is: FFmpeg looks at the content."""
        return self._folder / f"segment-{index:05d}.mp4"

    def _identity(self) -> dict[str, Identity]:
        return {field: identify(descriptor) for field, descriptor in self._inputs.items()}

    def _prepare_template(self) -> PreparedTemplate:
        on_progress = lambda share: self._on_progress("prepare", share)  # noqa: E731
        return prepare_template(self._job.video, self._engine, self._context, on_progress, self._job.options)

    def _require_plan(self) -> RenderPlan:
        """The plan: held, loaded from an earlier process's file, or made now."""
        if self._plan is None:
            prepared = self._prepare_template()
            arrays = load_arrays(self._plan_folder)
            if arrays is None:
                speech = decode_speech(self._job, self._context)
                arrays = plan_frames(prepared, speech, self._engine, self._context, self._job.options, self._job.words)
                save_arrays(self._plan_folder, arrays)
            self._plan = bind_plan(arrays, prepared, self._context, self._job.options, self._job.save.suffix)
        return self._plan

    def _write_segment(self, plan: RenderPlan, index: int, start: int, stop: int, until: int) -> None:
        if self._rendering is None or self._next != start or self._until < stop:
            self._stop_rendering()
            self._inspector = inspector_of(plan, self._engine, self._context)
            self._rendering = render_frames(plan, self._engine, self._context, start, until, self._inspector)
            self._until = until
        frames = with_progress(self._rendering, stop - start, lambda share: self._on_progress("render", share))
        try:
            with disk_errors(OWN_FOLDER):
                self._folder.mkdir(parents=True, exist_ok=True)
            codec = codec_for(self._job.save.suffix, plan.info.alpha)
            write_segment(self.segment_path(index), frames, plan.info, self._context.encoder, OWN_FOLDER, codec)
        except BaseException:
            self._stop_rendering()
            raise
        self._next = stop

    def _render_missing(self, counts: Sequence[int], made: Sequence[bool]) -> None:
        start = 0
        for index, (count, done) in enumerate(zip(counts, made, strict=True)):
            if not done:
                plan = self._require_plan()
                self._encode_audio(plan.length, plan.info.fps)
                self._write_segment(plan, index, start, start + count, start + count)
            start += count

    def _stop_rendering(self) -> None:
        if self._rendering is not None:
            self._rendering.close()
            self._rendering = None

    def _encode_audio(self, frames: int, fps: Fraction) -> Future[AudioTrack]:
        if self._sound is None:
            edit = audio_edit(self._job.options)
            given = (self._job.audio, frames, fps, self._context.encoder, edit, self._job.save.suffix)
            self._sound = self._sound_thread.submit(encode_audio, *given)
        return self._sound


def save_arrays(folder: Path, arrays: Arrays) -> None:
    """Write arrays to a folder. The list of their names comes last, so they are complete or absent.

    Raises OutputError.
    """
    with disk_errors(OWN_FOLDER):
        folder.mkdir(parents=True, exist_ok=True)
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", np.asarray(array), allow_pickle=False)
        part = folder / "index.part"
        part.write_text(json.dumps(list(arrays)))
        part.replace(folder / "index.json")


def load_arrays(folder: Path) -> Arrays | None:
    """What `save_arrays` wrote; None if it is incomplete or absent."""
    try:
        names = json.loads((folder / "index.json").read_text())
        return {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in names}
    except (OSError, ValueError):
        return None
