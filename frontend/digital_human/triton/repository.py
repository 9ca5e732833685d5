"""The models in a repository, and loading them into a running server."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from digital_human.errors import BadInputError, UnavailableError
from digital_human.triton import kserve

LOAD_TIMEOUT = 300.0
ON_DEMAND = frozenset({"kokoro"})
"""Models that the embedded server loads when they are asked for, not at its start."""


def installed(repository: Path) -> list[str]:
    """Names of the models with a config.pbtxt and weights. Folders without weights wait for users to bring them."""
    return sorted(path.parent.name for path in repository.glob("*/config.pbtxt") if _has_weights(path.parent))


def combine(repositories: Sequence[Path], target: Path) -> None:
    """Create or update `target`, a repository of links to the models of all `repositories`.

    If several have a folder of the same name, their entries (`config.pbtxt`, versions) are merged; those of the later
    repository win. Missing repositories count as empty. Raises OSError.
    """
    for name in {path.name for repository in repositories for path in _entries(repository)}:
        entries = {path.name: path for repository in repositories for path in _entries(repository / name)}
        (target / name).mkdir(parents=True, exist_ok=True)
        for path in _entries(target / name):
            if path.name not in entries:
                path.unlink()
        for entry, path in entries.items():
            link = target / name / entry
            if not (link.is_symlink() and link.readlink() == path):
                link.unlink(missing_ok=True)
                with suppress(FileExistsError):  # another thread was here
                    link.symlink_to(path)


def _entries(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path.absolute() for path in sorted(folder.iterdir()) if not path.name.startswith(".")]


def _has_weights(folder: Path) -> bool:
    files = (file for version in folder.iterdir() if version.name.isdigit() for file in version.iterdir())
    return any(not file.name.startswith(".") for file in files)


def load(url: str, model: str) -> None:
    """Have the server load the model's folder. A loaded version serves until the new one is ready.

    Raises BadInputError with Triton's reason if it cannot be loaded, and UnavailableError if no server answers.
    """
    try:
        states = kserve.index(url)
        if model not in states:
            raise BadInputError("model_missing", model=model)
        status, answer = kserve.call(url, f"v2/repository/models/{model}/load", method="POST", timeout=LOAD_TIMEOUT)
        if status != 200 and states[model][0] != "READY":
            # Triton is not ready while a model failed to load; one that was unloaded does not count.
            kserve.call(url, f"v2/repository/models/{model}/unload", method="POST", timeout=LOAD_TIMEOUT)
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError("triton_silent", reason=str(error)) from error
    if status != 200:
        reason = answer.get("error", "") if isinstance(answer, dict) else f"status {status}"
        raise BadInputError("model_not_loadable", model=model, reason=reason)


def ensure_loaded(url: str, model: str) -> None:
    """Load a model unless it is ready. Raises what `load` and `served` raise."""
    if model not in served(url):
        load(url, model)


def unload(url: str, model: str) -> None:
    """Have the server let go of a model; requests that it works on end first. Raises UnavailableError."""
    try:
        kserve.call(url, f"v2/repository/models/{model}/unload", method="POST", timeout=LOAD_TIMEOUT)
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError("triton_silent", reason=str(error)) from error


def last_use(url: str, model: str) -> float | None:
    """When a ready model was last used, in seconds since 1970, 0 for never; None where none is ready."""
    try:
        status, answer = kserve.call(url, f"v2/models/{model}/stats")
    except (OSError, http.client.HTTPException):
        return None
    if status != 200 or not answer:
        return None
    return max((version["last_inference"] for version in answer["model_stats"]), default=0) / 1000


def known(url: str) -> set[str]:
    """Names of the models in the server's repository, loaded or not; none if no server answers."""
    try:
        return set(kserve.index(url))
    except (OSError, http.client.HTTPException):
        return set()


def served(url: str) -> set[str]:
    """Names of the models that are ready. Raises UnavailableError if no server answers."""
    try:
        return {name for name, (state, _) in kserve.index(url).items() if state == "READY"}
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError("triton_silent", reason=str(error)) from error
