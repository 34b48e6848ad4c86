"""When an order is promised for, as the calendars of web shops write it into an order's own fields: a moment, a day, or a day and beside it the
time of day or the hours from which the customer chose. Pure.

Zapiet (https://docs.zapiet.com/guides/note-attributes) and Chwazi
(https://chwazidatetime.com/docs/how-to-access-meta-keys-inside-chwazi) write "2021-05-13" and "13:00", "1:00 PM" or "1:00 PM - 2:00PM".
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, time, tzinfo

from daemon.intake.values import Place
from daemon.wire.promises import is_day
from outbox.model import YEARS

Named = str | tuple[str, ...]
"""The field that holds it, or the fields; "": none does."""
_CLOCK = r"(\d{1,2})(?:[:.h](\d\d))?\s?(?:([ap])\.?m\.?)?"
_DATE = re.compile(r"\d{4}-?\d\d-?\d\d")
_OTHER_HALF = {"a": "p", "p": "a"}
"""Of "11:00 - 1:00 PM" the first hour is before noon."""
_HOURS = re.compile(rf"{_CLOCK}(?:\s?(?:-|–|to|bis|à|a)\s?{_CLOCK})?", re.IGNORECASE)


def names_of(named: Named) -> tuple[str, ...]:
    return tuple(filter(None, (named,) if isinstance(named, str) else named))


def promised_at(values: Iterable[Place], zone: tzinfo, *, brought: bool) -> datetime | None:
    """The first day or moment among them, and where that is a day alone, the first time of day; of hours the last where it is `brought` to
    the customer, who waits for it until then, else the first. A day without a time is its midnight in `zone`."""
    day: datetime | None = None
    hours: tuple[time, ...] = ()
    for value in values:
        if found := _hours(value.text() or ""):
            hours = hours or found
        elif day is None:
            day = value.moment(zone)
    if day is None or not hours or day.year not in YEARS or not is_day(there := day.astimezone(zone)):
        return day
    return datetime.combine(there.date(), hours[-1 if brought else 0], zone).astimezone(UTC)


def moment_or_day(value: Place, zone: tzinfo, store_zone: tzinfo) -> datetime | None:
    """A moment that is in `zone` where it names none; or a day, of which no clock but the store's can tell when it begins."""
    is_date = isinstance(value.value, str) and _DATE.fullmatch(value.value.strip())
    return value.moment(store_zone if is_date else zone)


def _hours(text: str) -> tuple[time, ...]:
    """One time of day, or the first and the last of some hours, the last being midnight of that day where they go on into the next; ()
    where the text is neither."""
    found = _HOURS.fullmatch(text)
    if found is None:
        return ()
    hour, minute, half, last_hour, last_minute, last_half = found.groups()
    if not any((minute, half, last_minute, last_half)):
        return ()
    try:
        first = _clock(hour, minute, half or last_half)
        if not last_hour:
            return (first,)
        last = _clock(last_hour, last_minute, last_half or half)
        if last < first and not half and last_half:
            first = _clock(hour, minute, _OTHER_HALF[last_half.lower()])
        elif last < first and half and not last_half:
            last = _clock(last_hour, last_minute, _OTHER_HALF[half.lower()])
    except ValueError:
        return ()
    return (first, last if first <= last else time())


def _clock(hour: str, minute: str | None, half: str | None) -> time:
    """Raises ValueError for what no clock shows."""
    hours = int(hour)
    if not half:
        return time(hours, int(minute or 0))
    if not 1 <= hours <= 12:
        raise ValueError(hour)
    return time(hours % 12 + (12 if half.lower() == "p" else 0), int(minute or 0))
