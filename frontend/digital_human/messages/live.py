"""Messages about live sessions."""

from __future__ import annotations

from collections.abc import Mapping

from digital_human.messages.message import Message

LIVE: Mapping[str, Message] = {
    "engine_not_live": Message(
        "engine: {engine!r} cannot speak live, only make videos", "engine: {engine!r} 不支持实时会话，只能生成视频"
    ),
    "live_sessions_full": Message(
        "there are {most} live sessions already, which is all that LIVE_SESSIONS allows; end one, or try again later",
        "已有 {most} 个实时会话，达到 LIVE_SESSIONS 的上限；请结束一个会话或稍后再试",
    ),
    "live_viewers_full": Message(
        "this live session has {most} clients already, which is all that it takes",
        "此实时会话已有 {most} 个客户端，达到上限",
    ),
    "live_speech_ahead": Message(
        "more than {most:g} s of speech wait to be spoken; what came last is left out",
        "等待播报的语音超过 {most:g} 秒；最后一段已舍弃",
    ),
    "live_session_not_found": Message(
        "no such live session: it has ended, or its service was started again",
        "没有此实时会话：会话已结束，或服务已重新启动",
    ),
    "live_session_elsewhere": Message(
        "this live session lives on another service: {service}", "此实时会话位于另一个服务：{service}"
    ),
    "live_session_stalled": Message(
        "the template of the live session made no progress for {seconds:g} s",
        "实时会话的模板在 {seconds:g} 秒内没有进展",
    ),
    "live_process_ended": Message("the process of the live session ended unexpectedly", "实时会话的进程意外结束"),
    "live_webrtc_missing": Message(
        "WebRTC needs the extra `live`: pip install 'digital-human-service[live]', with Python 3.11 or later",
        "WebRTC 需要附加组件 live：pip install 'digital-human-service[live]'，并使用 Python 3.11 或更高版本",
    ),
    "live_offer_invalid": Message("the offer cannot be answered: {reason}", "无法应答该 offer：{reason}"),
    "live_ice_server_invalid": Message(
        "LIVE_ICE_SERVERS: one of them ({server}) is not stun:host:port or turn:user:password@host:port",
        "LIVE_ICE_SERVERS: 其中之一（{server}）不是 stun:host:port 或 turn:user:password@host:port 的形式",
    ),
    "live_template_missing": Message(
        "avatar: is missing, and LIVE_TEMPLATE names no template", "avatar: 缺少此字段，且 LIVE_TEMPLATE 未指定模板"
    ),
    "live_no_chat": Message(
        "type: the service says texts (echo) and answers none (chat)",
        "type: 本服务只朗读文本（echo），不提供对话（chat）",
    ),
    "live_peer_not_found": Message("no such connection: it has ended", "没有此连接：连接已结束"),
    "live_push_url": Message(
        "{field}: an RTMP address needs an application and a stream's key: rtmp://host/application/key",
        "{field}: RTMP 地址需包含应用名和推流码：rtmp://host/application/key",
    ),
    "live_pushes_full": Message(
        "this live session is sent to {most} places already, which is all that it takes",
        "此实时会话已推送到 {most} 个地址，达到上限",
    ),
    "live_push_not_found": Message("no such push: it has ended", "没有此推流：推流已结束"),
    "live_push_refused": Message("the receiver refuses the stream: {reason}", "接收端拒绝此推流：{reason}"),
    "live_push_lost": Message("the receiver cannot be reached, or hung up", "无法连接接收端，或连接已断开"),
    "live_push_slow": Message(
        "the receiver did not answer, or took nothing, for {seconds:g} s",
        "接收端在 {seconds:g} 秒内没有响应或没有接收数据",
    ),
    "live_token_invalid": Message(
        "token: is not valid for this session any more; GET /live/sessions/{id} gives a new one",
        "token: 对此会话已失效；可通过 GET /live/sessions/{id} 获取新的 token",
    ),
    "live_message_unknown": Message(
        "a message must be speech in binary, or JSON with a type flush, interrupt or close",
        "消息须为二进制语音，或 type 为 flush、interrupt、close 的 JSON",
    ),
    "live_url": Message(
        "{field}: a live session takes a path or an upload, no URL", "{field}: 实时会话只接受路径或上传文件，不接受 URL"
    ),
    "live_frames_ruined": Message(
        "{count} of {looked} pictures that were looked at had a mouth that looks wrong; another template may do better",
        "检查的 {looked} 帧画面中有 {count} 帧嘴部异常；更换模板视频可能会改善",
    ),
    "live_picture_held": Message("the picture holds: the models do not answer", "画面暂停：模型没有响应"),
}
