"""How an answer of the API becomes values: moments, words of few values, and nothing that a terminal would obey."""

from datetime import UTC, datetime
from typing import Any, TypeVar

from daemon.wire import harmless

T = TypeVar("T")


class When(int):
    """A moment in ms since the epoch. On the wire: RFC 3339, or the same number."""

    __slots__ = ()


class Word(str):
    """A string of few values (a state, a channel): each value is kept once, since there are 20,000 messages."""

    __slots__ = ()


_words: dict[str, Word] = {}


def _hook(kind: type, value: Any) -> Any:
    if kind is Word and isinstance(value, str):
        return _words.setdefault(value, Word(value))
    if kind is When and isinstance(value, str):
        at = datetime.fromisoformat(value)
        return When((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    if kind is When and isinstance(value, int):
        return When(value)
    raise ValueError(f"can't read {value!r} as a {kind.__name__.lower()}")


def decode(data: bytes | str, kind: type[T]) -> T:
    """Read one answer, with nothing in its texts that a terminal would obey. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return harmless.decode(data.encode() if isinstance(data, str) else data, kind, _hook)
