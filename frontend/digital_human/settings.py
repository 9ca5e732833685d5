"""Every setting of the service, read from the environment (or an `.env` file) by its upper-case name.

`docs/settings.md` lists them for operators.
"""

from __future__ import annotations

import os
import re
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from digital_human.messages import Language
from digital_human.resources import bundled

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"
]

WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\[^\\/]")
"""The beginning of an absolute path of Windows: `D:\\folder`, `D:/folder` or `\\\\server\\share`."""


def _words(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _is_absolute(path: str) -> bool:
    return path.startswith("/") or WINDOWS_PATH.match(path) is not None


def _pairs(value: object) -> object:
    """Mappings: a=b,c=d -> ((a, b), (c, d))"""
    words = _words(value)
    if not isinstance(words, tuple):
        return words
    pairs = [tuple(word.split("=", 1)) if isinstance(word, str) else word for word in words]
    if any(len(pair) != 2 or not _is_absolute(str(pair[0])) or not str(pair[1]).startswith("/") for pair in pairs):
        raise ValueError(r"must be /host/prefix=/container/prefix or D:\prefix=/prefix pairs, separated by commas")
    return tuple(pairs)


def _networks(value: object) -> object:
    words = _words(value)
    if not isinstance(words, tuple):
        return words
    try:
        return tuple(ip_network(word) if isinstance(word, str) else word for word in words)
    except ValueError as error:
        raise ValueError(f"must be addresses or networks, as 192.168.0.0/16: {error}") from error


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_words)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_words)]
Mappings = Annotated[tuple[tuple[str, str], ...], NoDecode, BeforeValidator(_pairs)]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    base_path: Path = Field(
        Path("data"), description="Data folder; created at start. Relative paths of callers start here."
    )
    allowed_roots: Paths = Field(
        (), description="Further folders that callers may read and write, separated by commas."
    )
    host: str = Field("127.0.0.1", description="Address the REST service listens on.")
    port: int = Field(8308, description="Port the REST service listens on.")

    triton_url: str | None = Field(None, description="host:port of an external Triton (HTTP). Empty: the embedded one.")
    triton_wait_seconds: float = Field(
        300, ge=0, description="How long a job waits for a Triton that is not ready; then it fails with 503."
    )
    model_repository: Path = Field(bundled("model_repository"), description="What the embedded Triton serves.")
    own_models: Path | None = Field(
        None,
        description="Further model folders that the embedded Triton serves, such as weights that you bring; they go "
        "before those of MODEL_REPOSITORY. Empty: BASE_PATH/.state/models.",
    )

    engine: str = Field("default", description="Engine used where a request names none.")
    engine_modules: Words = Field((), description="Modules whose `register_engines(registry)` adds engines.")

    database_url: str | None = Field(
        None, description="postgresql://... where several services share one queue. Empty: SQLite in the state folder."
    )
    max_jobs: int = Field(1, ge=1, description="Jobs that one service runs at the same time; further ones wait.")
    helpers: int | None = Field(
        None,
        ge=0,
        description="Further processes, which draw segments of long jobs beside their own. "
        "Empty: as many as leave four processors to each process, three at most.",
    )
    max_avatars: int = Field(1000, ge=0, description="Avatars that one caller may keep; a further one is answered 409.")
    max_batches: int = Field(1000, ge=0, description="Batches that one caller may keep; a further one is answered 409.")
    max_queued: int = Field(100, ge=1, description="Jobs that may wait; a further one is answered 429.")
    batch_ahead: int = Field(
        4, ge=1, description="Rows of a batch that wait in the queue at a time; the others join it as these begin."
    )
    max_batch_rows: int = Field(10_000, ge=1, le=1_000_000, description="Rows that a batch may have.")
    max_batch_bytes: int = Field(32 * 2**20, gt=0, description="Largest body of a batch.")
    queue_poll_seconds: float = Field(0.1, gt=0, description="Seconds between two looks for a job that waits.")
    job_timeout: float = Field(6 * 3600, gt=0, description="Seconds a job may run; a request may ask for less.")
    segment_seconds: float = Field(20, gt=0, description="Seconds of video after which work done is never lost.")
    stall_seconds: float = Field(180, gt=0, description="Seconds without progress after which a job is ended.")
    job_memory_bytes: int = Field(16 * 2**30, ge=0, description="Memory of a job's process; 0 for no limit.")
    retries: int = Field(5, ge=0, description="Further attempts of a step after trouble with Triton or the disk.")
    shutdown_grace: float = Field(20, ge=0, description="Seconds a running segment has to finish after SIGTERM.")

    live_sessions: int = Field(4, ge=0, description="Live sessions at the same time; a further one is answered 429.")
    live_template: str = Field("", description="Template of /offer, for clients of LiveTalking: a path or avatar:name.")
    live_idle_seconds: float = Field(60, gt=0, description="Seconds without a client, after which a live session ends.")
    live_silent_seconds: float = Field(
        1800, gt=0, description="Seconds without speech, after which a live session ends."
    )
    live_token_seconds: float = Field(
        300, gt=0, description="How long the token in the addresses of a live session opens a connection."
    )
    live_crf: int = Field(23, ge=0, le=51, description="x264 constant rate factor of live pictures.")
    live_job_share: float = Field(
        0.25, gt=0, le=1, description="Share of the time in which queued jobs run while somebody speaks live."
    )
    live_ice_servers: Words = Field(
        (), description="STUN and TURN servers for WebRTC: stun:host:port, turn:user:password@host:port."
    )
    live_ice_networks: Networks = Field(
        (),
        description="Private networks in which WebRTC peers may lie, beside the address that their offer came from: "
        "192.168.0.0/16,fd00::/8.",
    )
    live_push_hosts: Words = Field(
        (),
        description="Hosts to which live sessions may be sent by RTMP or WHIP: names, *.names, addresses or networks. "
        "A name that leads to a private address needs that address or network in the list too.",
    )
    live_service: str = Field(
        "", description="Name of this service in the ids of its live sessions, for proxies. Empty: the host's name."
    )

    api_keys: Secrets = Field((), description="Keys of users, separated by commas; each sees its own tasks only.")
    operator_keys: Secrets = Field((), description="Keys that may also make operator calls. None: this machine may.")
    allow_anonymous: bool = Field(False, description="Take calls without a key although HOST is no loopback address.")
    path_mappings: Mappings = Field(
        (),
        description=r"/host/prefix=/container/prefix pairs, separated by commas, applied to callers' paths. "
        r"The first may be a path of Windows: D:\data=/data.",
    )
    message_language: Language = Field(
        "en", description="Language of messages where Accept-Language asks for neither: en or zh."
    )
    easy_forget_seconds: float = Field(
        60, ge=0, description="How long /easy/query repeats that a job has ended. Then the code is free, and unknown."
    )
    easy_folder: str = Field("temp", description="Below BASE_PATH, where clients of /easy/submit keep their files.")
    max_json_bytes: int = Field(256 * 2**10, gt=0, description="Largest body of a request, uploads aside.")
    allowed_hosts: Words = Field(
        (), description="Further names of this service in the Host header, where it runs on loopback without keys."
    )
    allowed_origins: Words = Field((), description="Web pages of others that may call, as https://example.org.")
    header_seconds: float = Field(20, gt=0, description="Seconds in which the headers of a request must arrive.")
    max_upload_bytes: int = Field(2 * 2**30, gt=0, description="Largest file taken by upload or fetched from a URL.")
    keep_seconds: float = Field(24 * 3600, gt=0, description="How long uploads, and results without a path, are kept.")
    url_hosts: Words = Field(
        (),
        description="Hosts from which inputs may be fetched by http(s): names, *.names, addresses or networks. "
        "A name that leads to a private address needs that address or network in the list too.",
    )
    fetch_seconds: float = Field(300, gt=0, description="Seconds one fetch may take.")
    callback_hosts: Words = Field((), description="Hosts that `callback_url` may name; the same forms.")
    callback_progress_seconds: float = Field(
        5, gt=0, description="Between two webhooks with the progress of a job, unless a new stage begins."
    )
    webhook_secret: SecretStr | None = Field(None, description="Key of the webhooks' HMAC signature.")

    aigc_producer: str = Field("", description="ContentProducer of the implicit label in each file (GB 45438-2025).")
    require_visible_mark: bool = Field(False, description="Lay the digital-human mark over every video.")
    c2pa_certificate: Path | None = Field(None, description="Certificate chain (PEM) for C2PA content credentials.")
    c2pa_private_key: Path | None = Field(None, description="Its private key (PEM, ES256).")
    c2pa_timestamp_url: str | None = Field(None, description="Time-stamping authority for C2PA; optional.")

    inspect: Literal["all", "sample", "off"] = Field(
        "sample", description="Drawn frames that are looked at before they leave: all, about one in 25, or none."
    )
    batch_size: int = Field(16, ge=1, le=64, description="Frames drawn together, at most; best a multiple of 4.")
    max_audio_seconds: float = Field(3600, gt=0, description="Longest speech accepted.")
    max_template_seconds: float = Field(1200, gt=0, description="Longest template accepted.")
    max_template_pixels: int = Field(4096 * 2304, gt=0, description="Largest picture accepted, width times height.")
    template_cache_bytes: int = Field(4 * 2**30, ge=0, description="Size of the store of analysed templates.")

    max_text_characters: int = Field(20_000, gt=0, description="Longest text accepted to be spoken.")
    voices_idle_seconds: float = Field(
        600, ge=30, description="Seconds after which the embedded Triton lets go of voices that nobody uses."
    )
    speech_url: str | None = Field(
        None,
        description="Speech server that speaks texts in place of the voices that ship, asked as OpenAI's: "
        "http://host:port/v1. Voices' names are passed through.",
    )
    speech_key: SecretStr | None = Field(None, description="Its key, sent as `Authorization: Bearer`.")
    speech_model: str = Field("tts-1", description="The model that it is asked for.")
    speech_voices: Words = Field(
        (), description="Its voices that are offered, separated by commas; the first is usual. Empty: alloy."
    )
    speech_seconds: float = Field(120, gt=0, description="Seconds it may take for one sentence.")

    encoder_preset: Preset = Field("superfast", description="x264 preset.")
    encoder_crf: int = Field(18, ge=0, le=51, description="x264 constant rate factor; smaller is better and larger.")
    hardware_encoder: bool = Field(True, description="NVENC where a card and its driver offer it.")
    hardware_decoder: bool = Field(False, description="NVDEC likewise; where it was measured it gained nothing.")
    watermark_image: Path = Field(
        Path(__file__).parent / "assets" / "watermark.png",
        description="Picture laid over the output by `watermark: 1`.",
    )
    mcp_url: str = Field("http://127.0.0.1:8308", description="Service that `digital-human mcp` talks to.")
    mcp_api_key: SecretStr | None = Field(None, description="Its key, where it asks for one.")
    mcp_folder: Path = Field(Path("."), description="Folder that `digital-human mcp` reads from and writes to.")

    log_level: str = Field("INFO", description="Least severity that is logged.")
    log_dir: Path | None = Field(None, description="Folder of a rotating log file, JSON lines. Empty: no file.")
    otel_exporter_otlp_endpoint: str | None = Field(
        None, description="OpenTelemetry collector (OTLP over HTTP) that gets a trace of each job. Empty: no traces."
    )

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        if (self.c2pa_certificate is None) != (self.c2pa_private_key is None):
            raise ValueError("C2PA_CERTIFICATE and C2PA_PRIVATE_KEY go together")
        if self.callback_hosts and self.webhook_secret is None:
            raise ValueError("CALLBACK_HOSTS needs a WEBHOOK_SECRET to sign with")
        return self

    @property
    def caller_roots(self) -> tuple[Path, ...]:
        """Folders that callers may read and write, symbolic links resolved."""
        return tuple(Path(os.path.realpath(root)) for root in (self.base_path, *self.allowed_roots))

    @property
    def roots(self) -> tuple[Path, ...]:
        """Folders below which the files of jobs lie: those of callers, and `state_path`, maybe on another disk."""
        return (*self.caller_roots, self.state_path)

    @property
    def state_path(self) -> Path:
        """What the service keeps for itself: analysed templates, compiled networks, jobs, uploads, results, queue.

        `BASE_PATH/.state`, or the folder that this symbolic link leads to.
        """
        return Path(os.path.realpath(self.base_path / ".state"))

    @property
    def model_repositories(self) -> tuple[Path, Path]:
        """Where the embedded Triton finds models; a later folder goes before an earlier one."""
        return self.model_repository, self.own_models or self.state_path / "models"

    @property
    def remote_voices(self) -> tuple[str, ...]:
        """Voices of the speech server that SPEECH_URL names."""
        return self.speech_voices or ("alloy",)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can call."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False
