"""Messages about avatars, and warnings about their templates."""

from __future__ import annotations

from collections.abc import Mapping

from digital_human.messages.message import Message

AVATARS: Mapping[str, Message] = {
    "avatar_not_found": Message("there is no such avatar", "没有此形象"),
    "no_such_avatar": Message("avatar: there is no such avatar", "avatar: 没有此形象"),
    "avatar_exists": Message(
        "name: there is an avatar named {name} already; delete it first, or take another name",
        "name: 已有名为 {name} 的形象；请先删除它，或换一个名称",
    ),
    "avatars_full": Message(
        "there are {most} avatars already, which is all that MAX_AVATARS allows; delete one first",
        "已有 {most} 个形象，达到 MAX_AVATARS 的上限；请先删除一个",
    ),
    "avatar_name_invalid": Message(
        "name: must have 1 to 64 letters, digits, spaces or . _ - and begin with a letter or digit",
        "name: 必须为 1 至 64 个字母、文字、数字、空格或 . _ -，并以字母、文字或数字开头",
    ),
    "avatar_not_ready": Message(
        "{field}: the template of this avatar is still being fetched; try again in a moment",
        "{field}: 此形象的模板仍在获取中，请稍后再试",
    ),
    "avatar_in_use": Message(
        "{count} tasks that have not ended need this avatar; cancel them first",
        "还有 {count} 个未结束的任务需要此形象；请先取消它们",
    ),
    "avatar_has_no_such_file": Message("the avatar has no such file, or not yet", "此形象没有该文件，或尚未生成"),
    "field_not_both": Message("{field}: cannot go together with {other}", "{field}: 不能与 {other} 同时使用"),
    # Warnings: how a template suits
    "suits_small_face": Message(
        "The face is only {width} pixels wide; from {good} on the mouth looks sharper.",
        "人脸宽度只有 {width} 像素；达到 {good} 像素以上，口型更清晰。",
    ),
    "suits_frames_without_face": Message(
        "No face is seen in {count} of {frames} frames; these are shown as they are.",
        "{frames} 帧中有 {count} 帧没有人脸；这些帧按原样显示。",
    ),
    "suits_covered_mouth": Message(
        "Something covers the mouth in {count} of {frames} frames.", "{frames} 帧中有 {count} 帧的嘴被遮挡。"
    ),
    "suits_closed_mouth": Message(
        "The mouth stays shut, so the teeth are not the person's own; a template that talks looks more like them.",
        "模板中的嘴一直闭着，因此牙齿不是本人的；说话的模板更像本人。",
    ),
    "suits_picture": Message(
        "It is a picture: only the mouth will move, and the teeth are not the person's own.",
        "这是一张图片：只有嘴会动，而且牙齿不是本人的。",
    ),
    "suits_short": Message(
        "It lasts only {seconds:g} s; from {good:g} s on its movements repeat less.",
        "模板只有 {seconds:g} 秒；达到 {good:g} 秒以上，动作重复较少。",
    ),
    "suits_cuts": Message(
        "It has {count} cuts; each shot is treated on its own.", "模板中有 {count} 处剪切；每个镜头单独处理。"
    ),
    "suits_hdr": Message(
        "It is HDR ({kind}); its colours are converted to SDR (BT.709).",
        "模板为 HDR（{kind}），颜色会转换为 SDR（BT.709）。",
    ),
    "suits_alpha": Message(
        "It is partly transparent: black, or a task's `background`, shows through, except in .mov and .webm results.",
        "模板有透明部分：除 .mov 和 .webm 结果外，透明处显示黑色或任务指定的 `background`。",
    ),
}
