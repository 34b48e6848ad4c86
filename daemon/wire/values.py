"""What the structs of the wire are made of, and how they are written and read.

Each struct stands here once: the HTTP face fills it, OpenAPI describes it, the screen and the command line read it. Whoever reads may be of
another release, so that every field but a thing's own name has a default and no value is refused for being new: what is absent or unknown
makes a poorer screen, not a broken one. The face gives all fields of its own release, and OpenAPI says so.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, TypeAlias, TypeVar, get_args

import msgspec
from msgspec import Meta

from daemon.wire import harmless

T = TypeVar("T")


class When(int):
    """A moment in ms since the epoch. On the wire: RFC 3339 in UTC."""

    __slots__ = ()


if TYPE_CHECKING:
    Word = str
else:

    class Word(str):
        """A string of few values (a state, a channel): each value is kept once, since a screen holds 20,000 messages."""

        __slots__ = ()


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What all answers share: they are values."""

    always: ClassVar[Sequence[str]] = ()
    """Of an answer that leaves out what says nothing: the fields that it never leaves out, though they have a default."""


class Page(Answer, Generic[T], frozen=True):
    """One page of any list."""

    items: Sequence[T] = ()
    next: str | None = None


Masked = Annotated[str, Meta(description="Masked.", examples=["+44…0123"])]


def one_of(*known: str) -> Meta:
    """The values of this release."""
    return Meta(extra_json_schema={"enum": list(known)})


StateName: TypeAlias = Literal[
    "queued", "sending", "sent", "delivered", "failed", "expired", "superseded", "suppressed", "cancelled", "held", "unknown",
]  # fmt: skip
State = Annotated[Word, one_of(*get_args(StateName))]
"""Where a message stands."""
Outcome = Annotated[Word, one_of("accepted", "deferred", "rejected", "unknown")]
"""How an attempt ended."""
Receipt = Annotated[Word, one_of("sent", "delivered", "read", "undelivered")]
"""What a provider told later."""


def decode(data: bytes | str, kind: type[T]) -> T:
    """Read one answer, with nothing in its texts that a terminal would obey. Raises msgspec.ValidationError or msgspec.DecodeError."""
    return harmless.decode(data.encode() if isinstance(data, str) else data, kind, read_value)


def schema_of(kind: type) -> dict[str, Any]:
    """The JSON schema of what msgspec does not know."""
    if kind is When:
        return {"type": "string", "format": "date-time"}
    if kind is Word:
        return {"type": "string"}
    raise NotImplementedError(kind)


def rfc3339(ms: int) -> str:
    """In UTC with `Z`, to the millisecond."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def when_or_none(ms: int | None) -> When | None:
    return None if ms is None else When(ms)


_words: dict[str, Any] = {}


def read_value(kind: type, value: Any) -> Any:
    """What msgspec asks about what it does not know. Raises ValueError."""
    if kind is Word and isinstance(value, str):
        return _words.setdefault(value, Word(value))
    if kind is When and isinstance(value, str):
        at = datetime.fromisoformat(value)
        return When((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    if kind is When and isinstance(value, int) and not isinstance(value, bool):
        return When(value)
    raise ValueError(f"can't read {value!r} as a {kind.__name__.lower()}")


def _written(value: object) -> str:
    if isinstance(value, When):
        return rfc3339(value)
    if isinstance(value, str):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in an answer")


encode = msgspec.json.Encoder(enc_hook=_written, decimal_format="string").encode
