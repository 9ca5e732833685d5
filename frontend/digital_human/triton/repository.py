"""What a model repository holds, and loading it into a server that runs."""

from __future__ import annotations

import http.client
from pathlib import Path

from digital_human.errors import BadInputError, UnavailableError
from digital_human.triton import kserve

LOAD_TIMEOUT = 300.0


def installed(repository: Path) -> list[str]:
    """Networks with a config.pbtxt and weights; a folder without weights waits for somebody to bring them."""
    return sorted(path.parent.name for path in repository.glob("*/config.pbtxt") if _has_weights(path.parent))


def _has_weights(folder: Path) -> bool:
    files = (file for version in folder.iterdir() if version.name.isdigit() for file in version.iterdir())
    return any(not file.name.startswith(".") for file in files)


def load(url: str, network: str) -> None:
    """Have the server read the network's folder; one that is served already is replaced once the new one is ready.

    Raises BadInputError with Triton's reason where it cannot be loaded, UnavailableError where no server answers.
    """
    try:
        status, answer = kserve.call(url, f"v2/repository/models/{network}/load", method="POST", timeout=LOAD_TIMEOUT)
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(f"Triton does not answer: {error}") from error
    if status != 200:
        reason = answer.get("error", "") if isinstance(answer, dict) else f"status {status}"
        raise BadInputError(f"Triton cannot load {network}: {reason}")


def served(url: str) -> set[str]:
    """Networks that are ready. Raises UnavailableError where no server answers."""
    try:
        return {name for name, (state, _) in kserve.index(url).items() if state == "READY"}
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(f"Triton does not answer: {error}") from error
