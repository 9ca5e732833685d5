"""The command `digital-human`: serve, generate, batch, prepare, install, mcp, doctor."""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from digital_human.commands import voices
from digital_human.commands.result_arguments import add_result_arguments, add_template_arguments, options_of
from digital_human.core.notices import Notice
from digital_human.core.states import Stage
from digital_human.engines import load_engines
from digital_human.errors import BadInputError, NotFoundError, OutputError, ServiceError, UnavailableError
from digital_human.files.avatars import any_owners
from digital_human.files.sandbox import Allowed, input_path, resolve
from digital_human.observability import logs, tracing
from digital_human.pipeline.notices import notices_of, notices_of_source
from digital_human.pipeline.options import RenderOptions, check, tags
from digital_human.pipeline.pipeline import RenderJob, generate_video
from digital_human.pipeline.templates import prepare_template
from digital_human.pipeline.words import spoken_words
from digital_human.provenance import implicit_label, require_key, sign
from digital_human.runtime.context import (
    build_context,
    check_options,
    make_folders,
    models_needed,
)
from digital_human.runtime.engine_weights import require_loaded
from digital_human.runtime.triton import triton_for
from digital_human.runtime.voices import require_installed
from digital_human.settings import Settings
from digital_human.speech.speaker import SpokenText, check_text
from digital_human.version import VERSION


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            print(f"setting {'.'.join(map(str, problem['loc'])).upper()}: {problem['msg']}", file=sys.stderr)
        return 2
    logs.configure(settings.log_level if arguments.command == "serve" else "WARNING", settings.log_dir)
    end_traces = tracing.configure(settings.otel_exporter_otlp_endpoint)
    try:
        return int(arguments.run(arguments, settings))
    except ServiceError as error:
        print(f"digital-human: {error}", file=sys.stderr)
        return 1
    except MemoryError:
        print("digital-human: there is not enough memory", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("digital-human: interrupted", file=sys.stderr)
        return 130
    finally:
        end_traces()


def _serve(arguments: argparse.Namespace, settings: Settings) -> int:
    make_folders(settings)
    with triton_for(settings, wait=False) as triton:
        # DBOS and FastAPI take more than a second to load. The other commands need not wait for them, and here Triton
        # loads its models meanwhile.
        from digital_human.commands.serve import serve

        return serve(settings, triton, arguments.host, arguments.port)


def _generate(arguments: argparse.Namespace, settings: Settings) -> int:
    # The person at the keyboard may read and write whatever their account may.
    make_folders(settings)
    template = any_owners(arguments.avatar, settings).template if arguments.avatar else arguments.video
    require_key(settings)
    engines = load_engines(settings.engine_modules)
    spoken = _spoken(arguments, settings)
    audio = None if spoken is not None else str(arguments.audio.absolute())
    video, save = str(template.absolute()), str(arguments.output.absolute())
    paths = resolve(audio, video, save, settings.base_path, (Path("/"),))
    options = check_options(options_of(arguments, spoken.text if spoken else None), settings, engines)
    engine = engines.find(options.engine)
    console = Console(stderr=True, markup=False)
    with _bar(console) as bar, TemporaryDirectory() as folder:
        shown = bar.add_task("start", total=1.0)
        with triton_for(settings, loads=models_needed(engine)) as triton:
            url = triton.url
            require_loaded(engine, url, triton.model_repository())
            context = build_context(settings, url)
            metadata = implicit_label(str(uuid.uuid4()), settings.aigc_producer) | tags(options)
            progress = partial(_show, bar, shown)
            recording, words = paths.audio, None
            if spoken is not None:
                speaking = partial(progress, "speak")
                recording, phones = voices.speech_file(spoken, settings, triton, Path(folder), speaking)
                words = spoken_words(spoken, phones, options)
            assert recording is not None
            job = RenderJob(recording, paths.video, paths.save, options, words)
            result = generate_video(job, engine, context, progress, metadata=metadata)
            if settings.c2pa_certificate:
                sign(paths.save, paths.save.suffix, settings)
    console.print(
        f"{arguments.output}: {result.frames} frames in {sum(result.seconds.values()):.1f} s, "
        f"{result.real_time_factor:.2f} x real time"
    )
    _warn(result.notices)
    return 0


def _spoken(arguments: argparse.Namespace, settings: Settings) -> SpokenText | None:
    """The text to be spoken, checked; None where there is a recording."""
    if arguments.audio is not None:
        return None
    text = arguments.text if arguments.text is not None else voices.read_text(arguments.text_file)
    spoken = SpokenText(text, arguments.voice, arguments.speed)
    check_text(spoken, settings)
    require_installed(settings)
    return spoken


def _install(arguments: argparse.Namespace, settings: Settings) -> int:
    return voices.install(settings, arguments.to)


def _prepare(arguments: argparse.Namespace, settings: Settings) -> int:
    """Fill the template store of this BASE_PATH. A service may be using it meanwhile."""
    make_folders(settings)
    engines = load_engines(settings.engine_modules)
    engine = engines.find(arguments.engine or settings.engine)
    options = RenderOptions(face=arguments.face, trim=arguments.trim)
    check(options)
    console, failed = Console(stderr=True, markup=False), 0
    with _bar(console) as bar, triton_for(settings, loads=models_needed(engine)) as triton:
        url = triton.url
        require_loaded(engine, url, triton.model_repository())
        context = build_context(settings, url)
        for path in arguments.templates:
            shown, start = bar.add_task("prepare", total=1.0), time.perf_counter()
            try:
                video = input_path(str(path.absolute()), "video_path", Allowed(settings.base_path, (Path("/"),)))
                progress = partial(_show, bar, shown, "prepare")
                prepared = prepare_template(video, engine, context, progress, options)
                if not prepared.stored:
                    raise OutputError("template_not_stored", folder=str(settings.state_path))
            except (BadInputError, NotFoundError, OutputError) as error:
                print(f"{path}: {error}", file=sys.stderr)
                failed += 1
            else:
                how = "known already" if prepared.cached else f"studied in {time.perf_counter() - start:.1f} s"
                print(f"{path}: {prepared.template.frame_count} frames, {how}", file=sys.stderr)
                shown_frames = np.arange(prepared.template.frame_count)
                _warn([*notices_of_source(prepared.info), *notices_of(prepared.template, shown_frames)])
            bar.remove_task(shown)
    return 1 if failed else 0


def _warn(notices: Sequence[Notice]) -> None:
    for notice in notices:
        print(f"warning: {notice.text()}", file=sys.stderr)


def _bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description:8}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, transient=True)


def _show(bar: Progress, shown: TaskID, stage: Stage, share: float) -> None:
    bar.update(shown, description=stage, completed=share)


def _batch(arguments: argparse.Namespace, settings: Settings) -> int:
    from digital_human.commands import batch

    return batch.run(arguments.file, arguments.output, settings)


def _mcp(arguments: argparse.Namespace, settings: Settings) -> int:
    try:
        from digital_human.commands import mcp
    except ModuleNotFoundError as error:
        raise UnavailableError("mcp_not_installed") from error

    return mcp.serve(arguments.url or settings.mcp_url, arguments.folder or settings.mcp_folder, settings)


def _doctor(arguments: argparse.Namespace, settings: Settings) -> int:
    from digital_human.commands import doctor

    checks = doctor.examine(settings)
    Console().print(doctor.table(checks))
    return 0 if all(check.ok for check in checks) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("digital-human", description="Template video and speech in, talking person out.")
    parser.add_argument("--version", action="version", version=f"digital-human {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)

    serve = commands.add_parser("serve", help="run the REST service")
    serve.add_argument("--host", help="address to listen on (HOST)")
    serve.add_argument("--port", type=int, help="port to listen on (PORT)")
    serve.set_defaults(run=_serve)

    generate = commands.add_parser("generate", help="make one video")
    speech = generate.add_mutually_exclusive_group(required=True)
    speech.add_argument("--audio", type=Path, help="speech, recorded")
    speech.add_argument("--text", help="speech, to be spoken by a voice")
    speech.add_argument("--text-file", type=Path, help="the same, in a file (UTF-8)")
    generate.add_argument("--voice", default="", help="who says the text (default: one that fits it)")
    generate.add_argument("--speed", type=float, default=1.0, help="how fast, 0.5-2 (default: 1)")
    template = generate.add_mutually_exclusive_group(required=True)
    template.add_argument("--video", type=Path, help="template: a video or a picture of a person")
    template.add_argument("--avatar", metavar="NAME", help="an avatar of this BASE_PATH, of any owner")
    generate.add_argument("--output", type=Path, required=True, help="the video to write")
    add_result_arguments(generate)
    generate.set_defaults(run=_generate)

    batch = commands.add_parser("batch", help="make a video of each row of a file; started again, it goes on")
    batch.add_argument("file", type=Path, metavar="FILE", help="rows: .csv, .jsonl or .json")
    batch.add_argument("--output", default="{row}-{name}.mp4", help="the videos to write (default: {row}-{name}.mp4)")
    batch.set_defaults(run=_batch)

    prepare = commands.add_parser("prepare", help="study templates ahead, so that their first video begins at once")
    prepare.add_argument("templates", type=Path, nargs="+", metavar="TEMPLATE", help="a video or a picture of a person")
    prepare.add_argument("--engine", default="", help="how they will be lip-synced (ENGINE)")
    add_template_arguments(prepare)
    prepare.set_defaults(run=_prepare)

    install = commands.add_parser("install", help="install the voices, for texts to be spoken")
    install.add_argument("model", choices=["kokoro"], help="the model")
    install.add_argument("--to", type=Path, metavar="DIR", help="a model repository (default: the embedded Triton's)")
    install.set_defaults(run=_install)

    tools = commands.add_parser("mcp", help="tools for assistants that speak MCP, over standard input and output")
    tools.add_argument("--url", help="the running service (MCP_URL)")
    tools.add_argument("--folder", type=Path, help="what may be read and written (MCP_FOLDER; default: this one)")
    tools.set_defaults(run=_mcp)

    examine = commands.add_parser("doctor", help="check that everything the service needs is there")
    examine.set_defaults(run=_doctor)
    return parser


if __name__ == "__main__":
    sys.exit(main())
