"""From the rows of a batch to requests for jobs, each row checked on its own."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError

from digital_human.api.errors import invalid_field
from digital_human.api.models import GenerateRequest
from digital_human.errors import BadInputError, ServiceError, TooLargeError
from digital_human.files import batches, names
from digital_human.files.batch_rows import Kind, Made, Row, read_sheet
from digital_human.files.batches import Batch, KeptBatch
from digital_human.files.uploads import upload_name
from digital_human.jobs.batches import refusal, to_record
from digital_human.settings import Settings

PRIORITY = 7
"""Of rows that name none: a batch lets single requests go first."""
_EITHER = (("video_path", "avatar"), ("audio_path", "text"))
"""Fields of which a row has one. Its own goes before a default for the other."""


def text_fields() -> frozenset[str]:
    """The fields whose values are texts, even those that look like numbers."""
    texts = {name for name, field in GenerateRequest.model_fields.items() if _is_text(field.annotation)}
    return frozenset(texts | {"name"})


def check_pattern(pattern: str | None) -> None:
    """Raises BadInputError where every row would be written to the same file."""
    if pattern is not None and "{row}" not in pattern and "{name}" not in pattern:
        raise BadInputError("batch_pattern_fixed")


def keep_sheet(
    body: Path,
    kind: Kind,
    head: dict[str, Any],
    batch: Batch,
    settings: Settings,
    adapt: Callable[[Row], Row] = lambda row: row,
) -> KeptBatch:
    """Check every row of a file, and keep the batch.

    head:  `name`, `save_path` and `defaults`; those in JSON go before
    adapt: changes each row before it is checked
    Raises BadInputError where the file cannot be used at all, and TooLargeError.
    """
    sheet = read_sheet(body, kind, text_fields())
    said = {**head, **{field: value for field, value in sheet.head.items() if value is not None}}
    if unknown := sorted(said.keys() - head.keys()):
        raise BadInputError("field_unknown", field=unknown[0][:100])
    name, pattern, defaults = said["name"], said["save_path"], said["defaults"]
    for field, value, kind_of in (("name", name, str), ("defaults", defaults, dict), ("save_path", pattern or "", str)):
        if not isinstance(value, kind_of):
            raise BadInputError("field_invalid", field=field, reason=f"must be {kind_of.__name__}")
    check_pattern(pattern)
    rows = records(map(adapt, sheet.rows), defaults, pattern, batch.owner, settings)
    return batches.keep(replace(batch, name=name[:200]), rows, settings)


def records(
    rows: Iterator[Row], defaults: Mapping[str, Any], pattern: str | None, owner: str, settings: Settings
) -> Iterator[dict[str, Any]]:
    """What `batches.keep` keeps of each row that is not made yet: its name, and a job or why there is none.

    A row behind one that is made has its `number` too, for it is not the one by which the batch counts it.
    pattern: where results go, with `{row}` and `{name}`; None to keep them
    Raises TooLargeError after `max_batch_rows`, BadInputError where there is no row.
    """
    taken: dict[str, int] = {}
    row = skipped = 0
    for row, given in enumerate(rows, 1):
        if row > settings.max_batch_rows:
            raise TooLargeError("batch_too_long", most=settings.max_batch_rows)
        if isinstance(given, Made):
            taken[given.save_path] = row
            skipped += 1
            continue
        name = str(given.get("name") or given.get("title") or "") if isinstance(given, Mapping) else ""
        try:
            if isinstance(given, ServiceError):
                raise given
            body = _body(given, defaults)
            name = name or _called(body, owner, settings)
            if body.save_path is None and pattern is not None:
                body.save_path = pattern.replace("{row}", f"{row:04d}").replace("{name}", file_name(name) or f"{row}")
            if body.save_path is not None:
                if body.save_path in taken:
                    raise BadInputError("batch_save_path_taken", row=taken[body.save_path])
                taken[body.save_path] = row
            body.title = body.title or name[:200] or None
            job = body.job_request("", owner)
            order = to_record(job)
        except ServiceError as error:
            order = refusal(error)
        yield {"name": name, **({"number": row} if skipped else {}), **order}
    if row == 0:
        raise BadInputError("batch_empty")


def file_name(name: str) -> str:
    """A row's name as that of a file; may be empty. Braces would be filled in."""
    return names.file_name(name, names.RESERVED + "{}")


def _body(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> GenerateRequest:
    kept = dict(defaults)
    for pair in _EITHER:
        if any(given.get(field) is not None for field in pair):
            for field in pair:
                kept.pop(field, None)
    fields = {"priority": PRIORITY, **kept, **given}
    fields.pop("name", None)
    unknown = sorted(fields.keys() - GenerateRequest.model_fields.keys())
    if unknown:
        raise BadInputError("field_unknown", field=unknown[0][:100])
    try:
        return GenerateRequest.model_validate(fields)
    except ValidationError as error:
        raise invalid_field(error.errors()[0]) from error


def _called(body: GenerateRequest, owner: str, settings: Settings) -> str:
    """A name for a row that has none: that of its recording, or its first words."""
    given = str(getattr(body, "audio_path", None) or "")
    if given:
        return Path(upload_name(given, owner, settings) or given.replace("\\", "/")).stem[:80]
    return " ".join(str(getattr(body, "text", None) or "").split()[:6])[:40]


def _is_text(annotation: Any) -> bool:
    if get_origin(annotation) in (Union, types.UnionType):
        return all(one is str or one is type(None) for one in get_args(annotation))
    return annotation is str
