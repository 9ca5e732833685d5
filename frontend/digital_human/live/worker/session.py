"""One live session in its process: speech comes in, and pictures, sound and events go out."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np

from digital_human.core.frame import Frame
from digital_human.core.types import Models
from digital_human.engines import EngineRegistry
from digital_human.engines.base import CanRedraw
from digital_human.engines.live import LiveEngine
from digital_human.errors import BadInputError, ServiceError, UnavailableError
from digital_human.files.sandbox import by_descriptor, open_file
from digital_human.jobs.worker.main import failure_of
from digital_human.live.channel import Channel
from digital_human.live.messages import (
    H264,
    I420,
    KEY,
    LAST,
    SOUND,
    SPEAKS,
    Event,
    Opened,
    OpenSession,
    Preparing,
    Stats,
    Watch,
    error_event,
    media,
)
from digital_human.live.worker.clock import Clock, Picture
from digital_human.live.worker.drawing import Drawer, Place
from digital_human.live.worker.frames import TemplateFrames
from digital_human.live.worker.look import Looker
from digital_human.live.worker.sound import SoundTrack
from digital_human.live.worker.speech import Speech
from digital_human.media.audio import decode_audio
from digital_human.media.live import LiveEncoder
from digital_human.pipeline.context import PipelineContext
from digital_human.pipeline.drawing import Drawing
from digital_human.pipeline.overlay import DIGITAL_HUMAN_MARK, load_overlay
from digital_human.pipeline.plan import MARK_HEIGHT
from digital_human.pipeline.templates import prepare_template
from digital_human.settings import Settings

log = logging.getLogger(__name__)

STATS_SECONDS = 1.0


class _UnpaddedModels:
    """Models whose batches are computed as they are: a picture that is waited for is not drawn four times."""

    batch_multiple = 1

    def __init__(self, models: Models) -> None:
        self.infer = models.infer


class LiveSession:
    """Prepares the template on construction, which `Preparing` and `Opened` tell the service.

    Raises a ServiceError if the template or the engine cannot be used.
    """

    def __init__(
        self,
        command: OpenSession,
        channel: Channel,
        settings: Settings,
        context: PipelineContext,
        engines: EngineRegistry,
    ) -> None:
        self._channel = channel
        engine = engines.find(command.engine)
        if not isinstance(engine, LiveEngine):
            raise BadInputError("engine_not_live", engine=engine.name)
        self._open = ExitStack()
        try:
            descriptor = self._open.enter_context(open_file(command.video, settings.roots, "video_path"))
        except OSError as error:
            raise BadInputError("input_unreadable", reason=str(error.strerror)) from error
        prepared = prepare_template(
            by_descriptor(descriptor), engine, context, lambda share: channel.send(Preparing(round(share, 3)))
        )
        template, self._info = prepared.template, prepared.info
        models = _UnpaddedModels(context.models)
        mouth = engine.live(template, prepared.analysis, models, command.mouth_strength)
        marks = [load_overlay(DIGITAL_HUMAN_MARK, "top right", self._info, MARK_HEIGHT)] if command.visible_mark else []
        self._rate, self._fps = command.sample_rate, self._info.fps
        self._clock: Clock[Place] = Clock(self._fps, Place())
        self._track = SoundTrack(self._rate, self._fps)
        self._speech = Speech(mouth, command.sample_rate, self._fps, self._clock.changed)
        frames = TemplateFrames(prepared.reader, template.frame_count)
        drawing = Drawing(prepared, engine, models)
        self._looker: Looker | None = None
        if context.inspect != "off":
            # The thresholds for lips and teeth were chosen on frames of such engines.
            person = prepared.person if isinstance(engine, CanRedraw) else None
            self._looker = Looker(
                template,
                person,
                models,
                self._clock.changed,
                lambda: not self._speech.is_waiting and not self._speaking,
            )
        self._drawer = Drawer(drawing, mouth, frames, self._speech, self._clock, command.idle, marks, self._looker)
        self._drawer.warm_up()
        self._encoder = LiveEncoder(self._info, settings.encoder_preset, settings.live_crf, command.label)
        # The clock holds its lock while a picture goes out, so nothing of an utterance follows its end.
        self._sending = self._clock.changed
        self._watch, self._wants_key = Watch(False, False, False), False
        self._speaking, self._position = 0, 0
        self._interrupted: float | None = None
        self._stats = _Counter()
        self._told = time.monotonic()
        channel.send(Opened(self._info.width, self._info.height, str(self._fps), prepared.cached))

    def start(self) -> None:
        self._clock.restart()
        threading.Thread(target=self._run_ear, name="ear", daemon=True).start()
        threading.Thread(target=self._run_drawer, name="draw", daemon=True).start()
        if self._looker is not None:
            threading.Thread(target=self._run_looker, args=(self._looker,), name="look", daemon=True).start()
        threading.Thread(target=self._run_clock, name="clock", daemon=True).start()

    def push(self, pcm: bytes) -> None:
        self._speech.push(pcm)

    def play(self, path: Path) -> None:
        """Say a recording, and remove it."""
        try:
            for chunk in decode_audio(path, self._rate, "mono", "file"):
                self._speech.push((np.clip(chunk[0], -1, 1) * 32767).astype("<i2").tobytes())
            self._speech.flush()
        except ServiceError as error:
            self._channel.send(error_event(error))
        finally:
            path.unlink(missing_ok=True)

    def flush(self) -> None:
        self._speech.flush()

    def watch(self, watch: Watch) -> None:
        with self._sending:
            self._wants_key |= watch.key or (watch.h264 and not self._watch.h264)
            self._watch = watch
        self._drawer.is_watched = watch.h264 or watch.i420

    def interrupt(self) -> None:
        """Stop speaking: drop what is drawn and heard, and say where each utterance ended."""
        with self._sending:
            unfinished = self._speech.interrupt()
            self._clock.interrupt()
            ended = [self._finished(k, self._position if k == self._speaking else 0, True) for k in unfinished]
            if self._speaking:
                self._interrupted = time.monotonic()
            self._speaking = 0
            if ended:
                self._channel.send(*ended, Event("idle"))

    def _run_ear(self) -> None:
        self._on_error(self._speech.run)

    def _run_drawer(self) -> None:
        self._on_error(self._drawer.run)

    def _run_looker(self, looker: Looker) -> None:
        self._on_error(lambda: looker.run(lambda: self._clock.is_closed))

    def _run_clock(self) -> None:
        self._on_error(lambda: self._clock.run(self._send, self._hold))

    def _hold(self) -> None:
        if self._drawer.is_watched:
            self._channel.send(error_event(UnavailableError("live_picture_held")))

    def _send(self, picture: Picture[Place], index: int) -> None:
        timestamp = int(index * 1_000_000 / self._fps)
        items: list[Event | bytes] = []
        if picture.utterance and picture.utterance != self._speaking:
            self._speaking = picture.utterance
            items.append(Event("started", picture.utterance, {"timestamp": timestamp}))
            self._stats.first_picture.append(time.monotonic() - picture.began)
        self._position = picture.index + 1
        flags = (SPEAKS if picture.utterance else 0) | (LAST if picture.is_last else 0)
        if picture.frame is not None:
            items += self._pictures(picture.frame, index, flags, picture.utterance, timestamp)
            self._stats.pictures += 1
        pcm = picture.pcm or self._track.silence(index)
        self._track.add(pcm)
        if self._watch.sound:
            items.append(media(SOUND, flags, picture.utterance, timestamp, pcm))
        if picture.is_last:
            items.append(self._finished(picture.utterance, picture.index + 1, False))
            self._speaking = 0
            self._speech.finished(picture.utterance)
            if not self._speech.is_waiting:
                items.append(Event("idle"))
        if self._interrupted is not None and picture.after.cue is None:
            self._stats.interrupted.append(time.monotonic() - self._interrupted)
            self._interrupted = None
        self._channel.send(*items)
        self._tell()

    def _pictures(self, frame: Frame, index: int, flags: int, utterance: int, timestamp: int) -> list[bytes]:
        items = []
        if self._watch.h264:
            unit, is_key = self._encoder.encode(frame, index, self._wants_key)
            self._wants_key = False
            items.append(media(H264, flags | (KEY if is_key else 0), utterance, timestamp, unit))
        if self._watch.i420:
            items.append(media(I420, flags | KEY, utterance, timestamp, frame.data.tobytes()))
        return items

    def _finished(self, utterance: int, frames: int, interrupted: bool) -> Event:
        seconds = round(float(Fraction(frames) / self._fps), 3)
        return Event("finished", utterance, {"position_seconds": seconds, "interrupted": interrupted})

    def _tell(self) -> None:
        if (now := time.monotonic()) - self._told >= STATS_SECONDS:
            self._told = now
            looked = self._looker.take() if self._looker else []
            self._channel.send(self._stats.take(self._clock, self._drawer, looked))

    def _on_error(self, work: Callable[[], None]) -> None:
        """Do the work of a thread. Any error ends the session."""
        try:
            work()
        except Exception as error:
            self._channel.send(failure_of(error))
            self._clock.close()


class _Counter:
    """What has happened since it was last told."""

    def __init__(self) -> None:
        self.pictures = 0
        self.first_picture: list[float] = []
        self.interrupted: list[float] = []
        self._told = (0, 0, 0.0)

    def take(self, clock: Clock[Place], drawer: Drawer, looked: Sequence[str]) -> Stats:
        now = (clock.late, drawer.dropped, clock.held)
        late, dropped, held = now[0] - self._told[0], now[1] - self._told[1], now[2] - self._told[2]
        latencies = tuple(self.first_picture), tuple(self.interrupted)
        stats = Stats(self.pictures, late, dropped, held, clock.behind, *latencies, tuple(looked))
        self._told, self.pictures, self.first_picture, self.interrupted = now, 0, [], []
        return stats
