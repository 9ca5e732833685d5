"""The tensors that this service expects of each model, and a check that a server has them."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from digital_human.errors import UnavailableError
from digital_human.triton import kserve

FREE = -1


@dataclass(frozen=True)
class Tensor:
    """dtype: name in KServe v2; dims: without the batch axis, FREE for any size."""

    dtype: str
    dims: tuple[int, ...]


@dataclass(frozen=True)
class Contract:
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


CONTRACTS: dict[str, Contract] = {
    "face_detector": Contract(
        inputs={"image": Tensor("UINT8", (192, 192, 3))},
        outputs={
            "boxes": Tensor("FP32", (2304, 4)),
            "keypoints": Tensor("FP32", (2304, 6, 2)),
            "scores": Tensor("FP32", (2304,)),
        },
    ),
    "face_mesh": Contract(
        inputs={"face": Tensor("UINT8", (192, 192, 3))},
        outputs={"landmarks": Tensor("FP32", (468, 3)), "score": Tensor("FP32", (1,))},
    ),
    "face_occlusion": Contract(
        inputs={"face": Tensor("UINT8", (128, 128, 3)), "usual": Tensor("UINT8", (128, 128, 3))},
        outputs={"mask": Tensor("UINT8", (128, 128))},
    ),
    "speech_to_lips": Contract(
        inputs={"audio": Tensor("FP32", (FREE,))},
        outputs={
            "lips": Tensor("FP32", (FREE, 5)),
            "aperture": Tensor("FP32", (FREE,)),
            "closure": Tensor("FP32", (FREE,)),
            "silence": Tensor("FP32", (FREE,)),
            "phonemes": Tensor("FP32", (FREE, 19)),
        },
    ),
    "mouth_renderer": Contract(
        inputs={
            "base": Tensor("UINT8", (FREE, FREE)),
            "base_points": Tensor("FP32", (FREE, 2)),
            "base_weights": Tensor("FP32", (FREE, 2)),
            "base_reach": Tensor("FP32", (1,)),
            "mouth": Tensor("UINT8", (FREE, FREE)),
            "mouth_points": Tensor("FP32", (FREE, 2)),
            "mouth_weights": Tensor("FP32", (FREE, 2)),
            "mouth_reach": Tensor("FP32", (1,)),
            "mouth_affine": Tensor("FP32", (3, 2)),
            "alpha": Tensor("UINT8", (FREE, FREE)),
            "ring": Tensor("UINT8", (FREE, FREE)),
        },
        outputs={"image": Tensor("UINT8", (FREE, FREE))},
    ),
}


def check(url: str, models: Sequence[str]) -> None:
    """Check that a server serves these models with the expected tensors.

    models: names; a model without a contract here only has to be ready
    Raises UnavailableError that says what is wrong: no server, a missing model, or other tensors. It is transient for
    the former two: a server starts, and loads what it lacks.
    """
    missing, problems = [], []
    for name in models:
        try:
            status, metadata = kserve.call(url, f"v2/models/{name}")
            ready, _ = kserve.call(url, f"v2/models/{name}/ready")
        except (OSError, http.client.HTTPException) as error:
            raise UnavailableError("triton_not_found", url=url, reason=str(error)) from error
        if status != 200 or ready != 200:
            missing.append(f"{name} is not served or not ready")
        elif name in CONTRACTS:
            problems += [f"{name}: {problem}" for problem in _differences(metadata, CONTRACTS[name])]
    if problems or missing:
        found = "; ".join(missing + problems)
        raise UnavailableError("triton_does_not_fit", url=url, problems=found, transient=not problems)


def _differences(metadata: Any, contract: Contract) -> list[str]:
    found = []
    for kind, expected in (("input", contract.inputs), ("output", contract.outputs)):
        served = {tensor["name"]: tensor for tensor in metadata[f"{kind}s"]}
        for name, tensor in expected.items():
            if name not in served:
                found.append(f"it has no {kind} {name!r}")
                continue
            dtype, dims = served[name]["datatype"], [int(dim) for dim in served[name]["shape"]]
            # The first axis is the batch, which a server writes as -1.
            if dtype != tensor.dtype or dims != [FREE, *tensor.dims]:
                found.append(f"{kind} {name!r} is {dtype} {dims}, expected {tensor.dtype} {[FREE, *tensor.dims]}")
        if kind == "input":
            found += [f"it wants an input {name!r}" for name in served if name not in expected]
    return found
