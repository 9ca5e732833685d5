"""What stands in an English text but is not a word, in words: amounts, dates, times, signs, abbreviations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

_TO_NINETEEN = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TO_NINETY = "_ _ twenty thirty forty fifty sixty seventy eighty ninety"
_ONES, _TENS = _TO_NINETEEN.split(), _TO_NINETY.split()
_GROUPS = ("", " thousand", " million", " billion", " trillion")
_LONGEST = 15
"""Digits of a number that is still read as one."""
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
_CURRENCIES = {
    "$": ("dollar", "cent"), "€": ("euro", "cent"), "£": ("pound", "pence"), "¥": ("yuan", "fen"),
    "₹": ("rupee", "paisa"),
}  # fmt: skip
_UNITS = {
    "km": "kilometers", "cm": "centimeters", "mm": "millimeters", "kg": "kilograms", "mg": "milligrams",
    "ml": "milliliters", "km/h": "kilometers per hour", "mph": "miles per hour", "GHz": "gigahertz", "MHz": "megahertz",
    "Hz": "hertz", "kHz": "kilohertz", "GB": "gigabytes", "MB": "megabytes", "KB": "kilobytes", "TB": "terabytes",
    "°C": "degrees Celsius", "°F": "degrees Fahrenheit", "°": "degrees", "kW": "kilowatts", "ms": "milliseconds",
    "fps": "frames per second", "px": "pixels", "ft": "feet", "lb": "pounds", "oz": "ounces",
}  # fmt: skip
_ABBREVIATIONS = {
    "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz", "Dr.": "Doctor", "Prof.": "Professor", "St.": "Saint",
    "Jr.": "Junior", "Sr.": "Senior", "vs.": "versus", "etc.": "et cetera", "e.g.": "for example", "i.e.": "that is",
    "approx.": "approximately", "No.": "number", "Inc.": "incorporated", "Ltd.": "limited", "Co.": "company",
    "Jan.": "January", "Feb.": "February", "Aug.": "August", "Sept.": "September", "Oct.": "October",
    "Nov.": "November", "Dec.": "December", "a.m.": "A M", "p.m.": "P M",
}  # fmt: skip
_SIGNS = {
    "&": " and ", "+": " plus ", "=": " equals ", "%": " percent ", "@": " at ", "#": " number ", "×": " times ",
    "÷": " divided by ", "~": " about ", "™": "", "®": "", "©": "", "_": " ", "*": " ", "^": " ", "|": ", ", "\\": " ",
}  # fmt: skip
_SCALES = "thousand|million|billion|trillion"
_NUMBER = r"\d+(?:,\d{3})*"
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"


def cardinal(number: int) -> str:
    """1204 -> 'one thousand two hundred four'; digit by digit where it is too long to be read."""
    if number < 20:
        return _ONES[number]
    if len(str(number)) > _LONGEST:
        return digits(str(number))
    if number < 100:
        return _TENS[number // 10] + (f" {_ONES[number % 10]}" if number % 10 else "")
    if number < 1000:
        return f"{_ONES[number // 100]} hundred" + (f" {cardinal(number % 100)}" if number % 100 else "")
    parts, group = [], 0
    while number:
        number, rest = divmod(number, 1000)
        if rest:
            parts.append(cardinal(rest) + _GROUPS[group])
        group += 1
    return " ".join(reversed(parts))


def ordinal(number: int) -> str:
    """21 -> 'twenty first'"""
    *before, last = cardinal(number).split()
    usual = f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"
    return " ".join([*before, _ORDINALS.get(last, usual)])


def year(number: int) -> str:
    """1999 -> 'nineteen ninety nine', 2005 -> 'two thousand five'"""
    century, rest = divmod(number, 100)
    if not 1100 <= number < 2100 or 2000 <= number < 2010 or number % 1000 == 0:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def digits(text: str) -> str:
    return " ".join(_ONES[int(digit)] for digit in text if digit.isdecimal())


def _number(text: str) -> str:
    """'1,234.50' or '007' in words."""
    whole, _, decimals = text.replace(",", "").partition(".")
    long = len(whole) > 1 and whole.startswith("0")
    said = digits(whole) if long else cardinal(int(whole))
    return f"{said} point {digits(decimals)}" if decimals else said


def _money(match: re.Match[str]) -> str:
    unit, fraction = _CURRENCIES[match["sign"]]
    plural = unit if unit == "yuan" else f"{unit}s"
    if match["scale"]:
        return f"{_number(match['amount'])} {match['scale']} {plural}"
    whole, _, cents = match["amount"].replace(",", "").partition(".")
    said = f"{cardinal(int(whole))} {unit if int(whole) == 1 else plural}"
    if int(cents or 0):
        if len(cents) > 2:
            return f"{_number(match['amount'])} {plural}"
        count = int(cents.ljust(2, "0"))
        said += f" and {cardinal(count)} {fraction}{'s' if fraction == 'cent' and count != 1 else ''}"
    return said


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    said = cardinal(hour) if minute == 0 and match[3] else f"{cardinal(hour)} {'oh ' if 0 < minute < 10 else ''}"
    if minute:
        said += cardinal(minute)
    elif not match[3]:
        said += "o'clock" if hour <= 12 else "hundred"
    return said.strip() + (f" {match[3][0].upper()} M" if match[3] else "")


def _unit(match: re.Match[str]) -> str:
    unit = _UNITS[match[2]]
    if match[1] == "1":
        unit = "foot" if unit == "feet" else re.sub(r"s\b", "", unit, count=1) if unit != "hertz" else unit
    return f"{_number(match[1])} {unit}"


def _plain(match: re.Match[str]) -> str:
    text = match[0]
    if text.isdecimal() and len(text) == 4 and 1100 <= int(text) < 2100:
        return year(int(text))
    return _number(text)


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"https?://(?:www\.)?", lambda match: ""),
        (r"(?<=[A-Za-z0-9])\.(?=[A-Za-z]{2,})", lambda match: " dot "),
        (
            rf"(?P<sign>[$€£¥₹])(?P<amount>{_NUMBER}(?:\.\d+)?)(?:\s*(?P<scale>{_SCALES})\b)?",
            _money,
        ),
        (r"\b([01]?\d|2[0-3]):([0-5]\d)(?:\s*([ap])\.?m\b\.?)?", _time),
        (r"\b(\d{1,2})\s*([ap])\.?m\b\.?", lambda match: f"{cardinal(int(match[1]))} {match[2].upper()} M"),
        (rf"\b({_MONTHS})\s+(\d{{1,2}})\b(?![\d:])", lambda match: f"{match[1]} {ordinal(int(match[2]))}"),
        (rf"\b(\d{{1,2}})\s+({_MONTHS})\b", lambda match: f"{ordinal(int(match[1]))} {match[2]}"),
        (r"\b(\d+)(?:st|[nr]d|th)\b", lambda match: ordinal(int(match[1]))),
        (r"\b(\d{1,3}0)s\b", lambda match: _decade(match[1])),
        (
            rf"({_NUMBER}(?:\.\d+)?)\s*({'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})(?![A-Za-z])",
            _unit,
        ),
        (r"(?<=\d)\s*[-–]\s*(?=\d)", lambda match: " to "),
        (r"(?<![\w.])[-−](?=\d)", lambda match: "minus "),
        (r"\b1/2\b", lambda match: "one half"),
        (r"(?<=\d)\s*/\s*(?=\d)", lambda match: " over "),
        (rf"{_NUMBER}(?:\.\d+)?", lambda match: f" {_plain(match)} "),
    )
)


def _decade(text: str) -> str:
    said = year(int(text)) if len(text) == 4 else cardinal(int(text))
    return f"{said[:-1]}ies" if said.endswith("y") else f"{said}s"


def in_words(text: str, abbreviations: Mapping[str, str] = _ABBREVIATIONS) -> str:
    """The text with everything written out that a lexicon does not have."""
    for short, long in abbreviations.items():
        text = re.sub(rf"(?<![\w.]){re.escape(short)}(?!\w)", long, text)
    for pattern, rule in _RULES:
        text = pattern.sub(rule, text)
    for sign, said in _SIGNS.items():
        text = text.replace(sign, said)
    text = re.sub(r"(?<=\w)/(?=\w)", " slash ", text)
    return re.sub(r"\s+([,.;:!?])", r"\1", re.sub(r"\s+", " ", text)).strip()
