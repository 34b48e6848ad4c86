"""What of a reason's parameters leaves the store: words of closed lists, channels and numbers, so that headquarters can say it in any language.
What a person or a provider wrote stays (`words`, `by`, `how` ...): nobody knows what stands in it. Pure.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

import msgspec

from outbox.bounds import Moment, Name

LEAVING = frozenset(
    {
        "channel", "channels", "country", "countries", "kind", "kinds", "limit", "media", "medium", "parts", "since", "state", "tries",
    }
)  # fmt: skip
SINCE = "since"
"""A moment (ms); the others are words or numbers."""
MOST, LATEST = 16, 253_402_300_799_999
_WORD = re.compile(r"[a-z][a-z0-9_.-]{0,39}|[A-Z]{2}|\d{1,9}(\.\d{1,4})?( [A-Z]{3})?")
"""A code, a country, an amount."""

Plain: TypeAlias = Moment | Name


class Cause(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reason within another."""

    code: Name = ""
    args: Annotated[
        dict[Name, Plain | Annotated[list[Name], msgspec.Meta(max_length=MOST)]], msgspec.Meta(max_length=MOST)
    ] = {}


Args: TypeAlias = Annotated[
    dict[Name, Plain | Cause | Annotated[list[Name | Cause], msgspec.Meta(max_length=MOST)]],
    msgspec.Meta(max_length=MOST),
]
"""A reason's parameters, as they go over the line."""


def leaving(args: Mapping[str, Any]) -> dict[str, Any]:
    """What a store tells of them, as JSON values; and what headquarters keeps of what a store told."""
    told = _plain(args)
    if isinstance(because := args.get("because"), Mapping):
        told["because"] = _cause(because)
    if isinstance(reasons := args.get("reasons"), list):
        told["reasons"] = [_cause(each) for each in reasons[:MOST] if isinstance(each, Mapping)]
    return told


def _cause(reason: Mapping[str, Any]) -> dict[str, Any]:
    code, args = reason.get("code", ""), reason.get("args", {})
    return {"code": code if _is_word(code) else "", "args": _plain(args) if isinstance(args, Mapping) else {}}


def _plain(args: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in args.items() if name in LEAVING and _is_plain(name, value)}


def _is_plain(name: str, value: Any) -> bool:
    if isinstance(value, list):
        return name != SINCE and len(value) <= MOST and all(map(_is_word, value))
    return (type(value) is int and 0 <= value <= LATEST) or (name != SINCE and _is_word(value))


def _is_word(value: Any) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None
