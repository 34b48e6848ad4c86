"""What is wrong in a body that is JSON: each field at fault, in plain words. Pure.

msgspec stops at the first; who builds a till wants to hear of all at once.
"""

import re
from collections.abc import Iterator
from enum import EnumType
from itertools import islice
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from daemon.wire.checks import PATTERNS
from daemon.wire.problem import FieldError

MOST_NAMED = 8
"""So many fields are named in one answer."""
LONGEST_LIST = 500
"""Of a longer one the first complaint is enough: a body is not to keep the service busy with what is wrong in it."""

_MISSING = re.compile(r"^Object missing required field `(?P<name>[^`]+)`$")
_NUMBER_FOR_TEXT = (
    "expected str, got float",
    "expected str, got int",
    "expected str | null, got float",
    "expected str | null, got int",
)
_OUR_OWN = re.compile(r"^`(?P<name>\w+)` (?P<words>.+)$", re.DOTALL)
"""A struct's own complaint (`__post_init__`) about one of its fields."""
_MATCHING = re.compile(r"^Expected `str` matching regex (?P<pattern>'.*'|\".*\")$", re.DOTALL)
_NO_MOMENT = re.compile(r"Invalid RFC3339 encoded datetime$|Expected `datetime\b")
_LENGTH = re.compile(r"Expected `str` of length (?:<= (?P<most>\d+)|>= 1)$")


def faults(value: Any, kind: Any, *, strict: bool) -> list[FieldError]:
    """What keeps a decoded JSON value from being `kind`, in the order of its fields; one more than are named where there are more."""
    return list(islice(_faults(value, kind, "", strict), MOST_NAMED + 1))


def told(error: msgspec.ValidationError, place: str = "") -> FieldError:
    """msgspec's complaint about what stands at that place."""
    at, detail = _sentence(str(error))
    field = _at(place, at) if at and not at.startswith("[") else place + at
    if detail.startswith(_NUMBER_FOR_TEXT):
        detail += ': write it as text, in quotes, like "48.50"' if _is_money(field) else ": write it as text, in quotes"
    return FieldError(field, detail)


def _faults(value: Any, kind: Any, place: str, strict: bool) -> Iterator[FieldError]:
    try:
        msgspec.convert(value, kind, strict=strict)
    except msgspec.ValidationError as error:
        within = _within(value, _bare(kind), place, strict)
        yield next(within, None) or _of_choices(told(error, place), _bare(kind))
        yield from within


def _of_choices(fault: FieldError, kind: Any) -> FieldError:
    """With what may be written, where there are some words only."""
    choices = list(kind) if isinstance(kind, EnumType) else get_args(kind) if get_origin(kind) is Literal else ()
    if not choices or not fault.detail.startswith("Invalid enum value"):
        return fault
    return FieldError(fault.field, f"{fault.detail}; write one of {', '.join(map(str, choices))}")


def _within(value: Any, kind: Any, place: str, strict: bool) -> Iterator[FieldError]:
    """What is wrong in the parts of a list or an object."""
    if isinstance(value, list):
        is_alike = get_origin(kind) in (list, tuple) and get_args(kind)[1:] in ((), (...,))
        for index, item in enumerate(value if is_alike and len(value) <= LONGEST_LIST else []):
            yield from _faults(item, get_args(kind)[0], f"{place}[{index}]", strict)
    elif isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _in_fields(value, kind, place, strict)


def _in_fields(value: dict[str, Any], kind: type[msgspec.Struct], place: str, strict: bool) -> Iterator[FieldError]:
    """What is wrong in each field by itself; then what the object says of the others (its `__post_init__`), where it can be made of them."""
    good, can_be_made = dict(value), True
    for field in msgspec.structs.fields(kind):
        name, at = field.encode_name, _at(place, field.encode_name)
        if name in value:
            found = _faults(value[name], field.type, at, strict)
            first = next(found, None)
            if first is None:
                continue
            del good[name]
            yield first
            yield from found
        elif field.required:
            yield FieldError(at, "is required")
        can_be_made = can_be_made and not field.required
    if can_be_made and len(good) < len(value):
        of_good = {_at(place, name) for name in good}
        yield from (fault for fault in _faults(good, kind, place, strict) if fault.field in of_good)


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _bare(kind: Any) -> Any:
    """A type without what is said of it, and without that it may be null."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    some = [each for each in get_args(kind) if each is not type(None)]
    return _bare(some[0]) if len(some) == 1 and type(None) in get_args(kind) else kind


def _sentence(words: str) -> tuple[str, str]:
    """msgspec's message as field and plain words."""
    what, at = _parted(words)
    if own := _OUR_OWN.match(what):
        return f"{at}.{own['name']}" if at else own["name"], own["words"]
    if missing := _MISSING.match(what):
        return f"{at}.{missing['name']}" if at else missing["name"], "is required"
    if matching := _MATCHING.match(what):
        return at, f"must be {PATTERNS.get(_unquoted(matching['pattern']), 'written as ' + matching['pattern'])}"
    if _NO_MOMENT.match(what):
        return at, 'must be a time with its offset (RFC3339), such as "2026-11-24T12:00:00Z"'
    if bound := _LENGTH.match(what):
        return at, f"may have at most {bound['most']} characters" if bound["most"] else "must not be empty"
    what = what.replace("`", "")
    return at, what[:1].lower() + what[1:] if what.startswith("Expected ") else what


def _parted(words: str) -> tuple[str, str]:
    """What it says, and of which field: the place at its end, since what it quotes of a value may look like one."""
    what, mark, place = words.removesuffix("`").rpartition(" - at `")
    path = place.removeprefix("key in ")
    if not (mark and path.startswith("$") and words.endswith("`")):
        return words, ""
    return what, path.removeprefix("$").removeprefix(".").replace("[...]", "")


def _is_money(field: str) -> bool:
    return field.endswith((".total", ".price"))


def _unquoted(pattern: str) -> str:
    return pattern[1:-1].encode().decode("unicode_escape")
