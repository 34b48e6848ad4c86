"""Bytes from outside into checked values: strict JSON (RFC 8259 read as I-JSON, RFC 7493), then msgspec's types.

What is not JSON is 400; what is JSON but wrong is 422 with the field. "Not JSON" includes what other readers would take two ways:
a name given twice, half a surrogate pair, bytes that are not UTF-8, NaN, a byte order mark, nesting deeper than `MAX_DEPTH`.
"""

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec
import msgspec.inspect

from daemon.api.schema.problem import Problem
from daemon.wire.checks import PATTERNS
from daemon.wire.problem import FieldError
from outbox import harmless

T = TypeVar("T")

MAX_DEPTH = 64

_decoder = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode
_LONE_SURROGATE = re.compile(rb"\\u[dD][89abABcdefCDEF]")
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"]*"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<at>(?:key in )?\$.*)`)?$", re.DOTALL)
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


def read(raw: bytes) -> Any:
    """Decode one JSON document. Raises Problem 400 (not JSON) or 422 (a number or a text that can't be kept)."""
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and depth(raw) > MAX_DEPTH:
        raise Problem(400, f"the JSON is nested deeper than {MAX_DEPTH} levels")
    try:
        value = _decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise Problem(422, _sentence(str(error))[1], errors=[FieldError(*_sentence(str(error)))]) from error
    except UnicodeDecodeError as error:
        raise Problem(400, "the body is not UTF-8") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(400, _malformed(raw, str(error))) from error
    if _may_repeat_names(raw, value) and (twice := _named_twice(raw)):
        raise Problem(400, f"the name {twice!r} is given twice in one object", field=twice)
    if b"\\u0000" in raw:
        _refuse_nul(value, "")
    return value


def convert(value: Any, kind: type[T], *, strict: bool = True, is_clean: bool = False) -> T:
    """A decoded JSON value as `kind`, with nothing harmful in its texts (`is_clean`: it is known to have none); not strict: numbers
    and booleans may be written as text. Raises Problem 422 with the field."""
    try:
        made = msgspec.convert(value, kind, strict=strict)
        if is_clean:
            return made
        harmless_value = harmless.cleaned(value)
        return made if harmless_value is value else msgspec.convert(harmless_value, kind, strict=strict)
    except msgspec.ValidationError as error:
        field, detail = _sentence(str(error))
        if detail.startswith(_NUMBER_FOR_TEXT):
            detail += (
                ': write it as text, in quotes, like "48.50"' if _is_money(field) else ": write it as text, in quotes"
            )
        raise Problem(422, f"{field}: {detail}" if field else detail, errors=[FieldError(field, detail)]) from error


def parse(raw: bytes, kind: type[T]) -> T:
    """`read` and `convert` in one."""
    return convert(read(raw), kind, is_clean=not harmless.is_suspicious(raw))


@cache
def list_fields(kind: type[msgspec.Struct]) -> Mapping[str, bool]:
    """A struct's fields by the name they are written with, and whether each takes several values."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    several = (msgspec.inspect.ListType, msgspec.inspect.VarTupleType)
    return {field.encode_name: isinstance(field.type, several) for field in info.fields}


def depth(raw: bytes) -> int:
    """How deep the arrays and objects of a JSON text nest; brackets inside strings don't count."""
    bare = _STRING.sub(b"", _ESCAPE.sub(b"", raw)).translate(None, _NO_BRACKETS)
    deepest = level = 0
    for byte in bare:
        level += 1 if byte in b"[{" else -1
        if level > deepest:
            deepest = level
            if deepest > MAX_DEPTH:
                break
    return deepest


def _may_repeat_names(raw: bytes, value: Any) -> bool:
    """Whether a name may have been given twice. What was read, written again, has as many colons as the text it came from: a name
    that was dropped would leave one behind, and only an escaped colon could hide it."""
    return raw.count(b":") != _encode(value).count(b":") or b"\\u003" in raw


def _named_twice(raw: bytes) -> str | None:
    twice: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                twice.append(name)
            seen.add(name)

    json.loads(raw, object_pairs_hook=keep)
    return twice[0] if twice else None


def _refuse_nul(value: Any, path: str) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise Problem(422, "holds a NUL character (\\u0000), which can't be kept", field=path)
    elif isinstance(value, dict):
        for name, item in value.items():
            _refuse_nul(name, path)
            _refuse_nul(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_nul(item, f"{path}[{index}]")


def _malformed(raw: bytes, words: str) -> str:
    if not raw.strip():
        return "the body is empty; send one JSON document"
    if raw.startswith(b"\xef\xbb\xbf"):
        return "the body begins with a byte order mark; send UTF-8 without one"
    if "truncated" in words and _LONE_SURROGATE.search(raw):
        return "the body is not JSON: it ends too soon, or an escape names half a surrogate pair"
    return f"the body is not JSON: {words.removeprefix('JSON is malformed: ')}"


def _sentence(words: str) -> tuple[str, str]:
    """msgspec's message as (field, plain words)."""
    match = _AT.match(words)
    assert match is not None
    at = (match["at"] or "").removeprefix("key in ").removeprefix("$").removeprefix(".").replace("[...]", "")
    what = match["what"]
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


def _is_money(field: str) -> bool:
    return field.endswith((".total", ".price"))


def _unquoted(pattern: str) -> str:
    return pattern[1:-1].encode().decode("unicode_escape")
