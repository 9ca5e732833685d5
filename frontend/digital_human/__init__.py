"""The orchestrator: REST contract, jobs, the frame pipeline, media and the Triton client. It holds no network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from digital_human.client import AsyncClient, Client, ClientError
    from digital_human.version import VERSION as __version__

# Before numpy and OpenCV are first imported: linear systems and pictures are small here, and threads that share one
# spend more time waiting for one another than working. The cores belong to the encoder and the networks.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")

__all__ = ["AsyncClient", "Client", "ClientError", "__version__"]


def __getattr__(name: str) -> Any:
    # On demand: a worker process has no use for httpx, and starts sooner without it.
    if name == "__version__":
        from digital_human.version import VERSION

        return VERSION
    if name in __all__:
        from digital_human import client

        return getattr(client, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
