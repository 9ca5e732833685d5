"""What callers see of an avatar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, Field

from digital_human import messages
from digital_human.api.models import TaskError
from digital_human.errors import error_from_record
from digital_human.files.avatars import SHARED, Avatar, KeptAvatar
from digital_human.messages import Language


@dataclass(frozen=True)
class Reader:
    """Who sees it. owner: under which their own avatars are kept"""

    owner: str
    is_operator: bool
    language: Language

    def sees_consent(self, avatar: Avatar) -> bool:
        """That of a shared avatar is not for everybody who uses it: it may have a name and a signature."""
        return self.is_operator or avatar.owner == self.owner

    def address(self, avatar: Avatar, what: str) -> str:
        whose = "" if avatar.owner == self.owner else f"?owner={avatar.owner}"
        return f"/avatars/{quote(avatar.name)}/{what}{whose}"


class Warned(BaseModel):
    warning: str = Field(description="The message's name, the same in every language.")
    message: str = Field(description="In English, or in Chinese if `Accept-Language` prefers it.")


class AvatarView(BaseModel):
    name: str
    state: Literal["studying", "ready", "failed"]
    progress: float = Field(description="Of the study, 0-1.")
    error: TaskError | None = Field(None, description="Why it cannot be used.")
    shared: bool = Field(description="Whether every caller may use it.")
    created: datetime
    video_path: str = Field(description="As it was given.")
    engine: str
    voice: str
    options: dict[str, Any] = Field(description="Options that hold where a request names none, such as `face`.")
    owner: str = Field(description="`shared`, or by what its maker's key is known: for operators.")
    has_consent: bool = Field(description="Whether the person's consent is kept.")
    consent: str | None = Field(description="Its words; null where another's shared avatar has them.")
    consent_file: str | None = Field(description="Address of the file with it; null likewise.")
    thumbnail: str | None = Field(description="Address of its picture.")
    width: int | None = None
    height: int | None = None
    fps: str | None = None
    frames: int | None = None
    seconds: float | None = None
    face_width: int | None = Field(None, description="From ear to ear, pixels, over its frames.")
    frames_without_face: int | None = None
    frames_covered: int | None = Field(None, description="In which something hides part of the lips.")
    mouth: Literal["talking", "closed", "picture"] | None = None
    cuts: int | None = None
    hdr: str | None = Field(None, description="HLG or PQ where its colours are converted from HDR.")
    alpha: bool | None = Field(None, description="Whether it is partly transparent.")
    warnings: list[Warned] = Field(default_factory=list, description="What the video will suffer from.")

    @staticmethod
    def of(kept: KeptAvatar, progress: float, reader: Reader) -> AvatarView:
        avatar, study, language = kept.avatar, kept.study or {}, reader.language
        error, sees_consent = study.get("error"), reader.sees_consent(avatar)
        return AvatarView(
            name=avatar.name,
            state="studying" if not study else "failed" if error else "ready",
            progress=progress,
            error=error and TaskError.of(error_from_record(error["class"], error["message"], error["data"]), language),
            shared=avatar.owner == SHARED,
            created=datetime.fromtimestamp(avatar.created, timezone.utc),
            video_path=avatar.source,
            engine=avatar.engine,
            voice=avatar.defaults.get("voice", ""),
            options=dict(avatar.defaults.get("options", {})),
            owner=avatar.owner,
            has_consent=bool(avatar.consent or avatar.consent_file),
            consent=avatar.consent if sees_consent else None,
            consent_file=reader.address(avatar, "consent") if sees_consent and avatar.consent_file else None,
            thumbnail=reader.address(avatar, "thumbnail") if kept.thumbnail.is_file() else None,
            warnings=[
                Warned(warning=name, message=messages.text(name, params, language))
                for name, params in study.get("warnings", ())
            ],
            **study.get("facts", {}),
        )


class AvatarResponse(BaseModel):
    code: int = 200
    message: str = "success"
    data: AvatarView


class Avatars(BaseModel):
    avatars: list[AvatarView]


class AvatarsResponse(BaseModel):
    code: Literal[200] = 200
    message: str = "success"
    data: Avatars
