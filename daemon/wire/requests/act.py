"""What a call that changes something is. Pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from daemon.wire.checks import Line


class Reason(msgspec.Struct, frozen=True):
    """Why, for the record."""

    reason: Line = ""


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One call that changes something."""

    path: str
    body: msgspec.Struct | Mapping[str, Any] = {}
    method: str = "POST"
    repeatable: bool = True
    """Whether it may be asked again when no answer came: by its id, or since doing it twice is the same."""
    id_in_body: bool = False
    """The service takes it once by the `id` in its body."""
    seconds: float | None = None
    """How long its answer may take, where that is longer than for others."""


def part(text: str) -> str:
    """A reference as one part of a path."""
    return quote(text, safe="")
