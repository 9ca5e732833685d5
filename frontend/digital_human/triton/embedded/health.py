"""Looks behind Triton's word: it says that it is ready also while a model's process hangs or is dead."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digital_human.triton import kserve

# Bytes of one element, by the name in config.pbtxt.
_SIZES = {"BOOL": 1, "UINT8": 1, "INT8": 1, "FP16": 2, "INT16": 2, "INT32": 4, "FP32": 4, "INT64": 8, "FP64": 8}


@dataclass(frozen=True)
class Request:
    """One inference request in the binary form of KServe v2; all inputs zero."""

    header: bytes
    body: bytes


def requests(url: str, models: Sequence[str]) -> dict[str, Request]:
    """A request for each network that declares a `model_warmup`: one item of its first sample, with zeros.

    On a GPU the whole sample, for a batch of another size than those at work costs seconds there.

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


def first_stuck(url: str, pending: Mapping[str, Request], timeout: float) -> str | None:
    """Name of the first network that gives no answer within `timeout` seconds, or whose process is dead.

    Any other error is an answer: the operator may have unloaded the network.
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
            # Triton does not start a dead process anew; it says this for ever.
            if b"is not healthy" in connection.getresponse().read():
                return name
        except TimeoutError:
            return name
        except (OSError, http.client.HTTPException):
            # Not reachable at all: the supervisor sees that for itself.
            return None
        finally:
            connection.close()
    return None


def model_processes(server: int | None) -> frozenset[int]:
    """Living children of the server's process: one for each instance of a network."""
    alive = set()
    try:
        for task in Path(f"/proc/{server}/task").iterdir():
            for child in (task / "children").read_text().split():
                # The state follows the name, which stands in brackets and may hold anything.
                state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
                alive |= {int(child)} if state != "Z" else set()
    except OSError:
        # Somebody ended while we looked; the next look is in a second.
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
