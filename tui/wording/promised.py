"""A promised time as people write it ("5pm", "17.00", "tomorrow 9", "in 2h"), in English and the screen's language. Pure."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tui.i18n import Texts, text
from tui.wording.folding import fold

TODAY = text("today")
TOMORROW = text("tomorrow")
OVERMORROW = text("day after tomorrow")
WEEKDAYS = text("monday tuesday wednesday thursday friday saturday sunday")
MONTHS = text("january february march april may june july august september october november december")
NOON = text("noon midday")
AT = text("at on the")
"""What stands between a day and a time, and before them."""
IN = text("in within")
HOURS = text("h hr hrs hour hours")
MINUTES = text("m min mins minute minutes")
HALF_AN_HOUR = text("half an hour")
AN_HOUR = text("an hour")

FARTHEST = timedelta(days=60)
FIRST_MORNING_HOUR = 7
"""Before that, an hour with neither "am" nor a zero before it is one of the afternoon: nobody collects balloons at five in the morning."""

_TIME = re.compile(
    r"(?P<day>.*?)(?:^|(?<=\s)|(?<=\.))(?:"
    r"(?P<hour>\d{1,2})(?:\s?[:.h]\s?(?P<minute>[0-5]\d))?(?:\s?(?P<half>[ap])\.?m?\.?)?(?P<clock>\s?(?:h|uhr|heures?|horas?|o'clock))?"
    r"|(?!(?<=\.)20)(?P<four>\d{4})|(?P<noon>[^\W\d]+))"
)
_LENGTH = re.compile(r"(?P<many>\d+(?:[.,]\d+)?)\s?(?P<unit>[^\W\d]+)(?:\s?(?P<rest>\d{1,2})(?:\s?[^\W\d]+)?)?")
_DATE = re.compile(r"(?P<first>\d{1,2})(?P<mark>[./])(?P<second>\d{1,2})(?:\.|(?P=mark)(?P<year>(?:20)?\d{2}))?")
_NAMED = re.compile(r"(?P<day>\d{1,2})\.?\s?(?P<month>[^\W\d]+)\.?")


class Clock:
    """`month_first`: as dates are written in the United States."""

    def __init__(self, t: Texts, *, month_first: bool = False) -> None:
        self._month_first = month_first
        self._at = _words(t, AT)
        self._in = _words(t, IN)
        self._hours, self._minutes = _words(t, HOURS), _words(t, MINUTES)
        self._half, self._hour = _phrases(t, HALF_AN_HOUR), _phrases(t, AN_HOUR)
        self._noon = _words(t, NOON)
        self._days = [_phrases(t, word) for word in (TODAY, TOMORROW, OVERMORROW)]
        self._weekdays, self._months = _names(t, WEEKDAYS), _names(t, MONTHS)

    def read(self, typed: str, here: datetime, *, bare: bool) -> datetime | None:
        """None: not understood. `bare`: whether a number alone is an hour. A time alone that is past means tomorrow, a date that is past
        next year's."""
        said = " ".join(_plain(typed).split())
        first, _, rest = said.partition(" ")
        if first in self._in and (length := self._length(rest)) is not None:
            return _after(here, length) if length <= FARTHEST else None
        found = _TIME.fullmatch(said)
        if found is None:
            return None
        day = " ".join(word for word in found["day"].split() if word not in self._at)
        try:
            at = self._time(found, here, bare=bare or bool(found["day"]))
            return None if at is None else self._on(day, at, here)
        except ValueError:
            return None

    def _length(self, said: str) -> timedelta | None:
        if said in self._half:
            return timedelta(minutes=30)
        if said in self._hour:
            return timedelta(hours=1)
        found = _LENGTH.fullmatch(said.removeprefix("de "))
        if found is None:
            return None
        many, rest = float(found["many"].replace(",", ".")), int(found["rest"] or 0)
        if found["unit"] in self._hours:
            return timedelta(hours=min(many, 10_000), minutes=rest)
        return timedelta(minutes=min(many, 100_000)) if found["unit"] in self._minutes and not rest else None

    def _time(self, found: re.Match[str], here: datetime, *, bare: bool) -> datetime | None:
        """Raises ValueError for an hour that no day has."""
        if found["noon"] is not None:
            return here.replace(hour=12, minute=0, second=0, microsecond=0) if found["noon"] in self._noon else None
        if found["four"] is not None:
            hour, minute = int(found["four"][:2]), int(found["four"][2:])
        else:
            hour, minute = int(found["hour"]), int(found["minute"] or 0)
        if not (bare or found["minute"] or found["half"] or found["clock"]):
            return None
        if found["half"]:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if found["half"] == "p" else 0)
        elif found["four"] is None and 0 < hour < FIRST_MORNING_HOUR and not found["hour"].startswith("0"):
            hour += 12
        return here.replace(hour=hour, minute=minute, second=0, microsecond=0)

    def _on(self, day: str, at: datetime, here: datetime) -> datetime | None:
        """That time on that day. Raises ValueError for a date that there is not."""
        if not day:
            return at if at >= here.replace(second=0, microsecond=0) else at + timedelta(days=1)
        for ahead, phrases in enumerate(self._days):
            if day in phrases:
                return at + timedelta(days=ahead)
        if (weekday := _place(day.rstrip("."), self._weekdays)) is not None:
            ahead = (weekday - at.weekday()) % 7
            return at + timedelta(days=ahead if ahead or at >= here else 7)
        if found := _DATE.fullmatch(day):
            first, second = int(found["first"]), int(found["second"])
            american = self._month_first and found["mark"] == "/"
            on = _date(at, here, *((second, first) if american else (first, second)))
            return on if found["year"] is None or on.year % 100 == int(found["year"][-2:]) else None
        found = _NAMED.fullmatch(day)
        month = _place(found["month"], self._months) if found else None
        return None if found is None or month is None else _date(at, here, int(found["day"]), month + 1)


def _date(at: datetime, here: datetime, day: int, month: int) -> datetime:
    at = at.replace(day=day, month=month)
    return at if at.date() >= here.date() else at.replace(year=at.year + 1)


def _after(here: datetime, length: timedelta) -> datetime:
    """So much later, also where the clocks change meanwhile."""
    return (here.astimezone(UTC) + length).astimezone(here.tzinfo).replace(second=0, microsecond=0)


def _plain(said: str) -> str:
    return fold(said.replace("’", "'"))


def _words(t: Texts, english: str) -> frozenset[str]:
    return frozenset(_plain(f"{t(english)} {english}").split())


def _phrases(t: Texts, english: str) -> frozenset[str]:
    """What is said in several words; a language may have more than one way, set apart by commas."""
    return frozenset(part.strip() for said in (t(english), english) for part in _plain(said).split(","))


def _names(t: Texts, english: str) -> Sequence[Sequence[str]]:
    """The screen's language first: there "mar" may be another day."""
    return [fold(said).split() for said in (t(english), english)]


def _place(written: str, names: Sequence[Sequence[str]]) -> int | None:
    """Which one it is, written whole or begun with two letters at least."""
    if len(written) < 2:
        return None
    for language in names:
        found = [place for place, name in enumerate(language) if name.startswith(written)]
        if len(found) == 1:
            return found[0]
    return None
