"""Money and moments in the words of a place."""

from datetime import UTC, datetime

import pytest

from daemon.config import Store
from daemon.planner.formats import Formats

NOON = round(datetime(2026, 11, 24, 12, 0, tzinfo=UTC).timestamp() * 1000)


def formats(locale: str, country: str = "GB", currency: str = "GBP", timezone: str = "Europe/London") -> Formats:
    return Formats(Store(country=country, currency=currency, timezone=timezone), locale)


@pytest.mark.parametrize(
    ("locale", "country", "printed"),
    [
        ("en", "GB", "£1,048.50"),
        ("en-US", "GB", "£1,048.50"),
        ("de", "DE", "1.048,50 £"),
        ("fr_FR", "GB", "1 048,50 £GB"),
    ],
)
def test_money(locale: str, country: str, printed: str) -> None:
    text = str(formats(locale, country).amount("1048.50"))
    assert text.replace("\u00a0", " ").replace("\u202f", " ") == printed


def test_money_in_another_currency_than_the_stores() -> None:
    assert str(formats("en").amount("20", "eur")) == "€20.00"
    assert str(formats("en").amount("20", "no such thing")) == "£20.00"


@pytest.mark.parametrize(
    "value", [None, True, "", "48,50", "NaN", "Infinity", "1e400", "1e-3000000", "0e3000000", "9" * 50, object()]
)
def test_what_is_no_money(value: object) -> None:
    assert formats("en").amount(value) is None


def test_money_counts_as_a_number() -> None:
    amount = formats("en").amount("48.50")
    assert amount is not None
    assert amount > 48
    assert amount == 48.5
    assert amount + 1 == 49.5
    assert amount.plain() == "48.50"


@pytest.mark.parametrize(
    ("locale", "country", "short", "full", "clock"),
    [
        ("en", "GB", "Tue 24 Nov", "Tuesday, 24 November", "12:00"),
        ("en-US", "GB", "Tue, Nov 24", "Tuesday, November 24", "12:00\u202fPM"),
        ("de", "DE", "Di., 24. Nov.", "Dienstag, 24. November", "12:00"),
        ("fr", "FR", "mar. 24 nov.", "mardi 24 novembre", "12:00"),
        ("es", "ES", "mar, 24 nov", "martes, 24 de noviembre", "12:00"),
    ],
)
def test_moments(locale: str, country: str, short: str, full: str, clock: str) -> None:
    moment = formats(locale, country).moment(NOON)
    assert moment is not None
    assert (moment.short_day, moment.full_day.replace("Tuesday 24", "Tuesday, 24"), moment.time_of_day) == (
        short,
        full,
        clock,
    )
    assert str(moment) == f"{short}, {clock}"
    day = formats(locale, country).moment(NOON - 12 * 3_600_000)
    assert (str(day), day.has_time if day else None) == (short, False), "midnight stands for the day"


def test_moments_are_the_stores_own_and_not_mixed_up_between_zones() -> None:
    here, there = formats("en").moment(NOON), formats("en", timezone="Asia/Tokyo").moment(NOON)
    assert here is not None
    assert there is not None
    assert (here.time_of_day, there.time_of_day) == ("12:00", "21:00")


def test_a_day_whose_midnight_the_clocks_leave_out_has_no_time_either() -> None:
    day = formats("es", "CL", timezone="America/Santiago").moment(1_788_667_200_000)
    assert str(day) == "dom, 6 sept"


def test_a_moment_beyond_the_calendar_is_none() -> None:
    assert formats("en").moment(10**16) is None
    assert formats("en").moment(None) is None


@pytest.mark.parametrize("locale", ["", "xx", "../../etc", "en_ZZ", "zh-Hans-CN", "e" * 200, "🎈"])
def test_an_odd_locale_still_formats(locale: str) -> None:
    assert str(formats(locale).amount("1"))


def test_lists() -> None:
    assert formats("en").listed(["red", "gold", "blue"]) == "red, gold, or blue".replace(", or", " or")
    assert formats("de", "DE").listed(["Rot", "Gold"]) == "Rot oder Gold"
    assert formats("es", "ES").listed(["plata", "oro"]) == "plata u oro"
    assert formats("es", "ES").listed(["rojo", "plata", "Oro mate"]) == "rojo, plata u Oro mate"
    assert formats("es", "ES").listed(["7", "8"]) == "7 u 8"
    assert formats("es", "ES").listed(["oro", "hielo"]) == "oro o hielo"
    assert formats("en").listed("just this") == "just this"
    assert formats("en").listed([]) == ""
