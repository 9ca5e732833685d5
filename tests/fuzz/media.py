"""Files that are broken on purpose."""

from __future__ import annotations

import random
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from tests.media.factory import click, greys, write_clip, write_sound


def huge_png(path: Path) -> None:
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(2**20))
    chunks = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in ((b"IHDR", header), (b"IDAT", rows), (b"IEND", b""))
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def bomb(path: Path, seconds: int, size: tuple[int, int] = (16, 16)) -> None:
    """Many frames in few bytes."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(30))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.options = {"preset": "ultrafast"}
        frame = VideoFrame.from_ndarray(np.full((size[1] * 3 // 2, size[0]), 90, np.uint8), format="yuv420p")
        for index in range(seconds * 30):
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def special(folder: Path) -> list[tuple[str, str]]:
    """(field, file) of each kind that is not just damaged."""
    secret = folder / "template.mkv"
    (folder / "zero.mp4").write_bytes(b"")
    (folder / "zeros.mp4").write_bytes(bytes(100_000))
    (folder / "random.mp4").write_bytes(random.Random(1).randbytes(100_000))
    (folder / "wrong.wav").write_bytes((folder / "template.mkv").read_bytes()[:50_000])
    (folder / "page.mp4").write_text("<html><script>alert(1)</script></html>" * 100)
    (folder / "list.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{secret}\n#EXT-X-ENDLIST\n"
    )
    (folder / "list.mp4").write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n")
    (folder / "concat.txt").write_text(f"ffconcat version 1.0\nfile {secret}\n")
    (folder / "concat.mp4").write_text(f"ffconcat version 1.0\nfile {secret}\n")
    (folder / "movie.mpd").write_text(f"<?xml version='1.0'?><MPD><BaseURL>{secret}</BaseURL></MPD>")
    (folder / "session.sdp").write_text("v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n")
    (folder / "drawing.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>")
    (folder / "titles.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    huge_png(folder / "huge.png")
    bomb(folder / "bomb.mp4", 600)
    bomb(folder / "wide.mp4", 1, (8192, 4320))
    write_clip(folder / "faceless.mp4", greys(8, 128, 128))
    write_clip(folder / "tiny.mp4", greys(8, 8, 8), options={})
    write_sound(folder / "endless.flac", np.zeros((1, 48000 * 120), np.float32), 48000, "flac")
    videos = ["zero.mp4", "zeros.mp4", "random.mp4", "page.mp4", "list.m3u8", "list.mp4", "concat.txt", "concat.mp4"]
    videos += ["movie.mpd", "session.sdp", "drawing.svg", "titles.srt", "huge.png", "bomb.mp4", "wide.mp4"]
    videos += ["faceless.mp4", "tiny.mp4", "speech.wav"]
    sounds = ["zero.mp4", "zeros.mp4", "random.mp4", "page.mp4", "list.m3u8", "concat.txt", "faceless.mp4"]
    sounds += ["wrong.wav", "endless.flac", "titles.srt"]
    return [("video_path", name) for name in videos] + [("audio_path", name) for name in sounds]


def damaged(folder: Path, count: int, seed: int) -> list[tuple[str, str]]:
    """Truncated and bit-flipped copies of files of many kinds, bad enough that nothing can be made of them."""
    luck = random.Random(seed)
    clip = greys(12, 128, 128)
    kinds = {"mp4": "libx264", "mkv": "libx264", "avi": "mpeg4", "ts": "libx264", "mov": "mpeg4", "mpg": "mpeg2video"}
    sources = []
    for suffix, codec in kinds.items():
        options = {"crf": "20", "preset": "ultrafast"} if codec == "libx264" else {"b": "400000"}
        write_clip(folder / f"good.{suffix}", clip, codec=codec, options=options)
        sources.append(("video_path", f"good.{suffix}"))
    tone = click(1, 0.2, 16000)
    for suffix, codec in {"wav": "pcm_s16le", "flac": "flac", "m4a": "aac", "ogg": "libopus"}.items():
        write_sound(
            folder / f"good.{suffix}",
            tone if suffix != "ogg" else click(1, 0.2, 48000),
            16000 if suffix != "ogg" else 48000,
            codec,
        )
        sources.append(("audio_path", f"good.{suffix}"))
    found = []
    for k in range(count):
        field, name = sources[k % len(sources)]
        data = bytearray((folder / name).read_bytes())
        if k % 3 == 0:
            del data[luck.randrange(1, max(len(data) // 12, 2)) :]
        elif k % 3 == 1:
            for _ in range(len(data) // 8):
                data[luck.randrange(len(data))] ^= 1 << luck.randrange(8)
        else:
            start = luck.randrange(min(64, len(data)))
            data[start : start + 200] = luck.randbytes(200)
        broken = f"broken-{k}.{name.rsplit('.', 1)[1]}"
        (folder / broken).write_bytes(bytes(data))
        found.append((field, broken))
    return found
