"""When a server says that it wants to be asked again: Retry-After (RFC 9110 section 10.2.3), read in one place. A leaf.

A date counts from the answer's own Date where it has one, since our clock may be wrong. `headers`: names in lower case.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after(headers: Mapping[str, str], now: int | None = None) -> float | None:
    """Seconds until then, never less than none; None where it does not say, or says it in no way that is one. `now` (ms): what a date counts
    from where the answer has none of its own."""
    text = headers.get("retry-after", "").strip()
    wait = number(text)
    if wait is None and text:
        wait = until(text, headers, now)
    return None if wait is None else max(wait, 0.0)


def until(date: str, headers: Mapping[str, str], now: int | None = None) -> float | None:
    """Seconds until that date. None where that can't be told."""
    moment, sent = moment_of(date), moment_of(headers.get("date", ""))
    base = sent.timestamp() if sent else None if now is None else now / 1000
    return None if moment is None or base is None else moment.timestamp() - base


def number(text: str) -> float | None:
    """A count of seconds, whole or not."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e12 else None


def moment_of(date: str) -> datetime | None:
    """An HTTP date; one without a zone is in UTC."""
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
