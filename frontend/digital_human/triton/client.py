"""Inference over KServe v2. Requests are repeated while the server restarts."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from geventhttpclient.response import HTTPParseError
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from digital_human.errors import ServiceError, UnavailableError
from digital_human.observability import tracing
from digital_human.triton import kserve
from digital_human.triton.shared_memory import Region, region_size

Array = npt.NDArray[np.generic]
T = TypeVar("T")

log = logging.getLogger(__name__)

FIRST_DELAY, LAST_DELAY = 0.1, 2.0
# Smaller requests go over the socket. Regions are larger than requested by the factor SPARE, so that they are reused.
SHARED_FROM, SPARE = 64 * 1024, 1.25
MAX_REMEMBERED = 256
_LOCAL = ("127.0.0.1", "localhost", "[::1]")
# Triton's errors while it starts, stops, or restarts a model's process. The status alone does not distinguish them.
_TRANSIENT = (
    "unknown model",
    "not ready",
    "unavailable",
    "no available versions",
    "not healthy",
    "shutting down",
    "exiting",
)


@dataclass(frozen=True)
class BatchLimits:
    """The batches that a model takes.

    largest: its `max_batch_size`; 0 without a batch axis
    padded:  whether every batch is padded to that size
    """

    largest: int
    padded: bool


def batch_limits(config: Mapping[str, Any]) -> BatchLimits:
    """Read the limits from the model's configuration, as Triton completes it.

    ONNX Runtime keeps cuDNN's plan of a convolution for the last shape only, and another one takes seconds. So on a GPU
    a model whose other axes are fixed gets full batches, which the dynamic batcher need not join either.
    """
    fixed = all(int(dim) > 0 for tensor in config["input"] for dim in tensor["dims"])
    return BatchLimits(int(config["max_batch_size"]), fixed and kserve.on_gpu(config))


class TritonModels:
    """The models of a Triton server; implements `digital_human.core.types.Models`.

    url: host:port of the HTTP service, with or without the scheme
    timeout: seconds that one request may take
    patience: seconds during which requests to an unreachable server are repeated
    shared_memory: pass large tensors in shared memory if the server runs on this host and supports it

    Thread-safe: each thread has its own connection, since `tritonclient.http` may not be shared.
    """

    def __init__(self, url: str, *, timeout: float = 60.0, patience: float = 60.0, shared_memory: bool = True) -> None:
        self._secure = url.startswith("https://")
        self._host = url.split("://")[-1].rstrip("/")
        self._timeout = timeout
        self._patience = patience
        self._local = threading.local()
        self._limits: dict[str, BatchLimits] = {}
        self._shares = shared_memory and self._host.rpartition(":")[0] in _LOCAL
        # Idle regions; pop and append are atomic.
        self._regions: list[Region] = []
        # Bytes of a model's outputs for inputs of these shapes.
        self._output_sizes: dict[tuple[object, ...], dict[str, int]] = {}

    def infer(self, model: str, inputs: Mapping[str, Array], outputs: Sequence[str] = ()) -> dict[str, Array]:
        """Run one batch; the batch axis comes first. Batches larger than the model takes are split.

        outputs: names of the requested outputs; empty for all
        Raises UnavailableError when Triton cannot be reached or does not serve the model, ServiceError when it
        refuses the request or the model fails.
        """
        size = len(next(iter(inputs.values())))
        limits = self._limits_of(model)
        largest = limits.largest or size
        answers = []
        for start in range(0, size, largest):
            count = min(largest, size - start)
            part = {name: array[start : start + count] for name, array in inputs.items()}
            short = limits.padded and count < largest
            if short:
                part = {name: _padded(array, largest) for name, array in part.items()}
            answer = self._retry(partial(self._request, model, part, outputs))
            answers.append({name: array[:count] for name, array in answer.items()} if short else answer)
        if len(answers) == 1:
            return answers[0]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}

    def close(self) -> None:
        """Release the shared memory and the calling thread's connection. Other connections close with their threads."""
        while self._regions:
            with contextlib.suppress(InferenceServerException, OSError, HTTPParseError):
                self._regions.pop().unregister(self._client())
        self._disconnect()

    def _disconnect(self) -> None:
        client = self._local.__dict__.pop("client", None)
        if client is not None:
            client.close()

    def _request(self, model: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        key = (model, *outputs, *((name, array.shape) for name, array in inputs.items()))
        sizes = self._output_sizes.get(key)
        if self._shares and sizes is not None and sum(array.nbytes for array in inputs.values()) > SHARED_FROM:
            answer = self._through_region(model, inputs, sizes)
            if answer is not None:
                return answer
        answer = self._over_socket(model, inputs, outputs)
        if len(self._output_sizes) >= MAX_REMEMBERED:
            self._output_sizes.clear()
        self._output_sizes[key] = {name: array.nbytes for name, array in answer.items()}
        return answer

    def _over_socket(self, model: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        tensors = []
        for name, array in inputs.items():
            tensor = InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
            tensor.set_data_from_numpy(np.ascontiguousarray(array))
            tensors.append(tensor)
        wanted = [InferRequestedOutput(name) for name in outputs] or None
        with tracing.span(f"triton {model}"):
            result = self._client().infer(model, tensors, outputs=wanted, headers=tracing.headers())
        names = outputs or [output["name"] for output in result.get_response()["outputs"]]
        answer = {name: result.as_numpy(name) for name in names}
        if missing := [name for name, array in answer.items() if array is None]:
            # A server that ends may answer a request without what it was to compute.
            raise InferenceServerException(f"{model} is unavailable: its answer has no {', '.join(missing)}")
        return answer

    def _through_region(
        self, model: str, inputs: Mapping[str, Array], sizes: Mapping[str, int]
    ) -> dict[str, Array] | None:
        """The outputs by way of shared memory; None where that does not work (any more)."""
        region = self._region(region_size(inputs, list(sizes.values())))
        if region is None:
            return None
        try:
            answer = region.infer(self._client(), model, inputs, sizes)
        except InferenceServerException as error:
            # Drop the region: a restarted server does not know it. Any other error will show in the plain request.
            log.debug("a request through shared memory failed: %s", error)
            with contextlib.suppress(InferenceServerException, OSError, HTTPParseError):
                region.unregister(self._client())
            return None
        self._regions.append(region)
        return answer

    def _region(self, size: int) -> Region | None:
        """A region of at least `size` bytes for one request; None if Triton supports none."""
        with contextlib.suppress(IndexError):
            region = self._regions.pop()
            if len(region.memory) >= size:
                return region
            with contextlib.suppress(InferenceServerException):
                region.unregister(self._client())
        try:
            return Region.register(int(size * SPARE), self._client())
        except InferenceServerException as error:
            self._shares = False
            log.info("Triton at %s takes no shared memory, tensors go over the socket: %s", self._host, error.message())
        except (ConnectionError, TimeoutError):
            raise  # Triton is unreachable, which says nothing about shared memory
        except OSError as error:
            self._shares = False
            log.info("no shared memory can be had, tensors go over the socket: %s", error)
        return None

    def _limits_of(self, model: str) -> BatchLimits:
        if model not in self._limits:
            self._limits[model] = batch_limits(self._retry(partial(self._config, model)))
        return self._limits[model]

    def _config(self, model: str) -> dict[str, Any]:
        config: dict[str, Any] = self._client().get_model_config(model)
        return config

    def _client(self) -> InferenceServerClient:
        if not hasattr(self._local, "client"):
            self._local.client = InferenceServerClient(
                self._host, ssl=self._secure, connection_timeout=self._timeout, network_timeout=self._timeout
            )
        return self._local.client

    def _retry(self, action: Callable[[], T]) -> T:
        """Call `action`, again with growing pauses while the server is away: models are stateless, so that is safe."""
        deadline = time.monotonic() + self._patience
        delay = FIRST_DELAY
        while True:
            try:
                return action()
            except InferenceServerException as error:
                message = error.message() or ""
                if error.status() != "503" and not any(word in message.lower() for word in _TRANSIENT):
                    raise ServiceError("triton_refused", reason=message) from error
            except (OSError, HTTPParseError) as error:
                message = f"{type(error).__name__}: {error}"
                self._disconnect()
            if time.monotonic() + delay > deadline:
                raise UnavailableError("triton_silent_at", host=self._host, reason=message)
            time.sleep(delay)
            delay = min(delay * 2, LAST_DELAY)


def _padded(array: Array, size: int) -> Array:
    """Repeat the last row up to `size` rows."""
    return np.concatenate([array, np.repeat(array[-1:], size - len(array), 0)])
