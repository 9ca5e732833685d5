"""The catalogue of messages, and the errors that are raised with its names."""

from __future__ import annotations

import ast
import errno
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from string import Formatter

import av
import pytest

from digital_human import errors
from digital_human.errors import (
    BadInputError,
    JobTimeoutError,
    NoFaceError,
    OutputError,
    ServiceError,
    error_from_record,
)
from digital_human.messages import MESSAGES, text
from digital_human.messages.reasons import REASONS

PACKAGE = Path(__file__).resolve().parents[1] / "frontend" / "digital_human"
OPTIONS = {"transient", "retry_after"}
"""Arguments of errors that are no parameters of their messages."""


def raised() -> Iterator[tuple[str, str, set[str]]]:
    """Everything that makes an error in the code: (place, name of the message, names of the parameters)."""
    classes = {kind.__name__ for kind in errors.all_errors() if kind.__module__ == errors.__name__}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in classes:
                place = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                assert isinstance(node.args[0], ast.Constant), f"{place}: the name of a message is not written out"
                given = {str(keyword.arg) for keyword in node.keywords}
                yield place, str(node.args[0].value), given - OPTIONS


def parameters(template: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(template) if field is not None}


def test_every_error_raised_in_the_code_has_its_words_in_both_languages() -> None:
    found = list(raised())
    assert len(found) > 90
    for place, name, given in found:
        assert name in MESSAGES, f"{place}: {name} is not in the catalogue"
        assert given == parameters(MESSAGES[name].en), f"{place}: {name} is raised with {given}"


def test_every_message_is_used() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py") if path.parent.name != "messages")
    assert [name for name in MESSAGES if f'"{name}"' not in code] == []


@pytest.mark.parametrize("name", MESSAGES)
def test_both_languages_say_the_same(name: str) -> None:
    message = MESSAGES[name]
    assert parameters(message.en) == parameters(message.zh)
    assert message.en.strip() and message.zh.strip()
    # The field is told apart by the same mark in both languages.
    assert message.en.startswith("{field}: ") == message.zh.startswith("{field}: ")
    if message.en.strip("{}").isidentifier():
        return  # only a parameter
    assert any("\u4e00" <= character <= "\u9fff" for character in message.zh)
    assert not any("\u4e00" <= character <= "\u9fff" for character in message.en)


def test_reasons_of_the_system_are_told_in_the_language_too() -> None:
    error = OutputError("write_failed", field="save_path", reason="No space left on device")
    assert error.text("zh") == "save_path: 无法写入（磁盘空间不足）"
    assert error.text("en") == "save_path: cannot be written (No space left on device)"
    assert "as it is" in OutputError("write_failed", field="save_path", reason="as it is").text("zh")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EIO, errno.EDQUOT])
def test_what_the_system_says_of_a_full_or_broken_disk_is_known(number: int) -> None:
    assert os.strerror(number) in REASONS


def test_what_ffmpeg_says_of_a_broken_file_is_known() -> None:
    with pytest.raises(av.InvalidDataError) as broken:
        av.open(BytesIO(b"no media" * 100))
    assert broken.value.strerror in REASONS


def test_an_error_is_worded_in_both_languages() -> None:
    error = BadInputError("speech_too_long", field="audio_path", seconds=600.0)
    assert str(error) == error.text("en") == "audio_path: the speech is longer than 600 s"
    assert error.text("zh") == "audio_path: 语音超过 600 秒"
    assert error.name == "speech_too_long"


def test_an_error_with_a_text_of_its_own_shows_it_in_every_language() -> None:
    error = NoFaceError("the {pupils} are hidden")
    assert error.text("zh") == error.text("en") == "the {pupils} are hidden"
    assert (error.name, error.data) == ("no_face", None)


def test_an_error_comes_back_from_its_record() -> None:
    error = JobTimeoutError("job_timed_out", seconds=3.5)
    again = error_from_record(type(error).__name__, str(error), error.data)
    assert type(again) is JobTimeoutError
    assert (again.name, again.text("zh")) == (error.name, error.text("zh"))


@pytest.mark.parametrize(
    "data",
    [
        None,
        "text",
        {},
        {"error": "no_such_name"},
        {"error": "job_timed_out"},
        {"error": "job_timed_out", "params": {}},
        {"error": "job_timed_out", "params": {"seconds": "many"}},
    ],
)
def test_a_record_without_a_message_of_the_catalogue_keeps_its_text(data: object) -> None:
    error = error_from_record("TimedOut", "the job took longer than 3.5 s", data)
    assert type(error) is JobTimeoutError
    assert error.text("zh") == error.text("en") == "the job took longer than 3.5 s"
    assert error.name == "job_timed_out"


def test_an_error_that_is_not_ours_tells_nothing_of_itself() -> None:
    error = error_from_record("KeyError", "/etc/secret")
    assert (type(error), error.text("en")) == (ServiceError, text("internal_error", {}))
