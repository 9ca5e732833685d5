"""Messages about the options of a result."""

from __future__ import annotations

from collections.abc import Mapping

from digital_human.messages.message import Message

RESULT: Mapping[str, Message] = {
    "faces_of_url": Message(
        "video_path: faces are looked for in files only; send the template as an upload",
        "video_path: 只能在文件中查找人脸，请先上传模板",
    ),
    "workers_busy": Message("every worker is busy; try again in a moment", "所有工作进程都在处理任务，请稍后再试"),
    "face_out_of_picture": Message(
        "face: x and y must lie between 0 and 1, and time must not be negative",
        "face: x 与 y 必须在 0 与 1 之间，time 不能为负",
    ),
    "face_not_at_point": Message(
        "face: no face was found at {x:g}, {y:g}, {time:g} s into the template",
        "face: 模板第 {time:g} 秒的 {x:g}, {y:g} 处没有找到人脸",
    ),
    "face_outside_trim": Message(
        "face: time must lie in the part of the template that trim leaves", "face: time 必须在 trim 保留的片段之内"
    ),
    "trim_empty": Message(
        "trim: start must not be negative, and end must come after it",
        "trim: start 不能为负，end 必须在 start 之后",
    ),
    "trim_beyond_end": Message(
        "trim: lies beyond the end of the template, which is {seconds:g} s long",
        "trim: 超出模板的结尾，模板长 {seconds:g} 秒",
    ),
    "trim_of_picture": Message("trim: a picture has no length to be trimmed", "trim: 图片没有时长，无法截取"),
    "lead_out_of_range": Message(
        "lead_in, lead_out: must lie between 0 and {largest:g} s",
        "lead_in, lead_out: 必须在 0 与 {largest:g} 秒之间",
    ),
    "preview_out_of_range": Message(
        "preview: must be more than 0 and at most {largest:g} s", "preview: 必须大于 0 且不超过 {largest:g} 秒"
    ),
    "loudness_out_of_range": Message(
        "loudness: must lie between {least:g} and {largest:g} LUFS",
        "loudness: 必须在 {least:g} 与 {largest:g} LUFS 之间",
    ),
    "fps_out_of_range": Message(
        "fps: must lie between {least:g} and {largest:g}", "fps: 必须在 {least:g} 与 {largest:g} 之间"
    ),
    "size_malformed": Message(
        "size: must be a height, as 720, or a width and a height, as 1280x720",
        "size: 必须是高度（如 720）或宽高（如 1280x720）",
    ),
    "size_unusable": Message(
        "size: width and height must be even and lie between {least} and {largest}",
        "size: 宽和高必须是 {least} 与 {largest} 之间的偶数",
    ),
    "size_too_large": Message(
        "size: a picture of {size} has more than {most} pixels", "size: 画面 {size} 太大，最多 {most} 像素"
    ),
    "background_malformed": Message(
        "background: must be a colour, as #1d6b5b, or a picture", "background: 必须是颜色（如 #1d6b5b）或图片"
    ),
    "background_no_picture": Message(
        "background: must be a picture; a video cannot be put behind the person",
        "background: 必须是图片，不能使用视频作为背景",
    ),
    "background_not_even": Message(
        "background: the template shows no green or blue screen that could be replaced",
        "background: 模板中没有可替换的绿幕或蓝幕",
    ),
    "task_has_no_subtitles": Message("the task was to make no file of subtitles", "该任务没有要求生成字幕文件"),
    "subtitle_text_empty": Message(
        "subtitle_text: has no words; subtitles need the text that is said",
        "subtitle_text: 没有文字；生成字幕需要所说的文本",
    ),
    "subtitle_letters_missing": Message(
        'subtitle_text: the font of burnt subtitles has no {letters}; ask for "srt" or "vtt"',
        "subtitle_text: 内嵌字幕的字体没有 {letters}；请使用 srt 或 vtt",
    ),
    "subtitle_text_unfit": Message(
        "subtitle_text: about {syllables} syllables do not fit {seconds:g} s of speech",
        "subtitle_text: 约 {syllables} 个音节与 {seconds:g} 秒的语音不符",
    ),
    "face_beyond_end": Message(
        "face: time lies beyond the end of the template, which is {seconds:g} s long",
        "face: time 超出模板的结尾，模板长 {seconds:g} 秒",
    ),
}
