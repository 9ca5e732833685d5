"""Messages about paths, uploads and URLs."""

from __future__ import annotations

from collections.abc import Mapping

from digital_human.messages.message import Message

FILES: Mapping[str, Message] = {
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
    "url_scheme": Message(
        "{field}: must be a URL without a password in it, that begins with one of {schemes}",
        "{field}: 必须是不含密码、以 {schemes} 之一开头的 URL",
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
}
