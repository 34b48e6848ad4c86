"""The day's mail with the record's head: once a day at its hour, again while nobody takes it, and not where nobody wants it."""

import asyncio

import pytest

from daemon.config import ConfigError, Record, Settings, Store, TimeOfDay
from daemon.keys.box_key import BoxKey
from daemon.keys.heads import Head, heads_in, signed
from daemon.upkeep.record_mail import AGAIN_AFTER, RecordMail, check_record
from outbox.errors import StorageBusy
from outbox.heads import End
from tests.support.fake_clock import FakeClock

KEY = BoxKey.from_words("legal winner thank year wave sausage worth useful legal winner thank yellow")
HEAD = signed(End("e1", 7, "ab" * 32, 1_795_515_300_000), KEY)
HOUR = 3600.0


class Post:
    """Takes mail, or refuses so many times first."""

    def __init__(self, clock: FakeClock, refusals: int = 0) -> None:
        self.clock = clock
        self.refusals = refusals
        self.taken: list[tuple[int, str, str, str]] = []

    async def mail(self, audience: str, subject: str, words: str) -> bool:
        if self.refusals:
            self.refusals -= 1
            return False
        self.taken.append((self.clock.now(), audience, subject, words))
        return True


class Notes:
    """Of a database that outlives the service."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self._kept.get(key)

    async def set(self, key: str, value: str) -> None:
        self._kept[key] = value


async def mails(
    mail_at: str | None,
    hours: float,
    *,
    refusals: int = 0,
    unread: int = 0,
    clock: FakeClock | None = None,
    notes: Notes | None = None,
) -> tuple[FakeClock, Post]:
    """What is taken in that time, on a clock that begins at 10:15 in London; `unread`: so many times the record can't be read."""
    clock = clock or FakeClock()
    post = Post(clock, refusals)
    at = None if mail_at is None else TimeOfDay.parse(mail_at)
    settings = Settings(store=Store(name="Balloon Loft"), record=Record(mail_at=at))

    async def head() -> Head:
        nonlocal unread
        if unread:
            unread -= 1
            raise StorageBusy("another program holds the database: close it, or wait")
        return HEAD

    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(
            RecordMail(clock, lambda: settings, head, post.mail, Notes() if notes is None else notes).run(stop)
        )
        for _ in range(round(hours * 4)):
            await clock.advance(HOUR / 4)
        stop.set()
        await clock.advance(HOUR)
    return clock, post


async def test_once_a_day_at_its_hour_with_the_head_in_it() -> None:
    _, post = await mails("11:00", 50)
    assert [at - FakeClock().now() for at, *_ in post.taken] == [
        45 * 60_000,
        (24 * 60 + 45) * 60_000,
        (48 * 60 + 45) * 60_000,
    ]
    _, audience, subject, words = post.taken[0]
    assert (audience, subject) == ("owner", "Balloon Loft: the day's record")
    assert list(heads_in(words)) == [HEAD]


async def test_what_nobody_takes_is_tried_again() -> None:
    _, post = await mails("11:00", 3, refusals=2)
    assert [at - FakeClock().now() for at, *_ in post.taken] == [round(45 * 60_000 + 2 * AGAIN_AFTER * 1000)]


async def test_a_record_that_can_not_be_read_for_a_while_is_tried_again() -> None:
    _, post = await mails("11:00", 3, unread=2)
    assert [at - FakeClock().now() for at, *_ in post.taken] == [round(45 * 60_000 + 2 * AGAIN_AFTER * 1000)]


async def test_none_is_sent_where_none_is_wanted_or_its_hour_is_past() -> None:
    assert (await mails(None, 30))[1].taken == []
    assert (await mails("10:00", 20))[1].taken == []


async def test_a_box_that_is_off_at_its_hour_sends_it_when_it_is_on_again() -> None:
    clock, notes = FakeClock(), Notes()
    assert (await mails("07:30", 2, clock=clock, notes=notes))[1].taken == [], "its hour was before there was a box"
    for _ in range(3):
        await clock.advance(22 * HOUR)
        _, post = await mails("07:30", 2, clock=clock, notes=notes)
        assert len(post.taken) == 1
    _, post = await mails("07:30", 2, clock=clock, notes=notes)
    assert post.taken == [], "a restart is no cause"


def test_a_mail_to_nobody_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"audiences\.owner"):
        check_record(Settings(record=Record(mail_at=TimeOfDay(450))))
    check_record(Settings(record=Record(mail_at=TimeOfDay(450)), audiences={"owner": {"email": "o@example.com"}}))


async def test_once_in_the_night_in_which_its_hour_comes_twice() -> None:
    midnight = 1_792_882_800_000  # in London, on 25 October 2026: at 02:00 it is 01:00 again
    _, post = await mails("01:30", 5, clock=FakeClock(midnight))
    assert [at - midnight for at, *_ in post.taken] == [90 * 60_000]
