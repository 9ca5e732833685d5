"""Who teaches, who decides and who judges: people and voices, divided once, in `split.json`.

*training* is what weights come from. *validation* chooses steps, weights and constants. *test* is measured once for
each version and decides nothing. Nobody is in two of them. The espeak-ng variants are divided likewise, see `Espeak`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

FILE = Path(__file__).with_name("split.json")
NATURAL = ("hdtf", "congress", "address", "whitehouse", "retalking")
"""Clips whose names begin so are natural speech, compared at their own constant offset; all others are GRID's."""


@dataclass(frozen=True)
class Share:
    """clips: patterns of names; readers: LANGUAGE/NAME; kokoro: names of voices."""

    clips: tuple[str, ...]
    readers: tuple[str, ...]
    kokoro: tuple[str, ...]

    def clips_in(self, folders: Iterable[Path]) -> list[Path]:
        """The video files of these folders, searched to any depth, that belong to this share, sorted by name."""
        found = {path.stem: path for folder in folders for path in folder.rglob("*") if path.suffix in VIDEOS}
        return [found[stem] for stem in sorted(found) if any(fnmatch(stem, pattern) for pattern in self.clips)]


VIDEOS = (".mkv", ".mpg", ".mp4")


def read_split(path: Path = FILE) -> dict[str, Share]:
    """training, validation and test. Raises ValueError where a name is in two of them."""
    shares = {name: Share(*map(tuple, kept.values())) for name, kept in json.loads(path.read_text()).items()}
    names = [name for share in shares.values() for kept in (share.clips, share.readers, share.kokoro) for name in kept]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"in two shares of {path}: {', '.join(sorted(twice))}")
    return shares


def is_natural(clip: str) -> bool:
    return clip.startswith(NATURAL)
