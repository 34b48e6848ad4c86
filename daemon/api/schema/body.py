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

from daemon.api.schema.faults import MOST_NAMED, faults, told
from daemon.api.schema.problem import Problem
from outbox import harmless

T = TypeVar("T")

MAX_DEPTH = 64

_decoder = msgspec.json.Decoder()
_encode = msgspec.json.Encoder().encode
_LONE_SURROGATE = re.compile(rb"\\u[dD][89abABcdefCDEF]")
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"]*"')
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


def read(raw: bytes) -> Any:
    """Decode one JSON document. Raises Problem 400 (not JSON) or 422 (a number or a text that can't be kept)."""
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and depth(raw) > MAX_DEPTH:
        raise Problem(400, f"the JSON is nested deeper than {MAX_DEPTH} levels")
    try:
        value = _decoder.decode(raw)
    except msgspec.ValidationError as error:
        fault = told(error)
        raise Problem(422, fault.detail, errors=[fault]) from error
    except UnicodeDecodeError as error:
        raise Problem(400, "the body is not UTF-8") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise Problem(400, _malformed(raw, str(error))) from error
    if _may_repeat_names(raw, value) and (twice := _named_twice(raw)):
        raise Problem(400, f"the name {twice!r} is given twice in one object", field=twice)
    if b"\\u0000" in raw:
        _refuse_nul(value, "")
    return value


def convert(
    value: Any, kind: type[T], *, strict: bool = True, is_clean: bool = False, is_one_of_many: bool = False
) -> T:
    """A decoded JSON value as `kind`, with nothing harmful in its texts (`is_clean`: it is known to have none); not strict: numbers
    and booleans may be written as text. Raises Problem 422 with the fields at fault (`is_one_of_many`: with the first of them)."""
    try:
        made = msgspec.convert(value, kind, strict=strict)
        if is_clean:
            return made
        harmless_value = harmless.cleaned(value)
        return made if harmless_value is value else msgspec.convert(harmless_value, kind, strict=strict)
    except msgspec.ValidationError as error:
        found = [] if is_one_of_many else faults(value, kind, strict=strict)
        found = found or [told(error)]
        named, more = found[:MOST_NAMED], found[MOST_NAMED:]
        words = [f"{each.field}: {each.detail}" if each.field else each.detail for each in named]
        raise Problem(422, "; ".join([*words, *(["and more"] if more else [])]), errors=named) from error


def parse(raw: bytes, kind: type[T], *, is_one_of_many: bool = False) -> T:
    """`read` and `convert` in one."""
    return convert(read(raw), kind, is_clean=not harmless.is_suspicious(raw), is_one_of_many=is_one_of_many)


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
