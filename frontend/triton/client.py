"""Inference over KServe v2, with the patience that a restarting server needs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from geventhttpclient.response import HTTPParseError
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from frontend.errors import ServiceError, Unavailable

Array = npt.NDArray[np.generic]
T = TypeVar("T")

FIRST_DELAY, LAST_DELAY = 0.1, 2.0
# What Triton answers while it starts, stops, or revives a model's process; the status alone does not tell.
_PASSING = (
    "unknown model",
    "not ready",
    "unavailable",
    "no available versions",
    "not healthy",
    "shutting down",
    "exiting",
)


class TritonNetworks:
    """The networks of a Triton server; implements `frontend.engines.base.Networks`.

    url: host:port of the HTTP service, with or without the scheme
    timeout: seconds one request may take
    patience: seconds during which a server that cannot be reached is asked again

    Safe to use from several threads: each has a connection of its own, for `tritonclient.http` may not be shared.
    """

    def __init__(self, url: str, *, timeout: float = 60.0, patience: float = 60.0) -> None:
        self._secure = url.startswith("https://")
        self._host = url.split("://")[-1].rstrip("/")
        self._timeout = timeout
        self._patience = patience
        self._local = threading.local()
        self._max_batch: dict[str, int] = {}

    def infer(self, network: str, inputs: Mapping[str, Array], outputs: Sequence[str] = ()) -> dict[str, Array]:
        """Run one batch; arrays carry the batch axis first. Larger batches than the network takes are split.

        outputs: names of those wanted; none means all
        Raises Unavailable when Triton cannot be reached or does not serve the network, ServiceError when it refuses
        the request or the network fails.
        """
        size = len(next(iter(inputs.values())))
        most = self._batch_limit(network) or size
        answers = []
        for start in range(0, size, most):
            part = {name: array[start : start + most] for name, array in inputs.items()}
            answers.append(self._patiently(partial(self._request, network, part, outputs)))
        if len(answers) == 1:
            return answers[0]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}

    def close(self) -> None:
        """Close the connection of the calling thread; those of other threads close when these end."""
        client = self._local.__dict__.pop("client", None)
        if client is not None:
            client.close()

    def _request(self, network: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        tensors = []
        for name, array in inputs.items():
            tensor = InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
            tensor.set_data_from_numpy(np.ascontiguousarray(array))
            tensors.append(tensor)
        wanted = [InferRequestedOutput(name) for name in outputs] or None
        result = self._client().infer(network, tensors, outputs=wanted)
        names = outputs or [output["name"] for output in result.get_response()["outputs"]]
        return {name: result.as_numpy(name) for name in names}

    def _batch_limit(self, network: str) -> int:
        """The network's `max_batch_size`; 0 where it has no batch axis of its own."""
        if network not in self._max_batch:
            config = self._patiently(partial(self._config, network))
            self._max_batch[network] = int(config["max_batch_size"])
        return self._max_batch[network]

    def _config(self, network: str) -> dict[str, Any]:
        config: dict[str, Any] = self._client().get_model_config(network)
        return config

    def _client(self) -> InferenceServerClient:
        if not hasattr(self._local, "client"):
            self._local.client = InferenceServerClient(
                self._host, ssl=self._secure, connection_timeout=self._timeout, network_timeout=self._timeout
            )
        return self._local.client

    def _patiently(self, action: Callable[[], T]) -> T:
        """`action()`, asked again with growing pauses while the server is away; networks have no memory to upset."""
        deadline = time.monotonic() + self._patience
        delay = FIRST_DELAY
        while True:
            try:
                return action()
            except InferenceServerException as error:
                message = error.message() or ""
                if error.status() != "503" and not any(word in message.lower() for word in _PASSING):
                    raise ServiceError(f"Triton refused the request: {message}") from error
            except (OSError, HTTPParseError) as error:
                message = f"{type(error).__name__}: {error}"
                self.close()
            if time.monotonic() + delay > deadline:
                raise Unavailable(f"Triton at {self._host} does not answer: {message}")
            time.sleep(delay)
            delay = min(delay * 2, LAST_DELAY)
