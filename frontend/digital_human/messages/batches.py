"""Messages about batches."""

from __future__ import annotations

from collections.abc import Mapping

from digital_human.messages.message import Message

BATCHES: Mapping[str, Message] = {
    "batch_not_found": Message("there is no such batch", "没有此批次"),
    "batch_has_ended": Message("the batch has ended already", "此批次已经结束"),
    "batch_has_no_result": Message("no row of the batch has a result", "此批次没有任何结果"),
    "batch_type_unknown": Message("Content-Type: must be one of {types}", "Content-Type: 必须是 {types} 之一"),
    "batch_unreadable": Message("the body is not {kind}: {reason}", "请求体不是有效的 {kind}：{reason}"),
    "batch_empty": Message("the batch has no row", "批次中没有任何行"),
    "batches_full": Message(
        "there are {most} batches already, which is all that MAX_BATCHES allows; remove one with purge=true first",
        "已有 {most} 个批次，达到 MAX_BATCHES 的上限；请先用 purge=true 删除一个",
    ),
    "batch_too_long": Message("a batch may have {most} rows", "一个批次最多 {most} 行"),
    "batch_row_no_object": Message("the row is no object", "此行不是对象"),
    "batch_row_too_long": Message("the row has more than {count} cells", "此行超过 {count} 个单元格"),
    "batch_row_too_large": Message("a row is larger than {size} bytes", "有一行超过 {size} 字节"),
    "batch_pattern_fixed": Message(
        "save_path: must contain {{row}} or {{name}}, so that each row has its own",
        "save_path: 必须包含 {{row}} 或 {{name}}，使每一行各有其文件",
    ),
    "batch_save_path_taken": Message("save_path: row {row} is written there", "save_path: 第 {row} 行已写到此处"),
    "field_unknown": Message("{field}: there is no such field", "{field}: 没有此字段"),
}
