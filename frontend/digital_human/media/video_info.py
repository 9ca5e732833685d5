"""The properties of a template that are known before its frames are read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

from digital_human.core.frame import Matrix
from digital_human.core.trim import Trim
from digital_human.errors import BadInputError
from digital_human.media.hdr import Hdr

# Values of FFmpeg's AVColorSpace, AVColorTransferCharacteristic and AVColorPrimaries.
SPACE_RGB, SPACE_BT709, SPACE_UNSPECIFIED = 0, 1, 2


@dataclass(frozen=True)
class ColourTags:
    """FFmpeg's colour tags, copied from the template to the output."""

    space: int = SPACE_UNSPECIFIED
    primaries: int = 2
    transfer: int = 2


@dataclass(frozen=True)
class VideoInfo:
    """A template as the pipeline sees it: upright, square pixels, even size, constant rate.

    width, height: pixels after rotation, pixel-aspect correction and padding to even
    fps:           exact frames per second
    still:         a picture rather than a moving image
    length_hint:   number of frames by the file's header; 0 where it does not say
    gaps:          the pictures lie on a grid of `fps`, and some are missing
    hdr:           what the file's signal means where it is HDR; the frames that are read, and `tags`, are SDR
    alpha:         the frames have an alpha channel
    """

    width: int
    height: int
    fps: Fraction
    tags: ColourTags
    still: bool
    length_hint: int = 0
    gaps: bool = False
    hdr: Hdr | None = None
    alpha: bool = False

    @property
    def matrix(self) -> Matrix:
        """The YCbCr matrix. Untagged video follows the convention of players: small is BT.601, large BT.709."""
        if self.tags.space == SPACE_UNSPECIFIED:
            return "bt709" if self.height >= 720 else "bt601"
        return "bt601" if self.tags.space in (4, 5, 6, 7) else "bt709"

    @property
    def frame_bytes(self) -> int:
        return self.width * self.height * (5 if self.alpha else 3) // 2


def trimmed(info: VideoInfo, trim: Trim) -> tuple[VideoInfo, int, int | None]:
    """A part of a template, its first frame in the file, and the number of its frames; None for all that follow.

    Raises BadInputError for a picture, and where the file's header says that the part is not there.
    """
    if info.still:
        raise BadInputError("trim_of_picture")
    first, stop = trim.frames(info.fps)
    whole = info.length_hint
    # A header may be a frame short.
    if whole and (first >= whole or (stop or 0) > whole + 1):
        raise BadInputError("trim_beyond_end", seconds=round(float(whole / info.fps), 3))
    if stop is None:
        return replace(info, length_hint=max(whole - first, 0)), first, None
    count = min(stop, whole) - first if whole else stop - first
    return replace(info, length_hint=count), first, count
