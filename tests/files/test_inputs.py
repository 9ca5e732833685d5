"""A path, an upload and a URL become one resolved input."""

from __future__ import annotations

from pathlib import Path

import pytest

from digital_human.errors import ForbiddenError, NotFoundError
from digital_human.files.inputs import FileInput, UrlInput, is_path, resolve_input
from digital_human.files.uploads import Receiver
from digital_human.settings import Settings

URL = "https://media.example/speech.wav"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "speech.wav").write_bytes(b"sound")
    return Settings(base_path=tmp_path, url_hosts=("media.example",))


def upload(owner: str, settings: Settings) -> str:
    with Receiver("multipart/form-data; boundary=b", owner, settings) as receiver:
        receiver.write(b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nsound\r\n--b--\r\n')
        return receiver.finish().id


def test_a_path_is_resolved_below_the_data_folder(settings: Settings) -> None:
    path = settings.base_path / "speech.wav"
    assert resolve_input("speech.wav", "audio_path", "me", settings) == FileInput(path)
    assert FileInput(path).location == str(path)


def test_an_upload_is_a_file_for_its_owner_alone(settings: Settings) -> None:
    name = upload("me", settings)
    found = resolve_input(name, "audio_path", "me", settings)
    assert isinstance(found, FileInput) and found.path.read_bytes() == b"sound"
    with pytest.raises(NotFoundError):
        resolve_input(name, "audio_path", "somebody", settings)


def test_a_url_stays_one_and_its_host_is_checked(settings: Settings) -> None:
    assert resolve_input(URL, "audio_path", "me", settings) == UrlInput(URL)
    assert UrlInput(URL).location == URL
    with pytest.raises(ForbiddenError):
        resolve_input("https://other.example/speech.wav", "audio_path", "me", settings)


@pytest.mark.parametrize(("text", "path"), [("a.wav", True), ("/a.wav", True), ("upload:1", False), (URL, False)])
def test_paths_are_told_from_uploads_and_urls(text: str, path: bool) -> None:
    assert is_path(text) is path
