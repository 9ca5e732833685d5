"""Passes tensors to a Triton on the same host in shared memory instead of over its socket.

A region serves one request at a time. Its file is unlinked as soon as Triton has mapped it, and regions that a killed
process left mapped in Triton are unregistered by the next process. So nothing stays behind however a process ends.
"""

from __future__ import annotations

import mmap
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import InferenceServerException, np_to_triton_dtype, triton_to_np_dtype

Array = npt.NDArray[np.generic]
_FOLDER = Path("/dev/shm")
_PREFIX = "digital-human-client"
_ALIGNMENT = 64


@dataclass(frozen=True)
class Region:
    """Memory shared with Triton, registered there as `name`."""

    name: str
    memory: mmap.mmap

    @classmethod
    def register(cls, size: int, client: InferenceServerClient) -> Region:
        """Create a region of `size` bytes.

        Raises OSError if it cannot be created, and InferenceServerException if Triton cannot or may not map it.
        """
        _unregister_stale_regions(client)
        name = f"{_PREFIX}-{os.getpid()}-{uuid.uuid4().hex}"
        file = _FOLDER / name
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            # Reserve the memory now: a full /dev/shm would otherwise kill the process on a write (SIGBUS).
            os.posix_fallocate(descriptor, 0, size)
            memory = mmap.mmap(descriptor, size)
            client.register_system_shared_memory(name, f"/{name}", size)
        finally:
            os.close(descriptor)
            file.unlink()
        return cls(name, memory)

    def unregister(self, client: InferenceServerClient) -> None:
        client.unregister_system_shared_memory(self.name)

    def infer(
        self,
        client: InferenceServerClient,
        model: str,
        inputs: Mapping[str, Array],
        sizes: Mapping[str, int],
    ) -> dict[str, Array]:
        """Run one batch through this region. sizes: names of the requested outputs and their maximum bytes."""
        tensors, requested, offset = [], [], 0
        for name, array in inputs.items():
            tensor = InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
            tensor.set_shared_memory(self.name, array.nbytes, offset)
            np.copyto(np.ndarray(array.shape, array.dtype, self.memory, offset), array)
            tensors.append(tensor)
            offset = _aligned(offset + array.nbytes)
        offsets = {}
        for name, size in sizes.items():
            request = InferRequestedOutput(name)
            request.set_shared_memory(self.name, size, offset)
            requested.append(request)
            offsets[name] = offset
            offset = _aligned(offset + size)
        result = client.infer(model, tensors, outputs=requested)
        answer: dict[str, Array] = {}
        for name, start in offsets.items():
            output = result.get_output(name)
            if output is None:
                raise InferenceServerException(f"{model} is unavailable: its answer has no {name}")
            dtype = triton_to_np_dtype(output["datatype"])
            # A copy: the next request reuses the region.
            answer[name] = np.ndarray(tuple(output["shape"]), dtype, self.memory, start).copy()
        return answer


def region_size(inputs: Mapping[str, Array], sizes: Sequence[int]) -> int:
    """Bytes of a region that holds these inputs and outputs of these sizes."""
    return sum(_aligned(array.nbytes) for array in inputs.values()) + sum(map(_aligned, sizes))


def _unregister_stale_regions(client: InferenceServerClient) -> None:
    """Unregister regions of processes that have ended.

    A live process in another PID namespace loses its region too; it registers another.
    """
    for region in client.get_system_shared_memory_status():
        pid = region["name"].removeprefix(f"{_PREFIX}-").partition("-")[0]
        if region["name"].startswith(_PREFIX) and not Path("/proc", pid).exists():
            client.unregister_system_shared_memory(region["name"])


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
