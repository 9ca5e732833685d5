"""Says in the file itself that a machine made it, for programs to read."""

from __future__ import annotations

import json
from pathlib import Path

from frontend.errors import ServiceError
from frontend.settings import Settings

_FORMATS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"}


def implicit_label(task_id: str, producer: str) -> dict[str, str]:
    """Metadata of the implicit label that China's labelling rules (GB 45438-2025) ask for.

    Label "1" says that the content is generated. Reserved codes are for the producer's own checks and stay empty.
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
    """Add C2PA content credentials to the file. Matroska has no place for them, so such files stay as they are.

    Raises ServiceError where the configured key cannot sign.
    """
    if suffix.lower() not in _FORMATS:
        return
    # Loaded here because most installations have no key, and the library is large.
    import c2pa

    assert settings.c2pa_certificate is not None and settings.c2pa_private_key is not None
    manifest = {
        "claim_generator_info": [{"name": "digital-human-service", "version": "0.1.0"}],
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/"
                            "compositeWithTrainedAlgorithmicMedia",
                        }
                    ]
                },
            }
        ],
    }
    signed = path.with_name(path.name + ".signed")
    try:
        signer_info = c2pa.C2paSignerInfo(
            alg=b"es256",
            sign_cert=settings.c2pa_certificate.read_bytes(),
            private_key=settings.c2pa_private_key.read_bytes(),
            ta_url=(settings.c2pa_timestamp_url or "").encode() or None,
        )
        with (
            c2pa.Signer.from_info(signer_info) as signer,
            c2pa.Builder(json.dumps(manifest)) as builder,
            path.open("rb") as source,
            signed.open("w+b") as target,
        ):
            builder.sign(signer, _FORMATS[suffix.lower()], source, target)
        signed.replace(path)
    except c2pa.C2paError as error:
        raise ServiceError(f"the content credentials could not be signed ({error})") from error
    finally:
        signed.unlink(missing_ok=True)
