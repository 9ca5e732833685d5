"""Content credentials: signed with the operator's key, read back by the C2PA library."""

from __future__ import annotations

import datetime
import json
from fractions import Fraction
from pathlib import Path

import av
import c2pa
import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from digital_human.core.frame import Frame
from digital_human.media import VideoInfo, VideoReader, read_speech, write_video
from digital_human.media.video_info import ColourTags
from digital_human.provenance import implicit_label, sign
from digital_human.settings import Settings
from digital_human.triton.embedded.server import TritonServer
from tests.live_service import Live, leftovers
from tests.media.factory import click, write_sound


def issue(folder: Path) -> tuple[Path, Path]:
    """A certificate for signing, issued by an authority of our own: (chain, key)."""
    now = datetime.datetime.now(datetime.timezone.utc)
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [
        x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, name)]
        )
        for name in ("authority", "signer")
    ]
    certificates = []
    for name, key, is_authority in zip(names, keys, (True, False), strict=True):
        usage = x509.KeyUsage(not is_authority, False, False, False, False, is_authority, is_authority, False, False)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(names[0])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[0].public_key()), critical=False)
        )
        if not is_authority:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(purpose, critical=False)
        certificates.append(builder.sign(keys[0], hashes.SHA256()))
    chain, private = folder / "chain.pem", folder / "key.pem"
    pem = serialization.Encoding.PEM
    chain.write_bytes(b"".join(certificate.public_bytes(pem) for certificate in reversed(certificates)))
    private.write_bytes(keys[1].private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return chain, private


def test_a_signed_file_says_what_made_it_and_still_plays(tmp_path: Path) -> None:
    chain, key = issue(tmp_path)
    sound = write_sound(tmp_path / "s.wav", click(1, 0.2, 16000), 16000)
    frames = [Frame(np.full((96, 96), 90 + k, np.uint8), "bt709") for k in range(25)]
    target = tmp_path / "out.mp4"
    info = VideoInfo(96, 64, Fraction(25), ColourTags(), still=False)
    write_video(target, frames, info, sound, 25, metadata=implicit_label("a task", "producer"))
    sign(target, ".mp4", Settings(c2pa_certificate=chain, c2pa_private_key=key))
    check(target)
    assert len(read_speech(target)) >= 16000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chain.pem", "key.pem", "out.mp4", "s.wav"]


def test_a_file_with_an_alpha_channel_is_signed_and_keeps_it(tmp_path: Path) -> None:
    chain, key = issue(tmp_path)
    sound = write_sound(tmp_path / "s.wav", click(1, 0.2, 16000), 16000)
    alpha = np.zeros((64, 96), np.uint8)
    alpha[:, 40:] = 200
    frames = [Frame(np.full((96, 96), 90 + k, np.uint8), "bt709", alpha) for k in range(5)]
    info = VideoInfo(96, 64, Fraction(25), ColourTags(1, 1, 1), still=False, alpha=True)
    target = tmp_path / "out.mov"
    write_video(target, frames, info, sound, 5, metadata=implicit_label("a task", "producer"))
    sign(target, ".mov", Settings(c2pa_certificate=chain, c2pa_private_key=key))
    check(target, "video/quicktime")
    made = list(VideoReader(target).frames())
    assert len(made) == 5
    for frame in made:
        # From 8 bit to 10 and back.
        assert frame.alpha is not None and np.abs(frame.alpha.astype(int) - alpha).max() <= 1


def check(video: Path, kind: str = "video/mp4") -> None:
    """The file says what made it, and nothing has touched it since."""
    with video.open("rb") as file, c2pa.Reader(kind, file) as reader:
        store = json.loads(reader.json())
    manifest = store["manifests"][store["active_manifest"]]
    actions = next(a for a in manifest["assertions"] if a["label"].startswith("c2pa.actions"))["data"]["actions"]
    assert actions[0]["action"] == "c2pa.created"
    assert actions[0]["digitalSourceType"].endswith("compositeWithTrainedAlgorithmicMedia")
    problems = {status["code"] for status in store.get("validation_status", [])}
    assert problems <= {"signingCredential.untrusted"}, "only that nobody knows our authority"


def test_a_whole_job_ends_in_a_signed_labelled_and_marked_video(
    own_media: Path, tmp_path_factory: pytest.TempPathFactory, triton: TritonServer
) -> None:
    chain, key = issue(tmp_path_factory.mktemp("keys"))
    with Live(own_media, triton_url=triton.url, c2pa_certificate=chain, c2pa_private_key=key) as live:
        for name in ("signed.mp4", "plain.mkv"):
            answer = live.submit(mode="sync", save_path=name, digital_auth=1)
            assert answer.status_code == 200, answer.text
            with av.open(str(own_media / name)) as made, av.open(str(own_media / "template.mkv")) as source:
                label = json.loads(made.metadata["AIGC"])
                assert label["Label"] == "1" and label["ProduceID"] == answer.json()["data"]["task_id"]
                a, b = (next(c.decode(video=0)).to_ndarray(format="gray").astype(int) for c in (made, source))
                assert sum(1 for _ in made.decode(video=0)) == 49, "and the rest plays"
            assert abs(a - b)[10:50, 500:710].max() > 60 and abs(a - b)[200:].max() < 60
        check(own_media / "signed.mp4")
        assert leftovers(own_media) == []


def test_a_key_that_cannot_sign_is_found_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    chain, key = issue(tmp_path)
    _, foreign = issue(tmp_path / "other")
    for certificate, private in ((chain, foreign), (tmp_path / "none.pem", key)):
        refused = Live(tmp_path, c2pa_certificate=certificate, c2pa_private_key=private)
        assert refused.process.wait(60) == 1 and "digital-human: " in refused.words(), refused.words()
        assert "Traceback" not in refused.words()
