"""Avatars on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from digital_human.errors import ConflictError
from digital_human.files import avatars
from digital_human.files.avatars import Avatar
from digital_human.settings import Settings


def test_an_owner_keeps_so_many_and_no_more(tmp_path: Path) -> None:
    settings = Settings(base_path=tmp_path, max_avatars=2)
    settings.state_path.mkdir()

    def keep(name: str, owner: str = "alice") -> None:
        avatar = Avatar(f"id of {name}", name, owner, 0.0, "x", url="http://host/x")
        avatars.keep(avatar, None, None, settings)

    keep("one")
    keep("two")
    with pytest.raises(ConflictError) as refused:
        keep("three")
    assert refused.value.name == "avatars_full"
    keep("three", "bob")
    with pytest.raises(ConflictError) as refused:
        keep("two")
    assert refused.value.name == "avatar_exists"
    avatars.remove(avatars.find("one", "alice", settings))
    keep("three")
