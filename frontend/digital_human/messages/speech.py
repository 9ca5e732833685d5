"""Messages about texts that are spoken, and about voices."""

from __future__ import annotations

from collections.abc import Mapping

from digital_human.messages.message import Message

SPEECH: Mapping[str, Message] = {
    "speech_twice": Message("{field}: goes without audio_path", "{field}: 不能与 audio_path 同时使用"),
    "text_empty": Message("{field}: holds nothing to say", "{field}: 没有可以朗读的内容"),
    "text_too_long": Message("{field}: is longer than {most} characters", "{field}: 超过 {most} 个字符"),
    "text_unreadable": Message("text: cannot be read as {language}", "text: 无法作为 {language} 朗读"),
    "voice_unknown": Message(
        "voice: there is none named {voice!r}; known are {known}", "voice: 没有名为 {voice!r} 的声音；可用的有 {known}"
    ),
    "voice_without_sample": Message("voice {voice!r} has no sample", "声音 {voice!r} 没有试听"),
    "speech_busy": Message(
        "{waiting} speeches are being made already; try again in a moment", "已有 {waiting} 段语音正在生成，请稍后再试"
    ),
    "speed_out_of_range": Message(
        "speed: must lie between {least:g} and {largest:g}", "speed: 必须在 {least:g} 与 {largest:g} 之间"
    ),
    "voices_not_installed": Message(
        "text: no voices are installed: `pip install 'digital-human-service[voices]'`, then `digital-human install "
        "kokoro`; or SPEECH_URL names a speech server",
        "text: 没有安装声音：先 `pip install 'digital-human-service[voices]'`，再 `digital-human install kokoro`；"
        "或用 SPEECH_URL 指定语音服务",
    ),
    "voices_not_served": Message(
        "text: Triton at {url} does not serve the model kokoro; `digital-human install kokoro --to DIR` makes its "
        "folder",
        "text: {url} 上的 Triton 没有提供模型 kokoro；用 `digital-human install kokoro --to DIR` 生成其文件夹",
    ),
    "espeak_not_installed": Message(
        "text: {language} needs the program espeak-ng, which is not installed",
        "text: {language} 需要程序 espeak-ng，但尚未安装",
    ),
    "weights_damaged": Message(
        "the weights of {model} are not those that were tested", "{model} 的权重与经过测试的不符"
    ),
    "speech_server_refused": Message(
        "text: the speech server answers {status}: {reason}", "text: 语音服务返回 {status}：{reason}"
    ),
    "speech_server_silent": Message(
        "text: the speech server does not answer ({reason})", "text: 语音服务没有响应（{reason}）"
    ),
}
