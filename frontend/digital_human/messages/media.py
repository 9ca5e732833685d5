"""Messages about what is in a video or a recording."""

from __future__ import annotations

from collections.abc import Mapping

from digital_human.messages.message import Message

MEDIA: Mapping[str, Message] = {
    "media_unreadable": Message(
        "{field}: cannot be read as media ({reason})", "{field}: 无法作为音视频读取（{reason}）"
    ),
    "too_many_streams": Message("{field}: holds more than {most} streams", "{field}: 含有超过 {most} 个流"),
    "media_needs_memory": Message(
        "{field}: needs more memory than a job may have", "{field}: 需要的内存超过任务的限制"
    ),
    "codec_unknown": Message("{field}: its codec is unknown", "{field}: 编码格式未知"),
    "no_video_stream": Message("{field}: holds no video stream", "{field}: 没有视频画面"),
    "no_decodable_frame": Message("{field}: holds no decodable frame", "{field}: 没有可以解码的画面"),
    "no_audio_stream": Message("{field}: holds no audio stream", "{field}: 没有声音"),
    "samples_unusable": Message(
        "{field}: holds samples that are no sound: not a number, or far beyond full scale",
        "{field}: 含有不是声音的采样：不是数字，或远超满幅",
    ),
    "sample_rate_unusable": Message(
        "{field}: a sample rate of {rate} Hz cannot be used",
        "{field}: 无法使用 {rate} Hz 的采样率",
    ),
    "no_sound": Message("{field}: holds no sound", "{field}: 没有声音"),
    "picture_too_large": Message(
        "{field}: a picture of {size} has more than {most} pixels", "{field}: 画面 {size} 太大，最多 {most} 像素"
    ),
    "picture_size_unusable": Message(
        "{field}: a picture of {size} pixels cannot be used", "{field}: 无法使用 {size} 像素的画面"
    ),
    "picture_too_small_for_overlay": Message(
        "video_path: the picture is too small for an overlay", "video_path: 画面太小，放不下水印或标识"
    ),
    "overlay_unreadable": Message("the overlay picture {file} cannot be read", "无法读取叠加图片 {file}"),
    "hdr_unsupported": Message(
        "{field}: HDR video in ICtCp or with constant luminance is not supported; convert it to SDR (BT.709) first",
        "{field}: 不支持 ICtCp 或恒定亮度的 HDR 视频，请先转换为 SDR（BT.709）",
    ),
    "media_truncated": Message(
        "{field}: ended after {seen} of {expected} frames", "{field}: 文件不完整：{expected} 帧中只有 {seen} 帧"
    ),
    "speech_too_long": Message(
        "{field}: the speech is longer than {seconds:g} s",
        "{field}: 语音超过 {seconds:g} 秒",
    ),
    "template_too_long": Message(
        "{field}: the template is longer than {seconds:g} s",
        "{field}: 模板超过 {seconds:g} 秒",
    ),
    "no_face_in_frames": Message("video_path: no face was found in any frame", "video_path: 没有找到人脸"),
    "face_too_small": Message(
        "video_path: the face is too small: {width:.0f} pixels wide, {least} are needed",
        "video_path: 人脸太小：宽 {width:.0f} 像素，至少需要 {least} 像素",
    ),
    "no_face_in_template": Message("video_path: no face was found in the template", "video_path: 模板中没有找到人脸"),
    "decoder_stalled": Message(
        "decoding audio_path or video_path made no progress for {seconds:g} s",
        "解码 audio_path 或 video_path 时 {seconds:g} 秒没有进展",
    ),
    "decoder_crashed": Message(
        "audio_path or video_path: decoding it crashes the decoder", "audio_path 或 video_path: 解码时解码器崩溃"
    ),
    "encoder_failed": Message("{field}: the card's encoder failed", "{field}: 显卡的编码器出错"),
}
