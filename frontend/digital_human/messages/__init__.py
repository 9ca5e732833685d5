"""Every message for callers, in English and Chinese, by a stable name.

An error is raised with the name of its message and the message's parameters (`digital_human.errors`), and is worded
where it is shown. So is a notice (`digital_human.core.notices`). Names are part of the API: `error` beside `code` and
`message`. Parameters fit into JSON.

A topic that grows has its own module beside this one, as `messages.result`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from digital_human.messages.assistants import ASSISTANTS
from digital_human.messages.avatars import AVATARS
from digital_human.messages.batches import BATCHES
from digital_human.messages.files import FILES
from digital_human.messages.live import LIVE
from digital_human.messages.media import MEDIA
from digital_human.messages.message import Message
from digital_human.messages.notices import NOTICES
from digital_human.messages.reasons import REASONS
from digital_human.messages.result import RESULT
from digital_human.messages.speech import SPEECH

Language = Literal["en", "zh"]
Params = Mapping[str, str | int | float]

MESSAGES: Mapping[str, Message] = {
    **NOTICES,
    **RESULT,
    **ASSISTANTS,
    **AVATARS,
    **BATCHES,
    **LIVE,
    **SPEECH,
    **FILES,
    **MEDIA,
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
    if language == "zh":
        params = {key: REASONS.get(str(value), value) if key == "reason" else value for key, value in params.items()}
    return str(getattr(MESSAGES[name], language)).format(**params)
