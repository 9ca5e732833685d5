"""Avatars, voices and batches through the client, against the real service."""

from __future__ import annotations

import asyncio
import csv
import io
import shutil
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest

from digital_human.client import AsyncClient, Avatar, Batch, Client, ClientError

REPORT = "report.csv"


def report(archive: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(archive) as file:
        assert file.testzip() is None
        return list(csv.DictReader(io.StringIO(file.read(REPORT).decode("utf-8-sig"))))


def test_an_avatar_is_made_used_in_a_batch_and_deleted(
    address: str, samples: Path, voice: Path, tmp_path: Path
) -> None:
    seen: list[Avatar] = []
    steps: list[Batch] = []
    with Client(address) as client:
        (tmp_path / "signed.txt").write_text("I agree")
        made = client.make_avatar(
            "of the client", samples / "template.mkv", consent_file=tmp_path / "signed.txt", progress=seen.append
        )
        assert (made.state, made.progress) == ("ready", 1.0) and seen[-1] == made
        assert made.view["has_consent"] and made.warnings == []
        assert "of the client" in [avatar.name for avatar in client.avatars()]

        rows: list[dict[str, Any]] = [
            {"audio_path": voice, "name": "one"},
            {"audio_path": "gone.wav"},
            {"audio_path": voice, "preview": 0.4},
        ]
        batch = client.make_batch(rows, name="night", defaults={"avatar": "of the client"})
        batch = client.wait_for_batch(batch.id, steps.append)
        assert (batch.state, batch.progress, steps[-1]) == ("ended", 1.0, batch)
        assert batch.counts["succeeded"] == 2
        assert list(batch.failures) == [2] and "no such file" in batch.failures[2]
        assert [row["state"] for row in client.batch_rows(batch.id)] == ["succeeded", "failed", "succeeded"]
        assert batch.id in [one.id for one in client.batches()]
        with pytest.raises(ClientError, match="ended"):
            client.cancel_batch(batch.id)
        lines = report(client.download_batch(batch.id, tmp_path / "night.zip"))
        assert [line["state"] for line in lines] == ["succeeded", "failed", "succeeded"]
        client.delete_batch(batch.id)
        with pytest.raises(ClientError) as caught:
            client.batch(batch.id)
        assert caught.value.code == 404

        client.delete_avatar("of the client")
        with pytest.raises(ClientError, match="no such avatar"):
            client.avatar("of the client")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["night.zip", "signed.txt"]


def test_they_are_awaited_too(address: str, samples: Path, voice: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "night.csv"
    sheet.write_text("name,video_path,audio_path\nnobody,avatar:nobody,gone.wav\n")

    async def go() -> None:
        async with AsyncClient(address) as client:
            with pytest.raises(ClientError, match="video") as caught:
                await client.make_avatar("no picture", voice)
            assert caught.value.code == 400
            with pytest.raises(ClientError):
                await client.avatar("no picture")
            shutil.copy(samples / "template.mkv", tmp_path / "again.mkv")
            made = await client.make_avatar("awaited", tmp_path / "again.mkv")
            assert made.state == "ready" and made in await client.avatars()
            assert (await client.delete_avatar("awaited")).name == "awaited"

            key = uuid.uuid4().hex
            batch = await client.make_batch(sheet, idempotency_key=key)
            assert (await client.make_batch(str(sheet), idempotency_key=key)).id == batch.id
            batch = await client.wait_for_batch(batch.id, timeout=60)
            assert batch.counts["failed"] == 1 and batch.failures[1]
            assert (await client.batches(limit=1))[0].id == batch.id
            with pytest.raises(ClientError, match="has a result"):
                await client.download_batch(batch.id, tmp_path / "none.zip")
            assert (await client.batch_rows(batch.id))[0]["name"] == "nobody"
            await client.delete_batch(batch.id)
            batch = await client.make_batch([{"audio_path": voice}] * 3, defaults={"video_path": "template.mkv"})
            assert (await client.cancel_batch(batch.id)).state == "cancelled"

    asyncio.run(go())
    assert not (tmp_path / "none.zip").exists()


def test_a_file_of_no_known_kind_is_not_sent(address: str, tmp_path: Path) -> None:
    with Client(address) as client, pytest.raises(ValueError, match=r"\.csv"):
        client.make_batch(tmp_path / "rows.xlsx")


def test_voices_are_told_and_what_nobody_can_say_is_refused(address: str) -> None:
    with Client(address) as client:
        assert {"bf_emma", "zf_xiaobei"} & {voice.id for voice in client.voices()}
        with pytest.raises(ClientError, match="nobody"):
            client.speech("Good morning.", voice="nobody")
