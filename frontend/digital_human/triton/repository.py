"""What a model repository holds, and loading it into a server that runs."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from digital_human.errors import BadInputError, UnavailableError
from digital_human.triton import kserve

LOAD_TIMEOUT = 300.0


def installed(repository: Path) -> list[str]:
    """Networks with a config.pbtxt and weights; a folder without weights waits for somebody to bring them."""
    return sorted(path.parent.name for path in repository.glob("*/config.pbtxt") if _has_weights(path.parent))


def combine(repositories: Sequence[Path], target: Path) -> None:
    """Make `target` a repository of links to the models of all others, or bring it up to date.

    Where two of them have a folder of one name, its entries (`config.pbtxt`, versions) are joined, those of a later one
    first. Repositories that are not there count as empty. Raises OSError.
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
    """Have the server read the network's folder; one that is served already is replaced once the new one is ready.

    Raises BadInputError with Triton's reason where it cannot be loaded, UnavailableError where no server answers.
    """
    try:
        status, answer = kserve.call(url, f"v2/repository/models/{model}/load", method="POST", timeout=LOAD_TIMEOUT)
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(f"Triton does not answer: {error}") from error
    if status != 200:
        reason = answer.get("error", "") if isinstance(answer, dict) else f"status {status}"
        raise BadInputError(f"Triton cannot load {model}: {reason}")


def served(url: str) -> set[str]:
    """Networks that are ready. Raises UnavailableError where no server answers."""
    try:
        return {name for name, (state, _) in kserve.index(url).items() if state == "READY"}
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(f"Triton does not answer: {error}") from error
