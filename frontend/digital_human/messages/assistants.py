"""Messages for assistants, which use the service through the tools of `digital-human mcp`."""

from __future__ import annotations

from collections.abc import Mapping

from digital_human.messages.message import Message

ASSISTANTS: Mapping[str, Message] = {
    "mcp_not_installed": Message(
        "the MCP server is not installed: pip install 'digital-human-service[mcp]'",
        "没有安装 MCP 服务器：pip install 'digital-human-service[mcp]'",
    ),
    "mcp_order_unclear": Message(
        "give one of text and audio, and one of avatar and template",
        "text 与 audio 请给出其中一个，avatar 与 template 请给出其中一个",
    ),
    "mcp_path_outside": Message(
        "{path}: lies outside of {folder}, the folder of this server", "{path}: 不在此服务器的文件夹 {folder} 之内"
    ),
    "mcp_output_unusable": Message(
        "{path}: exists already, or its folder does not; name another file",
        "{path}: 文件已存在或其文件夹不存在，请换一个文件名",
    ),
}
