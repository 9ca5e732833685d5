"""The language of messages, by the header `Accept-Language`."""

from __future__ import annotations

import pytest

from digital_human.api.language import preferred_language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-Hant-TW", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("fr,zh;q=0.5,en;q=0.4", "zh"),
        ("fr;q=1, en;q=0.3, zh;q=0.7", "zh"),
        ("zh;q=0", "en"),
        ("ZH-cn", "zh"),
        ("de, *", "en"),
        ("zh;q=abc, ;;,", "en"),
    ],
)
def test_the_language_is_what_the_caller_prefers(header: str | None, language: str) -> None:
    assert preferred_language(header) == language
