"""Money and moments in the words of a place: Babel, with the store's currency and time zone and the message's locale.

`Money` and `Moment` are numbers and instants that print themselves that way, so that a template may just name them.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal

from daemon.amounts import decimal_of
from daemon.config import Store
from daemon.planner.moments import local
from daemon.wire.promises import is_day

REF = "{ref}"
"""Stands for an order's number in `[store] order_url`."""
_SOUNDS_LIKE_O = re.compile(r"h?[oó]|8|11\b", re.IGNORECASE)
"""Before it Spanish says "u" for "o": "plata u oro"."""
_CURRENCY = re.compile("[A-Za-z]{3}")


class Formats:
    """How one locale of one store writes things down."""

    def __init__(self, store: Store, locale: str) -> None:
        self.locale = _babel(locale, store.country)
        self.zone: ZoneInfo = store.zone
        self.currency = store.currency
        self._order_url = store.order_url

    def link(self, ref: str) -> str | None:
        """The shop's page of that order, where it has one."""
        return self._order_url.replace(REF, quote(ref, safe="")) or None

    def amount(self, value: object, currency: str | None = None) -> "Money | None":
        """A number or decimal string as money; None for what is none."""
        if isinstance(value, bool) or value is None:
            return None
        number = decimal_of(str(value))
        if number is None:
            return None
        code = currency.upper() if currency and _CURRENCY.fullmatch(currency) else self.currency
        return Money.of(number, code, self.locale)

    def number(self, value: object) -> str:
        """A quantity as people of the place write it: "2", "1,5"."""
        if isinstance(value, float) and not value.is_integer():
            return str(format_decimal(value, locale=self.locale))
        return decimal_or_text(value)

    def moment(self, ms: int | None) -> "Moment | None":
        """An instant (ms) on the store's clock; None for none, or for one beyond the calendar."""
        if ms is None:
            return None
        try:
            there = local(ms, self.zone)
        except (OverflowError, ValueError):
            return None
        return Moment.of(there, self.locale)

    def listed(self, value: object) -> str:
        """Several things as one phrase ("a, b or c"); a text stays as it is."""
        if isinstance(value, str) or not isinstance(value, Iterable):
            return str(value)
        items = [str(item) for item in value]
        phrase = format_list(items, style="or", locale=self.locale)
        if self.locale.language == "es" and len(items) > 1 and _SOUNDS_LIKE_O.match(items[-1]):
            return f"{phrase.removesuffix(f'o {items[-1]}')}u {items[-1]}"
        return phrase


class Money(Decimal):
    """An amount that compares and counts as a number and prints as money ("£48.50")."""

    currency: str
    _locale: Locale

    @classmethod
    def of(cls, number: Decimal, currency: str, locale: Locale) -> "Money":
        money = cls(number)
        money.currency, money._locale = currency, locale
        return money

    def __str__(self) -> str:
        return _money(Decimal(self), self.currency, self._locale)

    def plain(self) -> str:
        """The bare decimal number."""
        return f"{Decimal(self):f}"


class Moment(datetime):
    """An instant on the store's clock that prints as day and time ("Tue 24 Nov, 12:00"), a promised day as that ("Tue 24 Nov")."""

    _locale: Locale

    @classmethod
    def of(cls, there: datetime, locale: Locale) -> "Moment":
        moment = cls.combine(there.date(), there.timetz())
        moment._locale = locale
        return moment

    @property
    def has_time(self) -> bool:
        """Whether it is a moment of its day: what is promised for midnight is promised for the day."""
        return not is_day(self)

    @property
    def time_of_day(self) -> str:
        """As on the door: "12:00", "12:00 PM"."""
        return _time(self.time(), self._locale)

    @property
    def short_day(self) -> str:
        """ "Tue 24 Nov"."""
        return _short_day(self.date(), self._locale)

    @property
    def full_day(self) -> str:
        """ "Tuesday 24 November"."""
        return _first(format_date(self, _full_day_pattern(self._locale), locale=self._locale), self, self._locale)

    @property
    def calendar_date(self) -> str:
        """ "24 Nov 2026"."""
        return _first(format_date(self, "medium", locale=self._locale), self, self._locale)

    def __str__(self) -> str:
        return f"{self.short_day}, {self.time_of_day}" if self.has_time else self.short_day


@lru_cache(maxsize=1024)
def _money(number: Decimal, currency: str, locale: Locale) -> str:
    return format_currency(number, currency, locale=locale)


@lru_cache(maxsize=1024)
def _time(wall: time, locale: Locale) -> str:
    return format_time(wall, "short", locale=locale)


def _first(written: str, day: date, locale: Locale) -> str:
    """French says "1er" of the first of a month, which the calendars' data leaves to the writer."""
    return re.sub(r"\b1\b", "1er", written, count=1) if locale.language == "fr" and day.day == 1 else written


@lru_cache(maxsize=256)
def _short_day(day: date, locale: Locale) -> str:
    return _first(format_skeleton("MMMEd", day, locale=locale), day, locale)


@lru_cache(maxsize=64)
def _full_day_pattern(locale: Locale) -> str:
    """The locale's full date without its year, where that stands last; else as it is."""
    return re.sub(r"(?:,?\s*'de')?[,\s]*y+$", "", str(locale.date_formats["full"]))


@lru_cache(maxsize=256)
def _babel(locale: str, country: str) -> Locale:
    """The locale, in the store's country where it names none ("en" in GB is en_GB); English where Babel knows neither."""
    language, _, territory = locale.replace("-", "_").partition("_")
    for name in (f"{language}_{territory or country}", language, "en"):
        try:
            return Locale.parse(name)
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError("Babel knows English")


def decimal_or_text(value: Any) -> str:
    """A quantity as people write it: "2", "1.5"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
