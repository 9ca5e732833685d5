"""What stands in a Chinese text but is not a word, in words: amounts, dates, times, units."""

from __future__ import annotations

import re
from collections.abc import Callable

_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿", "万亿")
_LONGEST = 16
_TELEPHONE = 7
"""Digits from which on a number without commas is read one by one."""
_UNITS = {
    "km/h": "公里每小时", "km": "公里", "cm": "厘米", "mm": "毫米", "kg": "公斤", "mg": "毫克", "ml": "毫升",
    "℃": "摄氏度", "°C": "摄氏度", "°": "度", "GB": "吉字节", "MB": "兆字节", "Hz": "赫兹", "m": "米", "g": "克",
}  # fmt: skip
_CURRENCIES = {"$": "美元", "￥": "元", "¥": "元", "€": "欧元", "£": "英镑"}
_COUNTED = "个位只条张次天本件种家层辆台岁人块斤公里分钟小时"
"""What follows a number where two is 两."""
_SIGNS = {
    "&": "和",
    "+": "加",
    "=": "等于",
    "%": "",
    "@": "艾特",
    "#": "",
    "×": "乘",
    "÷": "除以",
    "~": "到",
    "*": "",
    "_": " ",
}
_NUMBER = r"\d+(?:,\d{3})*(?:\.\d+)?"


def cardinal(number: int) -> str:
    """1024 -> 一千零二十四"""
    if number < 10:
        return _DIGITS[number]
    if len(str(number)) > _LONGEST:
        return digits(str(number))
    parts, group, gap = "", 0, False
    while number:
        number, rest = divmod(number, 10_000)
        if rest:
            said = _thousands(rest) + _GROUPS[group]
            parts = said + ("零" if gap and parts and not parts.startswith("零") else "") + parts
            gap = rest < 1000
        elif parts:
            gap = True
        group += 1
    return parts.removeprefix("一") if parts.startswith("一十") else parts


def _thousands(number: int) -> str:
    said, zero = "", False
    for place in range(3, -1, -1):
        digit = number // 10**place % 10
        if digit:
            said += ("零" if zero and said else "") + _DIGITS[digit] + _PLACES[place]
        zero = digit == 0
    return said


def digits(text: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in text if digit.isdecimal())


def _number(text: str) -> str:
    whole, _, decimals = text.replace(",", "").partition(".")
    is_code = (len(whole) > 1 and whole[0] == "0") or (len(whole) >= _TELEPHONE and "," not in text)
    said = digits(whole) if is_code else cardinal(int(whole))
    return f"{said}点{digits(decimals)}" if decimals else said


def _time(match: re.Match[str]) -> str:
    said = f"{_two(cardinal(int(match[1])))}点"
    return said + (f"{'零' if match[2][0] == '0' else ''}{cardinal(int(match[2]))}分" if int(match[2]) else "整")


def _two(said: str) -> str:
    return "两" if said == "二" else said


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"https?://(?:www\.)?", lambda match: ""),
        (r"(?<=[A-Za-z])\.(?=[A-Za-z])", lambda match: "点"),
        (r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})", lambda match: f"{match[1]}年{match[2]}月{match[3]}日"),
        (r"(\d{2,4})年", lambda match: f"{digits(match[1])}年"),
        (r"(?<!\d)([01]?\d|2[0-3])[:：]([0-5]\d)(?!\d)", _time),
        (r"(?<![A-Za-z0-9.])[-−](?=\d)", lambda match: "负"),
        (rf"({_NUMBER})%", lambda match: f"百分之{_number(match[1])}"),
        (rf"([$￥¥€£])\s*({_NUMBER})([万亿]?)", lambda m: f"{_number(m[2])}{m[3]}{_CURRENCIES[m[1]]}"),
        (
            rf"({_NUMBER})\s*({'|'.join(map(re.escape, _UNITS))})(?![A-Za-z])",
            lambda match: _two(_number(match[1])) + _UNITS[match[2]],
        ),
        (r"(?<=\d)\s*[-–~～]\s*(?=\d)", lambda match: "到"),
        (r"(\d+)/(\d+)", lambda match: f"{cardinal(int(match[2]))}分之{cardinal(int(match[1]))}"),
        (rf"(?<![\d.])2(?=[{_COUNTED}])", lambda match: "两"),
        (_NUMBER, lambda match: _number(match[0])),
    )
)


def in_words(text: str) -> str:
    """The text with its numbers and signs written out. Those within a Latin word stay, for that is read in English."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return chr(0xE000 + len(kept) - 1)

    text = re.sub(r"[A-Za-z]+[-]?\d[\dA-Za-z.]*(?<!\.)", keep, text)
    for pattern, rule in _RULES:
        text = pattern.sub(rule, text)
    for sign, said in _SIGNS.items():
        text = text.replace(sign, said)
    return "".join(kept[ord(sign) - 0xE000] if 0 <= ord(sign) - 0xE000 < len(kept) else sign for sign in text)
