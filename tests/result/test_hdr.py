"""A video of an HDR template, as phones record it."""

from __future__ import annotations

from itertools import islice

import av

from digital_human.core.frame import crop, yuv_to_rgb
from digital_human.media import VideoReader
from tests.live_service import Live
from tests.media.hdr import light_of, write_hdr
from tests.result.made import difference, frames_of, make

FRAMES = 5


def test_an_hdr_template_gives_an_sdr_video_and_a_warning(plain: Live) -> None:
    given = list(islice(VideoReader(plain.base / "template.mkv").frames(), FRAMES))
    pictures = [yuv_to_rgb(crop(one, 0, 0, one.width, one.height), one.matrix) for one in given]
    write_hdr(plain.base / "phone.mov", [light_of(picture) for picture in pictures], "hlg")
    path, task = make(plain, "sdr.mp4", video_path="phone.mov", preview=0.4)
    assert task["result"]["notices"] == [{"name": "hdr_tone_mapped", "params": {"kind": "HLG"}}]
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
        assert (picture.colorspace, picture.color_primaries, picture.color_trc) == (1, 1, 1)
        assert picture.format.name == "yuv420p"
    made, read = frames_of(path), list(VideoReader(plain.base / "phone.mov").frames())
    # Forth and back.
    order = [0, 1, 2, 3, 4, 3, 2, 1, 0, 1]
    assert len(made) == len(order)
    for frame, index in zip(made, order, strict=True):
        # Below the preview's mark.
        frame.planes[0][:80] = read[index].planes[0][:80] = 0
        assert difference(frame, read[index]) < 1.5
