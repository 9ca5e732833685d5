"""What ComfyUI passes between nodes, as files, with the standard library alone."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from typing import Any


def png_of(field: str, images: Any) -> bytes:
    """The picture of an IMAGE, [1, height, width, 3 or 4], 0-1. Raises ValueError for several."""
    if len(images) != 1:
        raise ValueError(f"{field}: {len(images)} pictures; one is taken (Create Video makes a video of several)")
    picture = (images[0, ..., :3].cpu().float().clamp(0, 1) * 255).round().byte().numpy()
    height, width = picture.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in picture)
    parts = (
        (b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def wav_of(audio: dict[str, Any]) -> bytes:
    """An AUDIO, `waveform` [1, channels, samples] and `sample_rate`, in 16 bits. Raises ValueError for several."""
    waveform = audio["waveform"]
    if len(waveform) != 1:
        raise ValueError(f"audio: {len(waveform)} recordings; one is said at a time")
    samples = (waveform[0].cpu().float().clamp(-1, 1) * 32767).round().short().numpy()
    sink = io.BytesIO()
    with wave.open(sink, "wb") as file:
        file.setnchannels(samples.shape[0])
        file.setsampwidth(2)
        file.setframerate(int(audio["sample_rate"]))
        file.writeframes(samples.T.tobytes())
    return sink.getvalue()
