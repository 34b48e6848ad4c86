"""Times and money, as staff say them."""

import pytest

from tests.support.sample_shop import DAY, HOUR, MINUTE, NOW
from tui.i18n import Texts
from tui.service.wire import Store
from tui.wording.times import Times

LOFT = Store(name="Balloon Loft", timezone="Europe/London", currency="GBP", country="GB", locale="en")


def times(language: str = "en", store: Store = LOFT) -> Times:
    return Times(Texts(language), store)


@pytest.mark.parametrize(
    ("away", "said"),
    [
        (0, "10:15"),
        (-DAY, "yesterday 10:15"),
        (DAY, "tomorrow 10:15"),
        (3 * DAY, "Fri 10:15"),
        (-3 * DAY, "21 Nov 10:15"),
        (-300 * DAY, "28 Jan 10:15"),
    ],
)
def test_a_moment_is_said_by_how_far_it_is(away: int, said: str) -> None:
    assert times().at(NOW + away, NOW) == said


def test_a_moment_in_short() -> None:
    assert times().brief(NOW, NOW) == "10:15"
    assert times().brief(NOW + DAY, NOW) == "Wed"
    assert times().brief(NOW - 9 * DAY, NOW) == "15 Nov"
    assert times().brief(None, NOW) == ""


def test_the_shops_zone_counts_not_the_machines() -> None:
    tokyo = times(store=Store(timezone="Asia/Tokyo"))
    assert tokyo.clock(NOW) == "Tue 24 Nov 19:15"
    assert tokyo.at(NOW + 6 * HOUR, NOW) == "tomorrow 01:15"


def test_an_unknown_zone_is_read_as_utc() -> None:
    assert times(store=Store(timezone="Mars/Olympus")).clock(NOW) == "Tue 24 Nov 10:15"


def test_midnight_on_the_day_the_clocks_go_back() -> None:
    sunday_noon = 1_792_929_600_000  # 2026-10-25T12:00Z; clocks went back at 01:00Z
    assert times().midnight(sunday_noon) == sunday_noon - 13 * HOUR


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "0 s"), (8, "8 s"), (61, "1 min"), (3599, "59 min"), (3600, "1 h"), (4 * 3600 + 300, "4 h 5 min"), (11 * 3600, "11 h"), (273_600, "3 d 4 h")],
)  # fmt: skip
def test_spans(seconds: int, said: str) -> None:
    assert times().span(seconds) == said


def test_how_long_until() -> None:
    assert times().until(NOW + 8_000, NOW) == "in 8 s"
    assert times().until(NOW - 1, NOW) == "now"
    assert times().until(NOW + 2 * HOUR, NOW) == "at 12:15"


def test_how_late() -> None:
    assert times().late(NOW - 3 * MINUTE, NOW) == "3 min late"
    assert times().late(NOW - 30_000, NOW) == "", "half a minute is not late"
    assert times().late(None, NOW) == ""


@pytest.mark.parametrize(
    ("store", "amount", "said"),
    [
        (LOFT, "48.50", "£48.50"),
        (Store(currency="EUR", country="DE", locale="de"), "1048.5", "1.048,50\xa0€"),
        (Store(currency="JPY", country="JP", locale="en"), "500", "¥500"),
        (LOFT, "a lot", "a lot GBP"),
        (Store(), "48.50", "48.50"),
        (LOFT, None, ""),
    ],
)
def test_money_in_the_shops_form(store: Store, amount: str | None, said: str) -> None:
    assert times(store=store).money(amount, None) == said


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("14:30", "2026-11-24T14:30:00+00:00"),
        ("14.30", "2026-11-24T14:30:00+00:00"),
        ("9h05", "2026-11-25T09:05:00+00:00"),
        ("tomorrow 10:00", "2026-11-25T10:00:00+00:00"),
        ("24.12. 10:00", "2026-12-24T10:00:00+00:00"),
        ("3/1 10:00", "2027-01-03T10:00:00+00:00"),
        ("31.2. 10:00", None),
        ("someday 10:00", None),
        ("25:00", None),
        ("", None),
    ],
)
def test_what_staff_type_for_a_promised_time(typed: str, meant: str | None) -> None:
    assert times().promised(typed, NOW) == meant


def test_tomorrow_in_the_screens_language() -> None:
    assert times("de").promised("morgen 10:00", NOW) == "2026-11-25T10:00:00+00:00"
