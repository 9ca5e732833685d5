"""Avatars: templates that are kept by name, each a folder of its owner's.

    avatars/<owner>/<digest of the name>/
        avatar.json    what its maker said of it, never changed
        template       the video or picture
        consent        the person's consent as a file, where one was given
        study.json     how the study of the template ended; absent until then
        thumbnail.jpg

A folder is renamed into its place when it is whole, so there is no half avatar.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import unicodedata
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from digital_human.errors import BadInputError, ConflictError, NotFoundError, error_from_record
from digital_human.files.atomic import OWN_FOLDER, atomic_write, disk_errors, sync
from digital_human.files.sandbox import open_file
from digital_human.settings import Settings

PREFIX = "avatar:"
SHARED = "shared"
"""The owner of avatars that every caller may use. No key and no caller has that name."""


@dataclass(frozen=True)
class Avatar:
    """What its maker said of it.

    id:           of the workflow that studies it
    owner:        whose it is, or `SHARED`
    created:      seconds since 1970
    source:       the template as it was given
    url:          of a template that the study fetches
    engine:       for which it is studied
    defaults:     fields of a request that hold where a job with it names none: `voice`, `face`, `trim` ...
    consent:      the person's consent in words
    consent_file: the name of the file with it
    """

    id: str
    name: str
    owner: str
    created: float
    source: str
    url: str | None = None
    engine: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    consent: str | None = None
    consent_file: str | None = None


@dataclass(frozen=True)
class KeptAvatar:
    """An avatar on the disk. study: what `write_study` wrote; None while it is studied"""

    avatar: Avatar
    folder: Path
    study: Mapping[str, Any] | None

    @property
    def template(self) -> Path:
        return self.folder / "template"

    @property
    def thumbnail(self) -> Path:
        return self.folder / "thumbnail.jpg"

    @property
    def consent(self) -> Path:
        return self.folder / "consent"

    @property
    def content(self) -> str | None:
        """Hash of the template's content, by which its analyses are stored; None unless it has been studied."""
        return (self.study or {}).get("content")


def is_avatar(text: str) -> bool:
    return text.startswith(PREFIX)


def avatars_folder(settings: Settings) -> Path:
    return settings.state_path / "avatars"


def keep(avatar: Avatar, template: Path | None, consent: Path | None, settings: Settings) -> KeptAvatar:
    """Copy the files and keep the avatar. One of that name whose study failed is replaced.

    template, consent: files below the allowed folders; the template is None where a URL names it
    Raises ConflictError where there is an avatar of that name, or the owner has MAX_AVATARS, and OutputError.
    """
    folder = _place(avatar.owner, avatar.name, settings)
    if len(_names(folder.parent)) >= settings.max_avatars and not folder.exists():
        raise ConflictError("avatars_full", most=settings.max_avatars)
    with disk_errors(OWN_FOLDER):
        part = avatars_folder(settings) / f".{uuid.uuid4().hex}"
        part.mkdir(parents=True)
        try:
            for source, name, which in ((template, "template", "video_path"), (consent, "consent", "consent_path")):
                if source is not None:
                    _copy(source, part / name, which, settings)
            (part / "avatar.json").write_text(json.dumps(asdict(avatar), ensure_ascii=False))
            sync(part / "avatar.json")
            folder.parent.mkdir(exist_ok=True)
            _remove_failed(folder)
            try:
                os.rename(part, folder)
            except OSError as error:
                if folder.exists():
                    raise ConflictError("avatar_exists", name=avatar.name) from error
                raise
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return KeptAvatar(avatar, folder, None)


def find(name: str, owner: str, settings: Settings) -> KeptAvatar:
    """The owner's avatar of that name, or else the shared one. Raises NotFoundError."""
    for whose in (owner, SHARED):
        if (kept := _read(_place(whose, name, settings))) is not None:
            return kept
    raise NotFoundError("avatar_not_found")


def find_of(name: str, owner: str, settings: Settings) -> KeptAvatar:
    """The avatar of that name of exactly this owner, or `SHARED`. Raises NotFoundError."""
    if (kept := _read(_place(owner, name, settings))) is None:
        raise NotFoundError("avatar_not_found")
    return kept


def any_owners(name: str, settings: Settings) -> KeptAvatar:
    """The avatar of that name, whosever it is; the first one made if there are several. Raises NotFoundError."""
    found = [kept for kept in every(settings) if kept.avatar.name == checked_name(name)]
    if not found:
        raise NotFoundError("avatar_not_found")
    return min(found, key=lambda kept: kept.avatar.created)


def template_of(text: str, field: str, owner: str, settings: Settings) -> Path:
    """The template of `avatar:NAME`. Raises NotFoundError, ConflictError, and what its study ended with."""
    try:
        kept = find(text.removeprefix(PREFIX), owner, settings)
    except NotFoundError as error:
        raise NotFoundError("no_such_avatar") from error
    if kept.study is not None and (failure := kept.study.get("error")):
        raise error_from_record(failure["class"], failure["message"], failure["data"])
    if not kept.template.is_file():
        raise ConflictError("avatar_not_ready", field=field)
    return kept.template


def every(settings: Settings, owner: str | None = None) -> Iterator[KeptAvatar]:
    """The owner's avatars and the shared ones, by name; of all owners for None."""
    root = avatars_folder(settings)
    owners = [owner, SHARED] if owner is not None else sorted(_names(root))
    found = [_read(folder) for whose in owners for folder in (root / whose / name for name in _names(root / whose))]
    yield from sorted((kept for kept in found if kept is not None), key=lambda kept: kept.avatar.name)


def by_id(avatar_id: str, settings: Settings) -> KeptAvatar:
    """Raises NotFoundError where it has been removed since."""
    for kept in every(settings):
        if kept.avatar.id == avatar_id:
            return kept
    raise NotFoundError("avatar_not_found")


def write_study(kept: KeptAvatar, study: Mapping[str, Any]) -> None:
    """Put the outcome of the study on record. Does nothing where the avatar has been removed. Raises OutputError."""
    if kept.folder.exists():
        with atomic_write(kept.folder / "study.json") as part:
            part.write_text(json.dumps(study, ensure_ascii=False))


def remove(kept: KeptAvatar) -> None:
    """Remove all of it, its record first. Raises OutputError."""
    with disk_errors(OWN_FOLDER):
        (kept.folder / "avatar.json").unlink(missing_ok=True)
        shutil.rmtree(kept.folder)


def contents(settings: Settings) -> set[str]:
    """The contents whose analyses are kept as long as an avatar has them."""
    return {kept.content for kept in every(settings) if kept.content is not None}


def checked_name(name: str) -> str:
    """The name as it is kept: letters, digits, spaces, `.`, `_` and `-`, 64 at most. Raises BadInputError."""
    name = unicodedata.normalize("NFC", name).strip()
    if not 0 < len(name) <= 64 or not all(letter.isalnum() or letter in " ._-" for letter in name) or name[0] in ".-":
        raise BadInputError("avatar_name_invalid")
    return name


def _place(owner: str, name: str, settings: Settings) -> Path:
    plain = unicodedata.normalize("NFC", name).strip()
    digest = hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return avatars_folder(settings) / owner / digest


def _read(folder: Path) -> KeptAvatar | None:
    try:
        record = json.loads((folder / "avatar.json").read_text())
    except (OSError, ValueError):
        return None
    study = None
    with suppress(OSError, ValueError):
        study = json.loads((folder / "study.json").read_text())
    return KeptAvatar(Avatar(**{name: record[name] for name in _FIELDS if name in record}), folder, study)


_FIELDS = [one.name for one in fields(Avatar)]


def _names(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _remove_failed(folder: Path) -> None:
    kept = _read(folder)
    if kept is None or (kept.study is not None and kept.study.get("error")):
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, target: Path, field: str, settings: Settings) -> None:
    with open_file(source, settings.roots, field) as descriptor, target.open("wb") as file:
        with open(descriptor, "rb", closefd=False) as content:
            shutil.copyfileobj(content, file, 2**20)
        file.flush()
        os.fsync(file.fileno())
