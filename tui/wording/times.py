"""Times and money as staff say them, in the shop's zone and the screen's language. Pure: `now` is passed in."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency

from daemon.wire.promises import is_day, kept_until
from daemon.wire.service import Store
from tui.i18n import Texts, text
from tui.wording.promised import Clock

LATE = 60_000
"""ms from which on what was promised is late."""
DAYS = text("Mon Tue Wed Thu Fri Sat Sun")
MONTHS = text("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec")


class Times:
    """One shop's clock on the wall. `now` and moments are ms since the epoch."""

    def __init__(self, texts: Texts, store: Store) -> None:
        self.store = store
        self._t = texts
        try:
            self._zone: ZoneInfo | None = ZoneInfo(store.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            self._zone = None
        self._currency = store.currency
        self._locale = _locale(store, texts.language)
        self._promises = Clock(texts, month_first=store.country == "US")

    def local(self, moment: int) -> datetime:
        return _local(moment, self._zone)

    def midnight(self, now: int) -> int:
        """When today began."""
        return round(self.local(now).replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1000)

    def clock(self, now: int) -> str:
        """The header's: "Tue 24 Nov 10:16"."""
        at = self.local(now)
        return self._t("{day} {date} {time}", day=self._day(at), date=self._date(at), time=f"{at:%H:%M}")

    def at(self, moment: int | None, now: int) -> str:
        """ "10:15", "yesterday 17:40", "tomorrow 08:00", "Fri 17:40", "3 Nov 17:40"."""
        if moment is None:
            return ""
        at = self.local(moment)
        days = (at.date() - self.local(now).date()).days
        time = f"{at:%H:%M}"
        if days == 0:
            return time
        if days == -1:
            return self._t("yesterday {time}", time=time)
        if days == 1:
            return self._t("tomorrow {time}", time=time)
        return f"{self._day(at) if 1 < days < 7 else self._date(at)} {time}"

    def promise(self, promised: int | None, now: int) -> str:
        """The same of what was promised; a day without a time as that: "today", "tomorrow", "Fri", "3 Nov"."""
        if promised is None or not is_day(at := self.local(promised)):
            return self.at(promised, now)
        days = (at.date() - self.local(now).date()).days
        if days == 0:
            return self._t("today")
        if abs(days) == 1:
            return self.at(promised, now).removesuffix(f" {at:%H:%M}")
        return self._day(at) if 1 < days < 7 else self._date(at)

    def brief(self, moment: int | None, now: int) -> str:
        """The same in at most six or so cells: the time today, else the day."""
        if moment is None:
            return ""
        at = self.local(moment)
        days = (at.date() - self.local(now).date()).days
        return f"{at:%H:%M}" if days == 0 else self._day(at) if 0 < days < 7 else self._date(at)

    def brief_promise(self, promised: int | None, now: int) -> str:
        """The same of what was promised; a day without a time as that, today's too: "Tue"."""
        if promised is None or not is_day(at := self.local(promised)):
            return self.brief(promised, now)
        return self._day(at) if at.date() == self.local(now).date() else self.brief(promised, now)

    def second(self, moment: int) -> str:
        """For the record: "24 Nov 10:15:03"."""
        at = self.local(moment)
        return f"{self._date(at)} {at:%H:%M:%S}"

    def span(self, seconds: float) -> str:
        """ "8 s", "12 min", "4 h", "3 d 4 h"."""
        left = timedelta(seconds=max(0, round(seconds)))
        hours, minutes = left.seconds // 3600, left.seconds % 3600 // 60
        if left.days:
            days = self._t("{n} d", n=left.days)
            return f"{days} {self._t('{n} h', n=hours)}" if hours and left.days < 10 else days
        if hours:
            return (
                self._t("{n} h", n=hours)
                if hours >= 10 or not minutes
                else self._t("{n} h {m} min", n=hours, m=minutes)
            )
        return self._t("{n} min", n=minutes) if minutes else self._t("{n} s", n=left.seconds)

    def until(self, moment: int, now: int) -> str:
        """ "in 8 s", "in 12 min", from an hour on the time: "at 14:30", on another day with the day; "now" when it has come."""
        left = (moment - now) / 1000
        if left <= 0:
            return self._t("now")
        if left < 3600:
            return self._t("in {span}", span=self.span(left))
        said, is_today = self.at(moment, now), self.local(moment).date() == self.local(now).date()
        return self._t("at {time}", time=said) if is_today else said

    def kept_until(self, promised: int) -> int:
        """Until when it is kept (ms): what was promised for a day, until that is over."""
        return _kept_until(promised, self._zone)

    def late_from(self, promised: int) -> int:
        """When it begins to be late (ms)."""
        return self.kept_until(promised) + LATE

    def late(self, promised: int | None, now: int) -> str:
        """ "3 min late"; "" when it isn't."""
        if promised is None or now < promised + LATE or now < self.late_from(promised):
            return ""
        return self._t("{span} late", span=self.span((now - self.kept_until(promised)) / 1000))

    def moment(self, written: str) -> int:
        """A time that `promised` wrote, as ms."""
        return round(datetime.fromisoformat(written).timestamp() * 1000)

    def money(self, amount: str | None, currency: str | None) -> str:
        """In the shop's form: "£48.50". What is no number is shown as it came."""
        if not amount:
            return ""
        code = currency or self._currency
        try:
            return format_currency(Decimal(amount), code, locale=self._locale) if code else amount
        except (InvalidOperation, ValueError):
            return f"{amount} {code}"

    def promised(self, typed: str, now: int, *, bare: bool = False) -> str | None:
        """A promised time as staff write it, as RFC 3339; None: not understood. `bare`: whether a number alone is an hour."""
        at = self._promises.read(typed, self.local(now), bare=bare)
        return None if at is None else at.isoformat()

    def _day(self, at: datetime) -> str:
        return self._t(DAYS).split()[at.weekday()]

    def _date(self, at: datetime) -> str:
        return self._t("{day} {month}", day=at.day, month=self._t(MONTHS).split()[at.month - 1])


@lru_cache(maxsize=16_384)
def _kept_until(promised: int, zone: ZoneInfo | None) -> int:
    return round(kept_until(_local(promised, zone)).timestamp() * 1000)


def _local(moment: int, zone: ZoneInfo | None) -> datetime:
    return datetime.fromtimestamp(moment / 1000, zone or UTC)


def _locale(store: Store, language: str) -> Locale:
    base = (store.locale or language)[:2]
    for name in (f"{base}_{store.country}", base, "en"):
        try:
            return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError("babel knows English")
