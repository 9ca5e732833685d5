"""Reading and writing video and sound with FFmpeg's libraries, through PyAV."""

from digital_human.core.types import SPEECH_RATE
from digital_human.media.audio import audio_duration, read_speech
from digital_human.media.container import probe_video
from digital_human.media.encode import EncoderSettings, write_segment
from digital_human.media.mux import compose, encode_audio, write_video
from digital_human.media.reader import VideoReader
from digital_human.media.video_info import VideoInfo

__all__ = [
    "SPEECH_RATE",
    "EncoderSettings",
    "VideoInfo",
    "VideoReader",
    "audio_duration",
    "compose",
    "encode_audio",
    "probe_video",
    "read_speech",
    "write_segment",
    "write_video",
]
