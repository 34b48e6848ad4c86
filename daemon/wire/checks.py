"""What the fields of a request must look like: each pattern with the words in which its refusal is told."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

PATTERNS: dict[str, str] = {}
"""What a pattern means, in words: filled where the pattern is defined, by `described`."""


def described(pattern: str, words: str) -> str:
    """A pattern, and the words in which its refusal is told."""
    PATTERNS[pattern] = words
    return pattern


PRINTABLE = described(r"^(?![\s\S]*[\x00-\x1f\x7f])", "free of control characters and line breaks")
REF = described(
    r"^(?=[\s\S]*\S)(?![\s\S]*[\x00-\x1f\x7f])", "more than spaces, and free of control characters and line breaks"
)
TYPE = described(r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+)+$(?!\n)", 'lower-case words joined by dots, like "order.ready"')
TYPE_GLOB = described(r"^[a-z*][a-z0-9_.*]*$(?!\n)", 'an event type or a glob of such, like "order.*"')
MONEY = described(r"^-?[0-9]{1,15}(\.[0-9]{1,6})?$(?!\n)", 'a decimal number as text, like "48.50"')
CURRENCY = described(r"^[A-Za-z]{3}$(?!\n)", 'a currency of three letters, like "GBP"')
LOCALE = described(r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,3}$(?!\n)", 'a language, like "en" or "de-AT"')
MEDIUM = described(r"^(sms|email|chat|push|crm|all)$(?!\n)", "a medium, or all")
WORD = described(r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)", "letters, digits, dots, dashes and underscores")

EventId = Annotated[
    str,
    Meta(min_length=1, max_length=200, pattern=PRINTABLE, description="The source's own id of the event: taken once."),
]
EventType = Annotated[str, Meta(max_length=100, pattern=TYPE, description="What happened.", examples=["order.ready"])]
OrderRef = Annotated[
    str, Meta(min_length=1, max_length=100, pattern=REF, description="The order's number, as people call it.")
]
Money = Annotated[str, Meta(pattern=MONEY, description="A decimal string.", examples=["48.50"])]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339 with an offset.")]
Word = Annotated[str, Meta(min_length=1, max_length=60, pattern=WORD)]
Line = Annotated[str, Meta(max_length=500, pattern=PRINTABLE)]
Address = Annotated[str, Meta(min_length=1, max_length=320, pattern=PRINTABLE)]
Locale = Annotated[str, Meta(pattern=LOCALE)]
Limit = Annotated[int, Meta(ge=1, le=500, description="How many at most.")]
Cursor = Annotated[str, Meta(min_length=1, max_length=200, description="`next` of the page before.")]
FreeText = Annotated[str, Meta(min_length=1, max_length=4000)]
