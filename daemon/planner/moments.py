"""Moments of the store's own day as instants, right over changes of the clocks: pure.

Instants are wall-clock ms since the epoch; times of day are minutes after the store's midnight.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

DAY_MS = 86_400_000

_AT = re.compile(r"([+-])((?:\d+(?:\.\d+)?[smhdw])+)(?:\s+([01]?\d|2[0-3]):([0-5]\d))?")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_UNIT_MS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS}
_FURTHEST_MS = 366 * DAY_MS


class At(msgspec.Struct, frozen=True):
    """A moment counted from the order's promised time: `offset` ms from it, or that many whole days later at `minute`."""

    offset: int
    minute: int | None = None

    def moment(self, promised_at: int, zone: ZoneInfo) -> int:
        """The instant in ms. Raises OverflowError or ValueError where the calendar ends."""
        if self.minute is None:
            return promised_at + self.offset
        day = local(promised_at, zone).date() + timedelta(milliseconds=self.offset)
        return instant(day, self.minute, zone)


def parse_at(text: str) -> At:
    """Read "-2h", "+30m", "+1d 10:00". Raises ValueError with a sentence."""
    match = _AT.fullmatch(text.strip())
    if not match:
        raise ValueError(f'{text!r} is not a moment; write it like "-2h", "+30m" or "+1d 10:00"')
    sign, parts, hour, minute = match.groups()
    offset = sum(round(float(number) * _UNIT_MS[unit]) for number, unit in _PART.findall(parts))
    if offset > _FURTHEST_MS:
        raise ValueError(f"{text!r} lies more than a year away")
    offset = -offset if sign == "-" else offset
    if hour is None:
        return At(offset)
    if offset % DAY_MS:
        raise ValueError(f'{text!r} has a time of day, so it must count whole days, like "+1d 10:00"')
    return At(offset, int(hour) * 60 + int(minute))


def local(ms: int, zone: ZoneInfo) -> datetime:
    """The instant on the store's clock. Raises OverflowError or ValueError where the calendar ends."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=ms)).astimezone(zone)


def instant(day: date, minute: int, zone: ZoneInfo) -> int:
    """The first instant at which the store's clock shows that time of that day, or has just jumped over it."""
    wall = datetime.combine(day, time(minute // 60, minute % 60), zone)
    first, second = (milliseconds(wall.replace(fold=fold)) for fold in (0, 1))
    if first <= second:  # it comes once, or twice: then the first of the two
        return first
    return _jump(second, first, zone)


def _jump(before: int, after: int, zone: ZoneInfo) -> int:
    """The instant between the two at which the clock is put forward (to the second: no zone's change is finer)."""
    low, high = before // 1000, after // 1000
    offset = local(before, zone).utcoffset()
    while low + 1 < high:
        middle = (low + high) // 2
        if local(middle * 1000, zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return high * 1000


def milliseconds(moment: datetime) -> int:
    """The instant of a datetime; one that names no zone is read as UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
