"""Every setting of the service, read from the environment (or an `.env` file) by its upper-case name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore", env_ignore_empty=True)

    base_path: Path = Field(
        Path("data"), description="Data folder; created at start. Relative paths of callers start here."
    )
    allowed_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="Further folders that callers may read and write, separated by commas."
    )
    host: str = Field("127.0.0.1", description="Address the REST service listens on.")
    port: int = Field(8308, description="Port the REST service listens on.")

    operator_key: str = Field(
        "", description="What operator calls need as bearer token. Empty: they are answered from this machine only."
    )

    triton_url: str | None = Field(None, description="host:port of an external Triton (HTTP). Empty: the embedded one.")
    model_repository: Path = Field(ROOT / "model_repository", description="What the embedded Triton serves.")

    engine: str = Field("default", description="Engine used where a request names none.")
    max_jobs: int = Field(1, ge=1, description="Jobs that run at the same time; further ones wait.")
    batch_size: int = Field(16, ge=1, le=64, description="Frames that go through the pipeline together.")
    max_audio_seconds: float = Field(3600, gt=0, description="Longest speech accepted.")
    max_template_seconds: float = Field(1200, gt=0, description="Longest template accepted.")
    template_cache_bytes: int = Field(4 * 2**30, ge=0, description="Size of the store of analysed templates.")

    encoder_preset: str = Field("veryfast", description="x264 preset.")
    encoder_crf: int = Field(18, ge=0, le=51, description="x264 constant rate factor; smaller is better and larger.")
    watermark_image: Path = Field(
        ROOT / "frontend" / "assets" / "watermark.png", description="Picture laid over the output by `watermark: 1`."
    )
    log_level: str = Field("INFO", description="Least severity that is logged.")

    @field_validator("allowed_roots", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @property
    def roots(self) -> tuple[Path, ...]:
        """Folders that callers may read and write, symbolic links resolved."""
        return tuple(Path(os.path.realpath(root)) for root in (self.base_path, *self.allowed_roots))

    @property
    def state_path(self) -> Path:
        """What the service keeps for itself: analysed templates."""
        return self.base_path / ".state"
