"""Reasons that the operating system, FFmpeg and HTTP libraries give in English, in Chinese."""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    # The operating system
    "No space left on device": "磁盘空间不足",
    "Disk quota exceeded": "超出磁盘配额",
    "Permission denied": "没有权限",
    "Operation not permitted": "不允许此操作",
    "Read-only file system": "文件系统只读",
    "No such file or directory": "文件或文件夹不存在",
    "Not a directory": "不是文件夹",
    "Is a directory": "是一个文件夹",
    "File exists": "文件已存在",
    "File name too long": "文件名过长",
    "File too large": "文件过大",
    "Too many levels of symbolic links": "符号链接层数过多",
    "Too many open files": "打开的文件过多",
    "Input/output error": "输入输出错误",
    "Stale file handle": "文件句柄已失效",
    "Cannot allocate memory": "内存不足",
    "Invalid argument": "参数无效",
    # FFmpeg
    "Invalid data found when processing input": "数据无效：文件已损坏，或不是音视频",
    "End of file": "文件意外结束",
    "it is damaged": "文件已损坏",
    "Decoder not found": "没有对应的解码器",
    "Demuxer not found": "无法识别的格式",
    "Protocol not found": "不支持的协议",
    "Stream not found": "没有对应的流",
    "Option not found": "不支持的选项",
    "Not yet implemented in FFmpeg, patches welcome": "FFmpeg 尚不支持此特性",
    "Unknown error occurred": "未知错误",
    "Generic error in an external library": "外部库出错",
    # Other hosts
    "ConnectError": "无法连接",
    "ConnectTimeout": "连接超时",
    "ReadTimeout": "等待应答超时",
    "WriteTimeout": "发送超时",
    "ReadError": "连接中断",
    "WriteError": "连接中断",
    "RemoteProtocolError": "对方的应答不符合 HTTP",
    "TooManyRedirects": "重定向次数过多",
}
"""A reason that is missing here stays in English."""
