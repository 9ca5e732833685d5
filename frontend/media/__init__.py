"""Reading and writing video and sound with FFmpeg's libraries, through PyAV."""

from frontend.media.audio import SPEECH_RATE, audio_duration, read_speech
from frontend.media.compose import compose, encode_sound, write_video
from frontend.media.container import probe_video
from frontend.media.read import VideoReader
from frontend.media.video_info import VideoInfo
from frontend.media.write import EncoderSettings, write_segment

__all__ = [
    "SPEECH_RATE",
    "EncoderSettings",
    "VideoInfo",
    "VideoReader",
    "audio_duration",
    "compose",
    "encode_sound",
    "probe_video",
    "read_speech",
    "write_segment",
    "write_video",
]
