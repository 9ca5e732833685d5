"""`digital-human doctor`: is everything there that the service needs, and if not, what to do."""

from __future__ import annotations

import os
import shutil
import socket
from importlib.util import find_spec
from pathlib import Path

import av
import httpx
from rich.markup import escape
from rich.table import Table

from digital_human.api.app import TITLE
from digital_human.engines.registry import load_engines
from digital_human.errors import ServiceError
from digital_human.media import hardware
from digital_human.runtime.context import models_needed
from digital_human.settings import Settings
from digital_human.speech import espeak, model
from digital_human.triton import schema
from digital_human.triton.embedded import install
from digital_human.triton.embedded.install import Check
from digital_human.triton.embedded.server import TritonServer
from digital_human.triton.repository import installed

DEVICES = Path("/dev")
_SHM_WANTED = 64 * 2**20
_DISK_WANTED = 2 * 2**30


def examine(settings: Settings) -> list[Check]:
    """All checks; starts the embedded Triton once, unless an external one is set."""
    return [
        *_triton(settings),
        _voices(settings),
        *_codecs(settings),
        _gpu(settings),
        _shared_memory(),
        _port(settings),
        *_folders(settings),
    ]


def table(checks: list[Check]) -> Table:
    """One row a check, with what to do under each that failed."""
    result = Table("", "check", "found", title="digital-human doctor")
    for check in checks:
        found = escape(check.detail)  # which may have brackets, as of an extra
        if not check.ok and check.fix:
            found += f"\n[bold]fix:[/bold] {escape(check.fix)}"
        result.add_row("[green]ok[/green]" if check.ok else "[red]NO[/red]", check.name, found)
    return result


def _triton(settings: Settings) -> list[Check]:
    needed = models_needed(load_engines(settings.engine_modules).find(settings.engine))
    if settings.triton_url:
        try:
            schema.check(settings.triton_url, needed)
        except ServiceError as error:
            fix = "start it with this project's model_repository, or unset TRITON_URL to use the embedded server"
            return [Check("external Triton", False, str(error), fix)]
        return [Check("external Triton", True, f"{settings.triton_url} serves {', '.join(needed)}")]
    parts = install.checks()
    if not all(check.ok for check in parts):
        return parts
    present = {name for repository in settings.model_repositories for name in installed(repository)}
    missing = [name for name in needed if name not in present]
    if missing:
        fix = "set MODEL_REPOSITORY to a folder that has them, or unset it to use the ones that ship"
        return [*parts, Check("model repository", False, f"no network {', '.join(missing)}", fix)]
    try:
        with TritonServer(*settings.model_repositories, needed=needed) as server:
            server.ready()
            schema.check(server.url, needed)
    except ServiceError as error:
        fix = "the lines of the log above say more; LOG_LEVEL=DEBUG shows all of Triton's"
        return [*parts, Check("Triton starts", False, str(error), fix)]
    return [*parts, Check("Triton starts", True, f"ready: {', '.join(needed)}")]


def _voices(settings: Settings) -> Check:
    """Texts need them; nothing else does."""
    if settings.speech_url:
        return Check("voices", True, f"{settings.speech_url} speaks")
    if not settings.triton_url and not model.is_installed(*settings.model_repositories):
        return Check(
            "voices",
            True,
            "none, so texts cannot be spoken: pip install 'digital-human-service[voices]', "
            "digital-human install kokoro",
        )
    missing = [name for name in ("misaki", "pypinyin", "jieba") if find_spec(name) is None]
    others = "with espeak-ng" if espeak.is_installed() else "without espeak-ng, so English and Mandarin only"
    found = f"lacks {', '.join(missing)}" if missing else f"kokoro, {others}"
    return Check("voices", not missing, found, "pip install 'digital-human-service[voices]'")


def _codecs(settings: Settings) -> list[Check]:
    used = []
    if settings.hardware_encoder and hardware.encoder() == hardware.NVENC:
        used.append("NVENC")
    if settings.hardware_decoder and hardware.decoder() is not None:
        used.append("NVDEC")
    return [
        *(
            Check(f"codec {name}", name in av.codecs_available, use, "pip install --force-reinstall av")
            for name, use in (("libx264", "H.264 encoding"), ("h264", "H.264 decoding"), ("aac", "sound"))
        ),
        Check("codecs of a GPU", True, ", ".join(used) or "none used"),
    ]


def _gpu(settings: Settings) -> Check:
    devices = ", ".join(sorted(path.name for path in DEVICES.glob("nvidia[0-9]*")))
    if not devices:
        return Check("GPU", True, "none seen; the networks run on the CPU")
    if shutil.which("nvidia-smi") is None:
        return Check("GPU", False, devices, "install the NVIDIA driver's tools, or run on the CPU as it is")
    if settings.triton_url:
        return Check("GPU", True, devices)
    unused = install.why_not_on_gpu(install.onnxruntimes())
    fix = "pip uninstall -y onnxruntime onnxruntime-gpu; pip install '.[gpu]'; or run on the CPU as it is"
    return Check("GPU", not unused, f"{devices}; {unused}" if unused else devices, fix)


def _shared_memory() -> Check:
    size = shutil.disk_usage("/dev/shm").total
    return Check(
        "/dev/shm",
        size >= _SHM_WANTED,
        f"{size // 2**20} MiB",
        "give the container more: shm_size: 2g, or --shm-size=2g",
    )


def _port(settings: Settings) -> Check:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if _is_served(settings):
                return Check("port", True, f"{settings.host}:{settings.port}: this service, which runs already")
            fix = "stop what uses it, or set PORT"
            return Check("port", False, f"{settings.host}:{settings.port}: {error.strerror}", fix)
    return Check("port", True, f"{settings.host}:{settings.port} is free")


def _is_served(settings: Settings) -> bool:
    """Whether it is this service that answers there: the usual case inside its own container."""
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host
    try:
        answer = httpx.get(f"http://{host}:{settings.port}/openapi.json", timeout=5, trust_env=False)
        return bool(answer.json()["info"]["title"] == TITLE)
    except (httpx.HTTPError, ValueError, LookupError, TypeError):
        return False


def _folders(settings: Settings) -> list[Check]:
    base = settings.base_path
    existing = next(folder for folder in (base.absolute(), *base.absolute().parents) if folder.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    checks = [Check("BASE_PATH", writable, str(base.absolute()), "set BASE_PATH to a folder this account may write to")]
    if writable:
        free = shutil.disk_usage(existing).free
        checks.append(Check("disk", free >= _DISK_WANTED, f"{free / 2**30:.1f} GiB free", "make room for results"))
    missing = [str(root) for root in settings.allowed_roots if not root.is_dir()]
    fix = "create or mount them, or change ALLOWED_ROOTS"
    roots = ", ".join(map(str, settings.caller_roots))
    checks.append(Check("allowed roots", not missing, f"missing: {', '.join(missing)}" if missing else roots, fix))
    return checks
