"""Headquarters' own clock, and what it hears by it: the months it files by, what it heard while it was ahead, and what another heard too."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from daemon.fleet.wire import Cursors, Health, pack
from daemon.hq.database import ensure_month, opened
from daemon.hq.pulse import Pulse

pytestmark = pytest.mark.engines

WORD: dict[str, Any] = {
    "at": 0,
    "clock_trusted": True,
    "release": "0",
    "epoch": "",
    "seq": 0,
    "hash": "",
    "channels": {},
}


async def test_two_headquarters_begin_a_month_at_once(database: str) -> None:
    async with opened(database) as one, opened(database) as other:
        for month in range(1, 13):
            begun = datetime(2031, month, 1, tzinfo=UTC)
            names = await asyncio.gather(ensure_month(one, begun), ensure_month(other, begun))
            assert set(names) == {f"audit_2031_{month:02}"}


async def test_a_clock_that_was_ahead_hides_no_store_that_is_in_trouble(database: str) -> None:
    """A store that came well by tomorrow's clock looked well until tomorrow, whatever it said since."""
    today = datetime(2026, 11, 24, 10, tzinfo=UTC)
    async with opened(database) as db:
        for ahead, uplink in ((timedelta(days=1), "up"), (timedelta(0), "down")):
            pulse = Pulse(lambda ahead=ahead: today + ahead)  # type: ignore[misc]
            pulse.hear("health.soho", pack(Health(**WORD, uplink=uplink)))
            await pulse.write(db)
        found = await (await db.execute("SELECT body ->> 'uplink', arrived FROM health")).fetchall()
    assert found == [("down", today)]


async def test_a_clock_that_was_ahead_keeps_no_store_from_being_asked_again(database: str) -> None:
    """What was asked for tomorrow was asked for again tomorrow, whatever NATS lost until then."""
    today = datetime(2026, 11, 24, 10, tzinfo=UTC)
    async with opened(database) as db:
        for now in (today + timedelta(days=1), today):
            pulse = Pulse(lambda now=now: now)  # type: ignore[misc]
            pulse.hear("health.soho", pack(Health(**WORD, uplink="up", cursors=Cursors(audit=7))))
            await pulse.write(db)
            assert await pulse.ask_for_what_is_missed(db, now + timedelta(seconds=1), 20.0) == {"soho"}


async def test_who_is_away_or_was_revoked_is_not_asked_again_and_again(database: str) -> None:
    """NATS' folders were emptied, and two stores had been acknowledged more than the archive has: one's box is off, the other is sold."""
    now = datetime(2026, 11, 24, 10, tzinfo=UTC)
    async with opened(database) as db:
        pulse = Pulse(lambda: now)
        for store, heard in (("away", now - timedelta(hours=1)), ("sold", now), ("soho", now)):
            pulse.hear(f"health.{store}", pack(Health(**WORD, uplink="up", cursors=Cursors(audit=7))), heard)
        await pulse.write(db)
        await db.execute("UPDATE store SET revoked_at = now() WHERE name = 'sold'")
        assert await pulse.ask_for_what_is_missed(db, now + timedelta(seconds=1), 20.0) == {"soho"}
        pulse.hear("health.away", pack(Health(**WORD, uplink="up", cursors=Cursors(audit=7))))
        await pulse.write(db)
        assert await pulse.ask_for_what_is_missed(db, now + timedelta(seconds=1), 20.0) == {"away"}


async def test_what_two_headquarters_hear_counts_once(database: str) -> None:
    """A store that is heard half of the time had a full hour; and one process hears the newest word again at its start."""
    now = datetime(2026, 11, 24, 10, tzinfo=UTC)
    async with opened(database) as db:
        for said in range(3):
            for _ in range(2):
                pulse = Pulse(lambda said=said: now + timedelta(seconds=30 * said))  # type: ignore[misc]
                pulse.hear("health.soho", pack(Health(**(WORD | {"at": said}), uplink="up")))
                await pulse.write(db)
        assert await (await db.execute("SELECT heard FROM health_hour")).fetchall() == [(3,)]
