"""What a stranger posted as a form, read before any signature is looked at: so it may not cost more than a provider's own."""

from urllib.parse import parse_qsl

from daemon.channels.base import InboundRefused

MOST_FIELDS = 500
"""Providers post some dozens. A body of nothing but "&" would be a million, and take seconds."""


def fields_of(body: bytes) -> list[tuple[str, str]]:
    """The names and values of an urlencoded body. Raises InboundRefused for more than any provider posts."""
    try:
        return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise too_many() from error


def too_many() -> InboundRefused:
    """Counts as a forged one."""
    return InboundRefused(f"more than {MOST_FIELDS} fields are no provider's")
