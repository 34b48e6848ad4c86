"""Reading foreign JSON: values with their place, so that what is missing or of a wrong kind can be named.

Senders differ in what they call nothing (`null`, "", `false`, an absent key) and in whether a number is a text. An optional value
of a wrong kind costs only itself and is noted (`Place.odd`); a needed one raises Unreadable.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
import structlog

from daemon.amounts import decimal_of
from daemon.intake.base import Body, Unreadable

log = structlog.get_logger(__name__)

T = TypeVar("T")

MAX_DEPTH = 100
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BASIC_DAY = re.compile(r"20\d{6}")
"""ISO 8601 without its hyphens."""
_BASIC_TIME = re.compile(r"(20\d{6})(\d{4}(?:\d\d)?)")
"""The same with the time of day, and nothing between them. As an epoch it would lie in 1976 or in the 27th century."""
_DAY = re.compile(r"(\d{4}-?\d\d-?\d\d)(?:[T ]00:00(?::00(?:\.0+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")
"""A date, also as those write it who know moments alone."""
_OFFSET = re.compile(r"([+-]\d\d)(\d\d)$")
_CHARSET = re.compile(
    r"charset=\"?("
    r"utf[-_]?(?:8|16|32)(?:[-_]?[bl]e)?|us-ascii|iso[-_]?8859[-_]?\d{1,2}|latin[-_]?\d{1,2}|(?:windows|cp)[-_]?\d{3,5}|koi8[-_][rtu]"
    r"|big5|gb\w{1,5}|shift[-_]jis|euc[-_](?:jp|kr))\b",
    re.IGNORECASE,
)
"""No other: a stranger may name any codec of Python's, and some of them take hours for a body, or are none of texts."""


class Place:
    """A value of a document, and where it stands."""

    __slots__ = ("odd", "path", "value")

    def __init__(self, value: Any, path: str = "", odd: list[str] | None = None) -> None:
        self.value = value
        self.path = path
        self.odd: list[str] = [] if odd is None else odd

    def __getitem__(self, key: str) -> "Place":
        """A member by name; of anything but an object there is none."""
        inner = self.value.get(key) if isinstance(self.value, dict) else None
        return Place(inner, f"{self.path}.{key}" if self.path else key, self.odd)

    def __iter__(self) -> "Iterator[Place]":
        """The items of a list; of nothing there are none."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            self._note("a list")
            return
        for index, item in enumerate(self.value):
            yield Place(item, f"{self.path}[{index}]", self.odd)

    def __bool__(self) -> bool:
        return self.value not in (None, "", [], {}, False)

    def text(self) -> str | None:
        """Text, or a number as text; None for nothing."""
        value = self.value
        if isinstance(value, str):
            return _CONTROL.sub("", value).strip() or None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _plain(value)
        if value not in (None, False, [], {}):
            self._note("text")
        return None

    def need(self) -> str:
        """Text that must be there. Raises Unreadable."""
        found = self.text()
        if found is None:
            if self.value in (None, "", False):
                raise Unreadable(f"{self.path} is missing")
            raise Unreadable(f"{self.path}: expected text, not {_kind(self.value)}")
        return found

    def line(self) -> str | None:
        """Text on one line."""
        found = self.text()
        return " ".join(found.split()) if found else None

    def number(self) -> int | float | None:
        """A finite number, also as text."""
        text = self.text()
        if text is None:
            return None
        found = decimal_of(text)
        if found is None:
            self._note("a number")
            return None
        return int(found) if found == found.to_integral_value() else float(found)

    def money(self) -> str | None:
        """An amount as a decimal string, from text or a number."""
        found = self.text()
        if found is None:
            return None
        amount = decimal_of(found)
        if amount is None:
            self._note("an amount of money")
            return None
        return f"{amount:f}"

    def moment(self, zone: tzinfo = UTC) -> datetime | None:
        """RFC 3339 or ISO 8601's basic form, or an epoch in seconds or ms; without an offset it is in `zone`."""
        if self.value in (None, "", False):
            return None
        found = moment_of(self.value, zone)
        if found is None:
            self._note("a time")
        return found

    def need_moment(self, zone: tzinfo = UTC) -> datetime:
        """Raises Unreadable."""
        found = self.moment(zone)
        if found is None:
            raise Unreadable(f"{self.path} is {'missing' if self.value in (None, '') else 'no time'}")
        return found

    def _note(self, expected: str) -> None:
        note = f"{self.path}: expected {expected}, not {_kind(self.value)}"
        if note not in self.odd:  # some values are read twice
            self.odd.append(note)


def read_each(places: Iterable[Place], read: Callable[[Place], T | None], *, source: str) -> tuple[list[T], list[str]]:
    """What each of a list means, and what of them was not understood. One must not cost the others, whatever a stranger wrote in it: whoever
    orders at a shop writes a note."""
    found: list[T] = []
    unread: list[str] = []
    for place in places:
        try:
            if (meant := read(place)) is not None:
                found.append(meant)
        except Unreadable as error:
            unread.append(str(error))
        except Exception as error:
            log.exception("reading one of a list failed inside", source=source)
            unread.append(f"{_named(place)}reading it failed inside: {type(error).__name__}")
    return found, unread


def _named(place: Place) -> str:
    id = place["id"].value
    return f"{id:.40}: " if isinstance(id, str) else f"{id}: " if isinstance(id, int) and abs(id) < 10**15 else ""


def moment_of(value: Any, zone: tzinfo = UTC) -> datetime | None:
    """A moment however it is written; None: it is none."""
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, str | int) and (written := _BASIC_TIME.fullmatch(str(value).strip())):
            value = "T".join(written.groups())
        elif isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) >= 9:
            value = int(value)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000 if abs(value) > 10**11 else value, UTC)
        if not isinstance(value, str) or (len(value) < 10 and not _BASIC_DAY.fullmatch(value)):
            return None
        found = datetime.fromisoformat(_OFFSET.sub(r"\1:\2", value.strip()))
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def end_of_day(value: Any, zone: tzinfo) -> datetime | None:
    """The last second, in `zone`, of a day that is named without a time; None: it is none."""
    found = isinstance(value, str) and _DAY.fullmatch(value.strip())
    return moment_of(f"{found[1]}T23:59:59", zone) if found else None


def _plain(value: int | float) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{Decimal(repr(value)).normalize():f}" if abs(value) < 1e15 else repr(value)


def _kind(value: Any) -> str:
    return {dict: "an object", list: "a list", str: f"{value!r:.40}", bool: "true or false"}.get(
        type(value), "a number"
    )


# ---------------------------------------------------------------- bodies


def text_of(body: Body) -> str:
    """The body as text: by its declared charset, its byte order mark, UTF-8, or what old Windows programs write."""
    declared = _CHARSET.search(body.content_type)
    names = [declared[1]] if declared else []
    if body.raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        names.insert(0, "utf-16")
    for name in [*names, "utf-8-sig", "cp1252"]:
        try:
            return body.raw.decode(name).removeprefix("\ufeff")
        except (UnicodeDecodeError, LookupError):
            continue
    return body.raw.decode("latin-1")


def json_of(body: Body) -> Any:
    """The JSON value of a body. Raises Unreadable."""
    return parse_json(text_of(body))


def parse_json(text: str) -> Any:
    """Raises Unreadable."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        what = "the body is empty" if not text.strip() else f"the body is not JSON: {error}"
        raise Unreadable(what) from error


def form_of(body: Body) -> dict[str, str]:
    """The fields of an application/x-www-form-urlencoded body; of a name given twice the first."""
    fields: dict[str, str] = {}
    for name, value in parse_qsl(text_of(body), keep_blank_values=True):
        fields.setdefault(name, value)
    return fields
