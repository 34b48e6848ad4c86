"""Which order's number a scanned code may hold: what scanners put before it, check digits behind it, labels and links around it. Pure."""

import re
from collections.abc import Iterator

_SYMBOLOGY = re.compile(r"^\][A-Za-z][0-9A-Za-z]")
"""The AIM identifier that a scanner may be set to send first: "]C0" Code 128, "]E0" EAN, "]Q1" QR."""
_GS1_ORDER = re.compile(r"^\(?400\)?(?P<number>.+)$")
"""GS1's application identifier of a customer's order number."""
_TOKEN = re.compile(r"[A-Za-z0-9]+(?:[-_.][A-Za-z0-9]+)*")
_RETAIL = frozenset({8, 12, 13, 14})
"""Digits of EAN-8, UPC-A, EAN-13 and ITF-14."""
_CODE_39 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"


def clean(typed: str) -> str:
    """What was typed or scanned, without the scanner's own marks and the `/` that begins a search."""
    return _SYMBOLOGY.sub("", typed.strip()).strip().removeprefix("/").strip("* ")


def numbers(typed: str) -> Iterator[str]:
    """The order numbers that it may mean, the likeliest first."""
    seen: set[str] = set()
    for number in _numbers(clean(typed)):
        if number and number not in seen:
            seen.add(number)
            yield number


def _numbers(code: str) -> Iterator[str]:
    yield code
    if (found := _GS1_ORDER.match(code)) is not None:
        yield found["number"]
    if code.isdecimal() and code.isascii() and len(code) in _RETAIL and _retail_check(code[:-1]) == code[-1]:
        yield from _inside_retail(code[:-1])
    if len(code) > 1 and _code_39_check(code[:-1]) == code[-1]:
        yield code[:-1]
    tokens = _TOKEN.findall(code)
    if len(tokens) > 1:
        yield from reversed(tokens)


def _inside_retail(body: str) -> Iterator[str]:
    """A number padded with zeros, perhaps behind the prefix 02, 04 or 2x that is kept for a shop's own use."""
    yield body
    yield body.lstrip("0")
    yield body[2:].lstrip("0") if body.startswith(("02", "04", "2")) else ""
    yield body[1:].lstrip("0") if body.startswith("2") else ""


def _retail_check(body: str) -> str:
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return str(-total % 10)


def _code_39_check(body: str) -> str:
    places = [_CODE_39.find(character) for character in body]
    return "" if -1 in places else _CODE_39[sum(places) % 43]
