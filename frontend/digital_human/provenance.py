"""Machine-readable labels of AI-generated content: the AIGC label in the metadata, and C2PA content credentials."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import IO

import cv2
import numpy as np

from digital_human.errors import ServiceError
from digital_human.settings import Settings
from digital_human.version import VERSION

_FORMATS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"}
_SOURCE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_CREATED = {"action": "c2pa.created", "digitalSourceType": _SOURCE}
_MANIFEST = {
    "claim_generator_info": [{"name": "digital-human-service", "version": VERSION}],
    "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [_CREATED]}}],
}


def implicit_label(task_id: str, producer: str) -> dict[str, str]:
    """Metadata of the implicit label of China's labelling rules (GB 45438-2025).

    Label "1" means generated content. The reserved codes are for the producer's own checks and stay empty.
    """
    label = {
        "Label": "1",
        "ContentProducer": producer,
        "ProduceID": task_id,
        "ReservedCode1": "",
        "ContentPropagator": "",
        "PropagateID": "",
        "ReservedCode2": "",
    }
    return {"AIGC": json.dumps(label, separators=(",", ":"))}


def sign(path: Path, suffix: str, settings: Settings) -> None:
    """Add C2PA content credentials to the file. Matroska cannot hold them, so such files stay as they are.

    Raises ServiceError if the configured key cannot sign.
    """
    if suffix.lower() not in _FORMATS:
        return
    signed = path.with_name(path.name + ".signed")
    try:
        with path.open("rb") as source, signed.open("w+b") as target:
            _sign(_FORMATS[suffix.lower()], source, target, settings, settings.c2pa_timestamp_url)
        signed.replace(path)
    finally:
        signed.unlink(missing_ok=True)


def require_key(settings: Settings) -> None:
    """Sign an image of one pixel if a key is configured, so that a bad key is found before any work.

    Raises ServiceError.
    """
    if settings.c2pa_certificate is not None:
        point = bytes(cv2.imencode(".png", np.zeros((1, 1), np.uint8))[1])
        _sign("image/png", BytesIO(point), BytesIO(), settings)


def _sign(kind: str, source: IO[bytes], target: IO[bytes], settings: Settings, authority: str | None = None) -> None:
    # Imported here because most installations have no key and the library is large.
    import c2pa

    assert settings.c2pa_certificate is not None and settings.c2pa_private_key is not None
    try:
        certificate, key = settings.c2pa_certificate.read_bytes(), settings.c2pa_private_key.read_bytes()
    except OSError as error:
        raise ServiceError("certificate_unreadable", reason=str(error.strerror)) from error
    ta_url = authority.encode() if authority else None
    try:
        info = c2pa.C2paSignerInfo(alg=b"es256", sign_cert=certificate, private_key=key, ta_url=ta_url)
        with c2pa.Signer.from_info(info) as signer, c2pa.Builder(json.dumps(_MANIFEST)) as builder:
            builder.sign(signer, kind, source, target)
    except c2pa.C2paError as error:
        raise ServiceError("signing_failed", reason=str(error)) from error
