"""Quiet hours on the store's clock: over midnight, over changes of the clocks, in every zone there is."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.config import Settings
from daemon.planner.moments import instant
from daemon.planner.rules.quiet import quiet_until
from tests.support.planning import store

ZONES = sorted(available_timezones() - {"localtime"})


def ms(text: str, zone: str = "UTC", fold: int = 0) -> int:
    wall = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(wall.timestamp() * 1000)


def quiet(from_: str = "21:00", to: str = "08:00", zone: str = "Europe/London", **more: object) -> Settings:
    return store(store={"timezone": zone}, quiet_hours={"from": from_, "to": to, **more})


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-24T20:59:59", None),
        ("2026-11-24T21:00:00", "2026-11-25T08:00"),
        ("2026-11-24T23:59:59", "2026-11-25T08:00"),
        ("2026-11-25T00:00:00", "2026-11-25T08:00"),
        ("2026-11-25T07:59:59", "2026-11-25T08:00"),
        ("2026-11-25T08:00:00", None),
    ],
)
def test_a_window_over_midnight(now: str, until: str | None) -> None:
    assert quiet_until(quiet(), "sms", ms(now)) == (until and ms(until))


@pytest.mark.parametrize(
    ("now", "until"),
    [("12:59", None), ("13:00", "14:30"), ("14:29", "14:30"), ("14:30", None), ("23:00", None)],
)
def test_a_window_within_a_day(now: str, until: str | None) -> None:
    assert quiet_until(quiet("13:00", "14:30"), "sms", ms(f"2026-11-24T{now}")) == (until and ms(f"2026-11-24T{until}"))


def test_the_stores_clock_counts() -> None:
    assert quiet_until(quiet(zone="Asia/Tokyo"), "sms", ms("2026-11-24T13:00")) == ms("2026-11-25T08:00", "Asia/Tokyo")


def test_only_intrusive_media() -> None:
    night = ms("2026-11-24T23:00")
    assert [medium for medium in ("sms", "email", "chat", "push", "crm") if quiet_until(quiet(), medium, night)] == [
        "sms",
        "chat",
        "push",
    ]
    assert quiet_until(quiet(media=["email"]), "email", night)


def test_none_at_all() -> None:
    night = ms("2026-11-24T23:00")
    assert quiet_until(quiet(enabled=False), "sms", night) is None
    assert quiet_until(quiet("21:00", "21:00"), "sms", night) is None


class TestChangesOfTheClocks:
    """London: 2026-03-29 01:00 -> 02:00 and 2026-10-25 02:00 -> 01:00."""

    def test_the_short_night(self) -> None:
        assert quiet_until(quiet(), "sms", ms("2026-03-28T22:00")) == ms("2026-03-29T07:00")

    def test_the_long_night(self) -> None:
        assert quiet_until(quiet(), "sms", ms("2026-10-24T21:00")) == ms("2026-10-25T08:00")

    def test_an_end_that_the_clock_jumps_over_is_the_jump(self) -> None:
        assert quiet_until(quiet("21:00", "01:30"), "sms", ms("2026-03-29T00:30")) == ms("2026-03-29T01:00")

    def test_a_beginning_that_the_clock_jumps_over_is_the_jump(self) -> None:
        assert quiet_until(quiet("01:30", "05:00"), "sms", ms("2026-03-29T00:59:59")) is None
        assert quiet_until(quiet("01:30", "05:00"), "sms", ms("2026-03-29T01:00")) == ms("2026-03-29T04:00")

    def test_a_window_that_the_clock_jumps_over_is_none(self) -> None:
        assert quiet_until(quiet("01:10", "01:50"), "sms", ms("2026-03-29T01:00")) is None

    def test_an_end_that_comes_twice_is_the_first(self) -> None:
        settings = quiet("21:00", "01:30")
        assert quiet_until(settings, "sms", ms("2026-10-25T00:10")) == ms("2026-10-25T00:30")
        assert quiet_until(settings, "sms", ms("2026-10-25T01:10")) is None  # 01:10 for the second time

    def test_a_beginning_that_comes_twice_is_the_first(self) -> None:
        assert quiet_until(quiet("01:30", "05:00"), "sms", ms("2026-10-25T00:31")) == ms("2026-10-25T05:00")

    def test_a_day_that_never_was(self) -> None:
        """Samoa went from 2011-12-29 to 2011-12-31."""
        settings = quiet(zone="Pacific/Apia")
        assert quiet_until(settings, "sms", ms("2011-12-29T22:00", "Pacific/Apia")) == ms(
            "2011-12-31T08:00", "Pacific/Apia"
        )


minutes = st.integers(0, 24 * 60 - 1)


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.integers(0, 2**31 * 1000), minutes, minutes)
@example("Europe/London", ms("2026-03-29T00:59"), 90, 300)
@example("Australia/Lord_Howe", ms("2026-10-03T15:29"), 120, 125)
@example("Africa/Casablanca", ms("2026-02-15T02:30"), 130, 170)
@example("Pacific/Apia", ms("2011-12-30T09:59"), 0, 1439)
def test_in_every_zone_it_ends_and_is_over_then(zone: str, now: int, begin: int, end: int) -> None:
    shop = quiet(f"{begin // 60:02}:{begin % 60:02}", f"{end // 60:02}:{end % 60:02}", zone)
    until = quiet_until(shop, "sms", now)
    if until is None:
        return
    assert now < until <= now + 3 * 86_400_000
    assert quiet_until(shop, "sms", until) is None
    assert quiet_until(shop, "sms", until - 1) == until
    middle = (now + until) // 2
    assert quiet_until(shop, "sms", middle) == until


@settings(deadline=None)
@given(st.sampled_from(ZONES), st.dates(date(1971, 1, 2), date(2037, 12, 30)), minutes)
def test_the_first_instant_that_shows_a_time(zone: str, day: date, minute: int) -> None:
    there = ZoneInfo(zone)
    found = instant(day, minute, there)
    shown = (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=found)).astimezone(there).replace(tzinfo=None)
    before = (
        (datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=found - 1000)).astimezone(there).replace(tzinfo=None)
    )
    wanted = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)
    assert before < wanted <= shown
    assert shown - wanted < timedelta(days=1, hours=1)
    if shown != wanted:
        assert shown - before > timedelta(minutes=1), "only a jump of the clock may pass over the wanted time"
