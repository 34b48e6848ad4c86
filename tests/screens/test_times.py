"""Times and money, as staff say them."""

import pytest

from daemon.wire.service import Store
from tests.support.sample_shop import DAY, HOUR, MINUTE, NOW
from tui.i18n import Texts
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
    assert times().until(NOW + 22 * HOUR, NOW) == "tomorrow 08:15"


def test_a_day_that_is_promised_has_no_time_and_is_late_when_it_is_over() -> None:
    """The shop's calendar asks for a date alone: till now such orders were late from one in the night."""
    here = times()
    today = here.midnight(NOW)
    said = {days: here.promise(today + days * DAY, NOW) for days in (-3, -1, 0, 1, 3, 9)}
    assert said == {-3: "21 Nov", -1: "yesterday", 0: "today", 1: "tomorrow", 3: "Fri", 9: "3 Dec"}
    assert [here.brief_promise(today + days * DAY, NOW) for days in (-3, 0, 1)] == ["21 Nov", "Tue", "Wed"]
    assert (here.promise(NOW, NOW), here.brief_promise(NOW, NOW)) == ("10:15", "10:15")
    assert here.late(today, NOW) == ""
    assert here.late(today, today + DAY + 3 * MINUTE) == "3 min late"
    assert here.late_from(NOW) == NOW + MINUTE
    assert (here.promise(None, NOW), here.brief_promise(None, NOW)) == ("", "")


def test_a_promised_day_of_twenty_five_hours() -> None:
    sunday = 1_792_882_800_000  # 2026-10-24T23:00Z, midnight in London; clocks go back at 01:00Z
    assert times().late_from(sunday) == sunday + 25 * HOUR + MINUTE


def test_a_promised_day_that_begins_at_one() -> None:
    """In Chile, Egypt, Lebanon and on the Azores the clocks go forward at midnight."""
    sunday = 1_788_667_200_000  # 2026-09-06T04:00Z, 01:00 in Santiago
    here = Times(Texts("en"), Store(timezone="America/Santiago"))
    assert here.promise(sunday, sunday - DAY) == "tomorrow"
    assert here.brief_promise(sunday, sunday) == "Sun"
    assert here.late_from(sunday) == sunday + 23 * HOUR + MINUTE
    assert here.late_from(sunday - DAY) == sunday + MINUTE


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
        ("3.1.27 10:00", "2027-01-03T10:00:00+00:00"),
        ("24.12.1730", "2026-12-24T17:30:00+00:00"),
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


WRITTEN = {
    "en": {
        "5pm": "24T17:00", "5 pm": "24T17:00", "5:30 p.m.": "24T17:30", "9am": "25T09:00", "12am": "25T00:00", "12 pm": "24T12:00",
        "17.00": "24T17:00", "5:30": "24T17:30", "05:30": "25T05:30", "10:14": "25T10:14", "10:15": "24T10:15", "noon": "24T12:00",
        "tomorrow 9": "25T09:00", "tomorrow at 5pm": "25T17:00", "today 1730": "24T17:30", "day after tomorrow 9": "26T09:00",
        "in 2h": "24T12:15", "in 2 hours": "24T12:15", "in 90 min": "24T11:45", "in 1h30": "24T11:45", "in 1.5 h": "24T11:45",
        "in half an hour": "24T10:45", "within an hour": "24T11:15", "friday 10": "27T10:00", "Fri 10:00": "27T10:00",
        "on tuesday 9": "2026-12-01T09:00", "tue 16:00": "24T16:00", "24 dec 10am": "2026-12-24T10:00", "24/12 10:00": "2026-12-24T10:00",
        "1 January 9:00": "2027-01-01T09:00",
    },
    "es": {
        "17h": "24T17:00", "17.00": "24T17:00", "5 p.m.": "24T17:00", "mañana 9": "25T09:00", "manana a las 9": "25T09:00",
        "a las 17": "24T17:00", "hoy 18h": "24T18:00", "pasado mañana 9": "26T09:00", "en 2h": "24T12:15", "dentro de 2 horas": "24T12:15",
        "en media hora": "24T10:45", "dentro de una hora": "24T11:15", "viernes 17h": "27T17:00", "el mié 10:00": "25T10:00",
        "24 de diciembre 10h": "2026-12-24T10:00", "24 dic 10h": "2026-12-24T10:00", "mediodía": "24T12:00",
    },
    "fr": {
        "17h": "24T17:00", "17h30": "24T17:30", "17 h 30": "24T17:30", "demain 9": "25T09:00", "demain à 9h": "25T09:00",
        "aujourd’hui 17h": "24T17:00", "après-demain 9h": "26T09:00", "dans 2h": "24T12:15", "dans 2 heures": "24T12:15",
        "dans 30 min": "24T10:45", "dans une demi-heure": "24T10:45", "dans une heure": "24T11:15", "vendredi 17h": "27T17:00",
        "mar 16h": "24T16:00", "24 déc 10h": "2026-12-24T10:00", "midi": "24T12:00", "9 heures": "25T09:00",
    },
    "de": {
        "17 Uhr": "24T17:00", "17.30 Uhr": "24T17:30", "um 17 Uhr": "24T17:00", "morgen 9": "25T09:00", "morgen um 9 Uhr": "25T09:00",
        "heute 18 Uhr": "24T18:00", "übermorgen 9:00": "26T09:00", "in 2h": "24T12:15", "in 2 Stunden": "24T12:15", "in 1,5 Std": "24T11:45",
        "in einer halben Stunde": "24T10:45", "in einer Stunde": "24T11:15", "am Freitag 17 Uhr": "27T17:00", "Fr 10:00": "27T10:00",
        "24.12. 10:00": "2026-12-24T10:00", "24. Dezember 10 Uhr": "2026-12-24T10:00", "mittags": "24T12:00",
    },
}  # fmt: skip
"""By language, what people write on Tuesday, 24 November 2026 at 10:15, and which time that is."""
NOT_TIMES = ("", "soon", "5", "17", "1730", "tomorrow", "in 2", "in two", "25:00", "13pm", "30.2. 10:00", "99/99 9:00", "in 9999h",
             "B-1042", "noor", "mo", "24.12.2026", "24.12.2025 17:00", "10:60", "٣:٠٠", "in 99999999999999999999 h")  # fmt: skip


@pytest.mark.parametrize("language", WRITTEN)
def test_times_as_people_write_them(language: str) -> None:
    read = times(language)
    found = {typed: read.promised(typed, NOW) for typed in WRITTEN[language]}
    meant = {typed: _whole(said) for typed, said in WRITTEN[language].items()}
    assert found == meant


def _whole(said: str | None) -> str | None:
    return None if said is None else f"{said if said.startswith('20') else f'2026-11-{said}'}:00+00:00"


@pytest.mark.parametrize("language", WRITTEN)
def test_what_is_no_time_is_none(language: str) -> None:
    read = times(language)
    assert {typed: read.promised(typed, NOW) for typed in NOT_TIMES} == dict.fromkeys(NOT_TIMES)


def test_a_number_alone_is_an_hour_only_where_a_time_is_asked_for() -> None:
    read = times()
    found = [read.promised(typed, NOW, bare=True) for typed in ("5", "17", "1730", "9", "24", "123")]
    assert found == [_whole("24T17:00"), _whole("24T17:00"), _whole("24T17:30"), _whole("25T09:00"), None, None]


def test_a_date_in_the_united_states_begins_with_the_month() -> None:
    american = Times(Texts("en"), Store(timezone="UTC", country="US"))
    assert american.promised("12/24 5pm", NOW) == "2026-12-24T17:00:00+00:00"
    assert american.promised("24.12. 10:00", NOW) == "2026-12-24T10:00:00+00:00"


def test_two_hours_from_now_are_two_hours_when_the_clocks_change() -> None:
    """In London the night to 25 October 2026 has its hour after one twice."""
    before = 1_792_888_200_000  # 2026-10-25T00:30Z, 01:30 there
    said = times().promised("in 2h", before)
    assert said is not None
    assert times().moment(said) - before == 2 * 3600 * 1000
