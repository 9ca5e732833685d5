"""Health probes of single models. Triton reports that it is ready even while a model's process hangs or is dead."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digital_human.triton import kserve

# Bytes per element, by the type's name in config.pbtxt without TYPE_.
_SIZES = {"BOOL": 1, "UINT8": 1, "INT8": 1, "FP16": 2, "INT16": 2, "INT32": 4, "FP32": 4, "INT64": 8, "FP64": 8}


@dataclass(frozen=True)
class Request:
    """One inference request in KServe v2's binary form; all inputs are zero."""

    header: bytes
    body: bytes


def probe_requests(url: str, models: Sequence[str]) -> dict[str, Request]:
    """A request for each model with a `model_warmup`: one item of its first sample, filled with zeros.

    On a GPU it is the whole sample, since a batch of a size not in use costs seconds there.
    Raises OSError or http.client.HTTPException where the server cannot be reached.
    """
    found = {}
    for name in models:
        _, config = kserve.call(url, f"v2/models/{name}/config")
        if config and config.get("model_warmup"):
            sample = config["model_warmup"][0]
            size = sample["batch_size"] if kserve.on_gpu(config) else 1
            found[name] = _request(sample["inputs"], [size] if config["max_batch_size"] else [])
    return found


def first_unresponsive(url: str, pending: Mapping[str, Request], timeout: float) -> str | None:
    """Name of the first model that does not answer within `timeout` seconds, or whose process is dead.

    Any other error counts as an answer: the operator may have unloaded the model.
    """
    for name, request in pending.items():
        connection = http.client.HTTPConnection(url, timeout=timeout)
        try:
            connection.request(
                "POST",
                f"/v2/models/{name}/infer",
                request.header + request.body,
                {"Inference-Header-Content-Length": str(len(request.header))},
            )
            # Triton does not restart a dead process; it keeps answering this.
            if b"is not healthy" in connection.getresponse().read():
                return name
        except TimeoutError:
            return name
        except (OSError, http.client.HTTPException):
            # The whole server is unreachable, which the supervisor notices itself.
            return None
        finally:
            connection.close()
    return None


def model_processes(server: int | None) -> frozenset[int]:
    """Ids of the server's live child processes, one for each model instance."""
    alive = set()
    try:
        for task in Path(f"/proc/{server}/task").iterdir():
            for child in (task / "children").read_text().split():
                # The state follows the name, which is in parentheses and may contain anything.
                state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
                alive |= {int(child)} if state != "Z" else set()
    except OSError:
        # A process ended meanwhile; the next look comes in a second.
        pass
    return frozenset(alive)


def _request(tensors: Mapping[str, Any], batch: list[int]) -> Request:
    inputs, size = [], 0
    for name, tensor in tensors.items():
        shape = [*batch, *(int(dim) for dim in tensor["dims"])]
        datatype = tensor["data_type"].removeprefix("TYPE_")
        count = _SIZES[datatype]
        for dim in shape:
            count *= dim
        size += count
        inputs.append({"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": count}})
    header = {"inputs": inputs, "parameters": {"binary_data_output": True}}
    return Request(json.dumps(header).encode(), bytes(size))
