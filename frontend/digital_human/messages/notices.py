"""Warnings about a video that was made."""

from __future__ import annotations

from collections.abc import Mapping

from digital_human.messages.message import Message

NOTICES: Mapping[str, Message] = {
    "mouth_hidden": Message(
        "the mouth is hidden in {count} of {frames} frames; these are shown as they are",
        "{frames} 帧中有 {count} 帧嘴部被遮挡，这些帧保持原样",
    ),
    "mouth_unsure": Message(
        "something may be in front of the mouth in {count} of {frames} frames; these are shown as they are",
        "{frames} 帧中有 {count} 帧嘴部可能被遮挡，这些帧保持原样",
    ),
    "face_missing": Message(
        "no face was found in {count} of {frames} frames; these are shown as they are",
        "{frames} 帧中有 {count} 帧没有找到人脸，这些帧保持原样",
    ),
    "mouth_cut_off": Message(
        "the mouth is at the picture's border in {count} of {frames} frames; these are shown as they are",
        "{frames} 帧中有 {count} 帧嘴部位于画面边缘，这些帧保持原样",
    ),
    "frames_redrawn": Message(
        "{count} of {looked} frames that were looked at were drawn once more, because the mouth looked wrong",
        "检查的 {looked} 帧中有 {count} 帧因嘴部异常而重新绘制",
    ),
    "frames_passed": Message(
        "{count} of {looked} frames that were looked at are shown as they are, because no mouth looked right in them",
        "检查的 {looked} 帧中有 {count} 帧无法绘制出正常的嘴部，保持原样",
    ),
    "face_small": Message(
        "the face is only {width} pixels wide; a larger one would look better",
        "人脸宽度只有 {width} 像素，使用更大的人脸效果更好",
    ),
    "several_people": Message(
        "the template shows {count} faces, number {number} from the left speaks; `face` chooses another",
        "模板中有 {count} 张人脸，说话的是左起第 {number} 位；可用 `face` 另选",
    ),
    "hdr_tone_mapped": Message(
        "the template is HDR ({kind}); its colours were converted to SDR (BT.709)",
        "模板为 HDR（{kind}），颜色已转换为 SDR（BT.709）",
    ),
    "alpha_flattened": Message(
        "the template is transparent in places; {colour} is laid behind it; .mov and .webm stay transparent",
        "模板有透明部分；其后铺上了 {colour}。结果为 .mov 或 .webm 时保留透明",
    ),
    "mouth_never_opens": Message(
        "the mouth never opens in the template; what lies between the lips is another person's",
        "模板中嘴部从不张开，口腔内部取自他人",
    ),
    "mouth_never_shuts": Message(
        "the mouth never shuts in the template; its lips are drawn shut where the speech needs it",
        "模板中嘴部从不闭合，需要闭嘴时由系统绘制",
    ),
    "pulls_faces": Message(
        "the template pulls faces; speech is drawn with its calm mouths only, so it opens less",
        "模板中表情夸张，说话时只使用其平静的嘴形，因此张口较小",
    ),
}
