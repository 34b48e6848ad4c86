"""How lengths of time, sizes, rates, times of day and what words do are written in `tether.toml`. A leaf."""

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeAlias

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LONGEST_DAYS = 1_000_000
"""From now on two of them lead to no year that a calendar of four digits has not."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|kB|MB|GB)?")
_UNIT_BYTES = {None: 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|m|h)")
_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,6})?")
_TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")

ReplyAction: TypeAlias = Literal["arrived", "yes", "no", "none"]
"""What a customer's exact word does; "none": a shipped one does nothing."""


class Duration(float):
    """Seconds, written as "90s", "10m", "12h", "180d" (parts may be joined: "1h30m")."""

    @classmethod
    def parse(cls, text: str) -> "Duration":
        parts = _DURATION.findall(text)
        if not parts or _DURATION.sub("", text).strip():
            raise ValueError(f'{text!r} is not a duration; write it like "90s", "10m", "12h" or "180d"')
        seconds = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
        if seconds > _LONGEST_DAYS * _UNIT_SECONDS["d"]:
            raise ValueError(f'{text!r} is longer than any calendar; at most "{_LONGEST_DAYS}d"')
        return cls(seconds)


class Size(int):
    """Bytes, written as "64MiB" or "500MB"."""

    @classmethod
    def parse(cls, text: str) -> "Size":
        match = _SIZE.fullmatch(text.strip())
        if not match:
            raise ValueError(f'{text!r} is not a size; write it like "64MiB"')
        return cls(float(match[1]) * _UNIT_BYTES[match[2]])


class Rate(float):
    """Per second, written as "10/s" or "30/m"."""

    @classmethod
    def parse(cls, text: str) -> "Rate":
        match = _RATE.fullmatch(text.strip())
        if not match or float(match[1]) <= 0:
            raise ValueError(f'{text!r} is not a rate; write it like "10/s" or "30/m"')
        return cls(float(match[1]) / _UNIT_SECONDS[match[2]])


class Amount(Decimal):
    """Money of the store's currency, written as "0.045"."""

    @classmethod
    def parse(cls, text: str) -> "Amount":
        if not _AMOUNT.fullmatch(text.strip()):
            raise ValueError(f'{text!r} is no amount; write it like "0.045" or "50.00"')
        return cls(text.strip())


class TimeOfDay(int):
    """Minutes after midnight, written as "21:00"."""

    @classmethod
    def parse(cls, text: str) -> "TimeOfDay":
        match = _TIME_OF_DAY.fullmatch(text.strip())
        if not match:
            raise ValueError(f'{text!r} is not a time of day; write it like "21:00"')
        return cls(int(match[1]) * 60 + int(match[2]))


_EXAMPLES: Mapping[Any, str] = {
    Duration: '"90s", "10m", "12h" or "180d"',
    Size: '"64MiB" or "500MB"',
    Rate: '"10/s" or "30/m"',
    TimeOfDay: '"21:00"',
    Amount: '"0.045" or "50.00"',
}


def read_value(kind: type, value: Any) -> Any:
    """A value of one of these kinds, or a path: what TOML itself has no type for. Raises ValueError."""
    if kind in _EXAMPLES:
        if not isinstance(value, str):
            raise ValueError(f"{value!r} stands without quotes and unit; write it like {_EXAMPLES[kind]}")
        return kind.parse(value)  # type: ignore[attr-defined]  # each of them has it
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"can't read a {kind.__name__}")
