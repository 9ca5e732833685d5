"""Every message for callers, in English and Chinese, by a stable name.

An error is raised with the name of its message and the message's parameters (`digital_human.errors`), and is worded
where it is shown. So is a notice (`digital_human.core.notices`). Names are part of the API: `error` beside `code` and
`message`. Parameters fit into JSON.

A topic that grows has a module of its own beside this one, as `messages.result`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from digital_human.messages.avatars import AVATARS
from digital_human.messages.batches import BATCHES
from digital_human.messages.live import LIVE
from digital_human.messages.message import Message
from digital_human.messages.notices import NOTICES
from digital_human.messages.result import RESULT
from digital_human.messages.speech import SPEECH

Language = Literal["en", "zh"]
Params = Mapping[str, str | int | float]

MESSAGES: Mapping[str, Message] = {
    **NOTICES,
    **RESULT,
    **AVATARS,
    **BATCHES,
    **LIVE,
    **SPEECH,
    # The request
    "field_missing": Message("{field}: Field required", "{field}: 缺少此字段"),
    "field_invalid": Message("{field}: {reason}", "{field}: 无效（{reason}）"),
    "save_path_missing": Message("save_path: is missing", "save_path: 缺少此字段"),
    "timeout_too_long": Message("timeout: must not exceed {seconds:g} s", "timeout: 不能超过 {seconds:g} 秒"),
    "callback_url_missing": Message(
        "callback_progress: needs a callback_url", "callback_progress: 需要同时提供 callback_url"
    ),
    "key_reused": Message(
        "Idempotency-Key: was used with another request before",
        "Idempotency-Key: 已用于另一个请求",
    ),
    "code_reused": Message(
        "code {code} belongs to a job with another request that has not ended", "code {code} 属于另一个尚未结束的任务"
    ),
    "body_too_large": Message("the body is larger than {size} bytes", "请求体超过 {size} 字节"),
    "body_too_deep": Message(
        "the body has more than {most} levels of lists and objects", "请求体中列表和对象的嵌套超过 {most} 层"
    ),
    "range_malformed": Message("Range: is malformed", "Range: 格式不正确"),
    "range_outside_file": Message("Range: lies outside the file", "Range: 超出文件范围"),
    "route_not_found": Message("Not Found", "没有此地址"),
    "method_not_allowed": Message("Method Not Allowed", "此地址不支持该方法"),
    "http_error": Message("{detail}", "{detail}"),
    # Callers
    "api_key_missing": Message(
        "an API key is needed: Authorization: Bearer <key>", "需要 API 密钥：Authorization: Bearer <密钥>"
    ),
    "api_key_unknown": Message("the API key is not known", "API 密钥无效"),
    "host_not_ours": Message(
        "Host: {host} is not a name of this service; ALLOWED_HOSTS adds some",
        "Host: {host} 不是本服务的名称；可用 ALLOWED_HOSTS 添加",
    ),
    "origin_not_allowed": Message(
        "Origin: this page may not send requests; ALLOWED_ORIGINS adds some",
        "Origin: 此网页不可发送请求；可用 ALLOWED_ORIGINS 添加",
    ),
    "operators_only": Message(
        "this call is for operators; OPERATOR_KEYS names their keys",
        "此接口仅供管理员使用；OPERATOR_KEYS 中设置其密钥",
    ),
    "keys_required": Message(
        "HOST is {host}, which other machines can reach: set API_KEYS, or ALLOW_ANONYMOUS=1 for all",
        "HOST 为 {host}，其他机器可以访问：请设置 API_KEYS，或设置 ALLOW_ANONYMOUS=1 允许所有人",
    ),
    # Options
    "engine_unknown": Message(
        "engine: there is none named {engine!r}; known are {known}",
        "engine: 没有名为 {engine!r} 的引擎；可用的有 {known}",
    ),
    "engine_module_failed": Message(
        "ENGINE_MODULES: {module} cannot be imported: {reason}", "ENGINE_MODULES: 无法导入 {module}：{reason}"
    ),
    "engine_module_without_function": Message(
        "ENGINE_MODULES: {module} has no function register_engines(registry)",
        "ENGINE_MODULES: {module} 没有函数 register_engines(registry)",
    ),
    "engine_not_installed": Message(
        "engine: {engine!r} has no weights; `{command}` installs them, {call} loads them",
        "engine: {engine!r} 没有权重；用 `{command}` 安装，再用 {call} 加载",
    ),
    "engine_without_weights": Message(
        "engine: {engine!r} has no weights; they belong in the model repository, {call} loads them",
        "engine: {engine!r} 没有权重；请放入模型仓库，再用 {call} 加载",
    ),
    "engine_not_loaded": Message(
        "engine: the weights of {engine!r} are not loaded; {call} loads them",
        "engine: {engine!r} 的权重尚未加载；用 {call} 加载",
    ),
    "model_missing": Message("Triton has no model {model} in its repository", "Triton 的模型仓库中没有 {model}"),
    "model_not_loadable": Message("Triton cannot load {model}: {reason}", "Triton 无法加载 {model}：{reason}"),
    "mouth_strength_out_of_range": Message(
        "mouth_strength: must lie between {least:g} and {largest:g}",
        "mouth_strength: 必须在 {least:g} 与 {largest:g} 之间",
    ),
    "mouth_strength_unsupported": Message(
        "mouth_strength: engine {engine} has none, its network decides; leave it at 1",
        "mouth_strength: 引擎 {engine} 不支持，由其网络决定；请保持为 1",
    ),
    # Paths
    "not_a_path": Message("{field}: is not a path", "{field}: 不是路径"),
    "path_empty": Message("{field}: is empty or not a path", "{field}: 为空或不是路径"),
    "path_not_allowed": Message(
        "{field}: lies outside the allowed folders; the setting ALLOWED_ROOTS adds some, and PATH_MAPPINGS maps "
        "the paths of another machine",
        "{field}: 不在允许的文件夹内；可用设置 ALLOWED_ROOTS 添加，或用 PATH_MAPPINGS 映射其他机器的路径",
    ),
    "path_of_another_machine": Message(
        "{field}: is a path of another machine; the setting PATH_MAPPINGS says what it is here",
        "{field}: 是其他机器的路径；请用设置 PATH_MAPPINGS 映射到本机",
    ),
    "path_private": Message(
        "{field}: lies in a folder that the service keeps for itself", "{field}: 位于服务自用的文件夹内"
    ),
    "name_too_long": Message(
        "{field}: a name in it is longer than {most} bytes",
        "{field}: 其中有名称超过 {most} 字节",
    ),
    "file_name_too_long": Message(
        "{field}: the name of the file is longer than {most} bytes", "{field}: 文件名超过 {most} 字节"
    ),
    "folder_is_a_file": Message("{field}: its folder is a file", "{field}: 其文件夹是一个文件"),
    "path_became_link": Message("{field}: has become a symbolic link", "{field}: 已变成符号链接"),
    "is_a_folder": Message("{field}: is a folder", "{field}: 是一个文件夹"),
    "not_a_regular_file": Message("{field}: is not a regular file", "{field}: 不是普通文件"),
    "file_not_found": Message("{field}: no such file", "{field}: 找不到文件"),
    "file_empty": Message("{field}: is an empty file", "{field}: 是空文件"),
    "file_unreadable": Message("{field}: cannot be read ({reason})", "{field}: 无法读取（{reason}）"),
    "file_changed": Message("{field}: has changed since the job began", "{field}: 任务开始后文件已改变"),
    "input_unreadable": Message("an input cannot be read ({reason})", "无法读取输入文件（{reason}）"),
    "output_is_input": Message("{field}: is the same file as {other}", "{field}: 与 {other} 是同一个文件"),
    "output_type_unknown": Message("{field}: must end in one of {suffixes}", "{field}: 扩展名必须是 {suffixes} 之一"),
    "output_folder_failed": Message(
        "{field}: its folder cannot be made ({reason})", "{field}: 无法创建其文件夹（{reason}）"
    ),
    "write_failed": Message("{field}: cannot be written ({reason})", "{field}: 无法写入（{reason}）"),
    # Uploads
    "upload_not_found": Message("{field}: no such upload", "{field}: 找不到上传的文件"),
    "upload_gone": Message(
        "{field}: no such upload; it may have been removed after a while", "{field}: 找不到上传的文件，可能已被清除"
    ),
    "file_too_large": Message("{field}: is larger than {size} bytes", "{field}: 超过 {size} 字节"),
    "form_missing": Message(
        "the body must be multipart/form-data with a part `file`",
        "请求体必须是 multipart/form-data，并含有 `file` 部分",
    ),
    "form_malformed": Message(
        "the body is not well-formed multipart/form-data", "请求体不是格式正确的 multipart/form-data"
    ),
    "form_file_missing": Message("file: must be there once, and not be empty", "file: 必须出现一次，且不能为空"),
    "form_cut_off": Message(
        "the body ends before its closing boundary; the file may be cut off",
        "请求体在结束边界之前中断，文件可能不完整",
    ),
    "form_boundary_too_long": Message("the boundary of the body is too long", "请求体的边界过长"),
    "form_header_too_long": Message("the body has a header that is too long", "请求体中有过长的头部"),
    # URLs
    "not_a_url": Message("{field}: is not a URL", "{field}: 不是 URL"),
    "url_not_http": Message(
        "{field}: must be an http or https URL without a password in it",
        "{field}: 必须是不含密码的 http 或 https URL",
    ),
    "host_not_allowed": Message(
        "{field}: the host is not allowed; the setting {setting} adds some",
        "{field}: 不允许访问此主机；可用设置 {setting} 添加",
    ),
    "host_unknown": Message("{field}: the host is not known", "{field}: 找不到主机"),
    "host_private": Message("{field}: the host leads to a private address", "{field}: 主机指向内网地址"),
    "too_many_redirects": Message("{field}: redirects too often", "{field}: 重定向次数过多"),
    "fetch_refused": Message("{field}: the host answers {status}", "{field}: 主机返回 {status}"),
    "fetch_too_slow": Message(
        "{field}: fetching it took longer than {seconds:g} s", "{field}: 下载超过 {seconds:g} 秒"
    ),
    "fetch_failed": Message("{field}: cannot be fetched ({reason})", "{field}: 无法下载（{reason}）"),
    # Media
    "media_unreadable": Message(
        "{field}: cannot be read as media ({reason})", "{field}: 无法作为音视频读取（{reason}）"
    ),
    "too_many_streams": Message("{field}: holds more than {most} streams", "{field}: 含有超过 {most} 个流"),
    "media_needs_memory": Message(
        "{field}: needs more memory than a job may have", "{field}: 需要的内存超过任务的限制"
    ),
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
        "{field}: HDR video is not supported; convert it to SDR (BT.709) first",
        "{field}: 不支持 HDR 视频，请先转换为 SDR（BT.709）",
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
    # Tasks
    "task_not_found": Message("there is no such task", "任务不存在"),
    "task_has_ended": Message("the task has {state} already", "任务已经结束：状态为 {state}"),
    "task_has_no_result": Message("the task has no result: it is {state}", "任务没有结果：状态为 {state}"),
    "task_cancelled": Message("the task was cancelled", "任务已取消"),
    "job_cancelled": Message("the job was cancelled", "任务已取消"),
    "job_timed_out": Message("the job took longer than {seconds:g} s", "任务超过 {seconds:g} 秒"),
    "job_stalled": Message("the job made no progress for {seconds:g} s", "任务 {seconds:g} 秒没有进展"),
    "job_needs_memory": Message("the job needs more memory than it may have", "任务需要的内存超过限制"),
    "job_process_ended": Message("the job's process ended unexpectedly", "任务的进程意外终止"),
    "result_unreadable": Message("the result cannot be read any more", "结果已无法读取"),
    "result_overwritten": Message("the result has been overwritten since", "结果已被覆盖"),
    "result_vanished": Message(
        "the finished file has vanished before it was published",
        "完成的文件在发布之前消失了",
    ),
    "template_not_kept": Message("the template was fetched from a URL and is not kept", "模板来自 URL，没有保留"),
    "template_unreadable": Message("the template cannot be read any more", "模板已无法读取"),
    "report_not_found": Message("it is not there yet, or not any more", "尚未生成，或已被清除"),
    # Clients of HeyGem and Duix
    "easy_field_missing": Message("{field} is missing", "{field}参数缺失"),
    "easy_success": Message("success", "成功"),
    "easy_queued": Message("waiting", "等待中"),
    "easy_queued_behind": Message("waiting, {count} before it", "等待中，前面还有 {count} 个任务"),
    "easy_running": Message("started", "处理中"),
    "easy_succeeded": Message("done", "任务完成"),
    # The service
    "internal_error": Message(
        "an error of the service itself; its log has the details",
        "服务内部错误，详情见其日志",
    ),
    "queue_full": Message("{waiting} jobs wait already; try again later", "已有 {waiting} 个任务在排队，请稍后再试"),
    "shutting_down": Message("the service is shutting down", "服务正在关闭"),
    "shutting_down_task_goes_on": Message(
        "the service is shutting down; task {task} goes on after it", "服务正在关闭；任务 {task} 会在之后继续"
    ),
    "database_silent": Message("the queue's database does not answer at the moment", "任务队列的数据库暂时没有响应"),
    "database_unusable": Message("the queue's database cannot be used at the moment", "任务队列的数据库暂时无法使用"),
    "records_not_kept": Message(
        "the service cannot keep its records; its disk may be full", "服务无法保存记录，磁盘可能已满"
    ),
    "template_not_stored": Message("what was found cannot be kept in {folder}", "分析结果无法保存到 {folder}"),
    "state_folder_gone": Message(
        "the service's own folder is gone, or may not be written", "服务自用的文件夹不存在或无法写入"
    ),
    "base_path_unusable": Message("BASE_PATH cannot be used ({reason})", "无法使用 BASE_PATH（{reason}）"),
    "base_path_taken": Message(
        "another service uses the same BASE_PATH; several share their work where DATABASE_URL names a PostgreSQL",
        "另一个服务正在使用同一个 BASE_PATH；多个服务可以用 DATABASE_URL 指定的 PostgreSQL 分担任务",
    ),
    "certificate_unreadable": Message(
        "C2PA_CERTIFICATE or C2PA_PRIVATE_KEY cannot be read ({reason})",
        "无法读取 C2PA_CERTIFICATE 或 C2PA_PRIVATE_KEY（{reason}）",
    ),
    "signing_failed": Message(
        "the content credentials could not be signed ({reason})",
        "无法签署内容凭证（{reason}）",
    ),
    # Triton
    "triton_not_ready": Message("Triton is not ready yet; try again in a moment", "模型服务尚未就绪，请稍后再试"),
    "triton_not_started": Message("Triton is not ready{output}", "Triton 没有就绪{output}"),
    "triton_failed": Message("{reason}", "{reason}"),
    "triton_refused": Message("Triton refused the request: {reason}", "Triton 拒绝了请求：{reason}"),
    "triton_silent": Message("Triton does not answer: {reason}", "Triton 没有响应：{reason}"),
    "triton_silent_at": Message(
        "Triton at {host} does not answer: {reason}",
        "{host} 上的 Triton 没有响应：{reason}",
    ),
    "triton_not_found": Message("no Triton answers at {url}: {reason}", "{url} 上没有 Triton 响应：{reason}"),
    "triton_does_not_fit": Message(
        "Triton at {url} does not fit this service: {problems}", "{url} 上的 Triton 不适合本服务：{problems}"
    ),
    "triton_cannot_run": Message(
        "the embedded Triton cannot run: {problem}; {fix}", "内嵌的 Triton 无法运行：{problem}；{fix}"
    ),
    "port_taken": Message(
        "port {port} on {host} is taken; choose another one for Triton",
        "{host} 的端口 {port} 已被占用；请为 Triton 另选一个",
    ),
}


def text(name: str, params: Params, language: Language = "en") -> str:
    """The message in words. Raises KeyError for a name or a parameter that is missing."""
    return str(getattr(MESSAGES[name], language)).format(**params)
