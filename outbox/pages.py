"""Pages of lists, and the opaque cursors between them."""

import base64
import binascii
from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list, and where the next begins (None: this was the last)."""

    items: Sequence[T]
    next: str | None = None


def cursor_of(*place: int) -> str:
    """Where a page ended, for those who don't need to know how lists are ordered."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str | None, start: tuple[int, ...]) -> tuple[int, ...]:
    """The place a cursor names, `start` without one. Raises ValueError for a cursor of another list or making."""
    if cursor is None:
        return start
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        place = msgspec.json.decode(raw, type=tuple[int, ...])
    except (binascii.Error, UnicodeEncodeError, UnicodeDecodeError, msgspec.MsgspecError, ValueError) as error:
        raise ValueError("this cursor was not made here: begin without one") from error
    if len(place) != len(start) or not all(-(2**63) <= part < 2**63 for part in place):
        raise ValueError("this cursor is of another list: begin without one")
    return place
