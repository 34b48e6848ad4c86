"""What people at headquarters are told, by channels of the sandbox: once per trouble, and once when it is over. And the week's mail."""

import json
import random
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from daemon.config import ConfigError, Duration, TimeOfDay
from daemon.hq.archiver import Archive
from daemon.hq.config import Hq, HqSettings, Nats, Report, Trouble, load
from daemon.hq.config import Postgres as PostgresTable
from daemon.hq.database import Connection, Pool, migrate, opened, pooled
from daemon.hq.figures import Span, ways, weeks, whys
from daemon.hq.voice import MOST_TEXTS, voice
from daemon.hq.watch import Watch
from daemon.hq.weekly import WeeklyMail
from daemon.sandbox import Sandbox, sandbox_settings
from daemon.upkeep.messenger import Messenger
from tests.support.engines import Postgres
from tests.support.fake_clock import FakeClock

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.engines


class Office:
    """Headquarters' watch, with a sandbox for its providers and a clock that the test turns."""

    def __init__(
        self, settings: HqSettings, pool: Pool, db: Connection, clock: FakeClock, sandbox: Sandbox, messenger: Messenger
    ) -> None:
        self.settings = settings
        self.db = db
        self.pool = pool
        self.clock = clock
        self.sandbox = sandbox
        self.archive = Archive("running")
        self.messenger = messenger
        self.begin()

    def begin(self) -> None:
        self.watch = Watch(self.settings, self.pool, self.clock, tell=self.messenger.tell, archive=lambda: self.archive)
        self.weekly = WeeklyMail(self.settings, self.pool, self.clock, self.messenger.mail, lambda: True)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now() / 1000, UTC)

    async def heard(self, store: str, **body: object) -> None:
        await self.db.execute(
            "INSERT INTO store (name, joined_at) VALUES (%s, %s) ON CONFLICT DO NOTHING", (store, self.now())
        )
        await self.db.execute(
            "INSERT INTO health (store, arrived, at, body) VALUES (%s, %s, 0, %s) "
            "ON CONFLICT (store) DO UPDATE SET arrived = excluded.arrived, body = excluded.body",
            (store, self.now(), Jsonb({"currency": "GBP", **body})),
        )

    async def message(
        self, store: str, id: str, state: str, *, took: int | None = None, reason: str = "", days_ago: int = 0
    ) -> None:
        at = self.clock.now() - days_ago * 86_400_000
        told = None if took is None else at + took * 1000
        await self.db.execute(
            "INSERT INTO message (store, id, epoch_n, rev, order_ref, state, channel, reason_code, type, recipient, address, attempts, created_at, "
            "updated_at, due_at, parts, price, told_at, arrived) "
            "VALUES (%s, %s, 1, 1, 'B-1', %s, 'twilio', %s, 'order.ready', 'customer', '', 1, %s, %s, %s, 2, '0.08', %s, %s)",
            (store, id, state, reason, at, at, at, told, self.now()),
        )

    async def looks(self, seconds: float = 0) -> list[str]:
        """What people got meanwhile."""
        before = len(self.sandbox.messages)
        await self.watch.look()
        await self.clock.advance(seconds)
        if seconds:
            await self.watch.look()
        return [message.text for message in self.sandbox.messages[before:]]


@pytest.fixture
async def office(tmp_path: Path, database: str, postgres_server: Postgres) -> AsyncIterator[Office]:
    clock = FakeClock()
    await migrate(database)
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(Sandbox(clock=clock, rng=random.Random(1), folder=tmp_path))
        tables, secrets = sandbox_settings(sandbox.url, sandbox.smtp_port, tmp_path)
        settings = HqSettings(
            hq=Hq("Balloon Loft"),
            nats=Nats(()),
            postgres=PostgresTable(database),
            trouble=Trouble(via=("twilio", "sendgrid"), after=Duration(60)),
            report=Report(mail_at=TimeOfDay(8 * 60)),
            channels={name: tables[name] for name in ("twilio", "sendgrid")},
            audiences={"owner": {"phone": "+447400123456", "email": "owner@loft.example"}},
            file=tmp_path / "hq.toml",
            secrets=secrets,
        )
        pool = await stack.enter_async_context(pooled(database))
        db = await stack.enter_async_context(opened(database))
        messenger = await stack.enter_async_context(voice(settings, pool, clock, random.Random(1)))
        yield Office(settings, pool, db, clock, sandbox, messenger)


async def test_a_silent_store_is_told_of_once_and_once_when_it_is_over(office: Office) -> None:
    await office.heard("soho")
    assert await office.looks(30) == []
    await office.clock.advance(700)
    assert await office.looks(30) == [], "what mends itself is no news"
    (told,) = await office.looks(60)
    assert told.startswith("Balloon Loft: soho is silent since")
    assert await office.looks(600) == []
    office.begin()
    await office.watch.recall(office.db)
    assert await office.looks(120) == [], "a restart doesn't tell it again"
    await office.heard("soho")
    (over,) = await office.looks(61)
    assert over.startswith("Balloon Loft: over: soho is silent")
    await office.heard("soho")
    assert await office.looks(61) == []


async def test_texts_that_never_leave_use_up_no_text_of_the_day(office: Office) -> None:
    """The provider has no credit for an hour: whatever is told after that comes as a text again."""
    office.sandbox.fault("error", "twilio", status=401, code="20003")
    for _ in range(MOST_TEXTS + 10):
        assert await office.messenger.tell("soho is silent")
    assert {message.provider for message in office.sandbox.messages} == {"sendgrid"}
    office.sandbox.faults.clear()
    assert await office.messenger.tell("over: soho is silent")
    assert office.sandbox.messages[-1].provider == "twilio"


async def test_forks_refused_bundles_canaries_and_the_archive(office: Office) -> None:
    await office.heard("soho", bundle_problem="all/1: broken", clock_trusted=True)
    await office.db.execute(
        "INSERT INTO fork (store, epoch, seq, known, other, seen_in, first_seen, last_seen) VALUES ('soho', 'e', 1, '', 'x', 'record', %s, %s)",
        (office.now(), office.now()),
    )
    await office.db.execute(
        "INSERT INTO rollout (grp, digest, release, note, published_by, first_groups, stores, began_at, until, state, ended_at, why) "
        "VALUES ('all', '', '', '', 'maria', '{canary}', '{soho}', %s, %s, 'taken_back', %s, '4 of 14 messages reached nobody')",
        (office.now(), office.now(), office.now()),
    )
    office.archive = Archive("waiting", "none of NATS's servers can be reached")
    told = await office.looks(61)
    assert len(told) == len(set(told))
    for part in ("two records call themselves soho", "canary for all went wrong", "the archive waits"):
        assert sum(part in words for words in told) == 1
    office.archive = Archive("running")
    (over,) = await office.looks(61)
    assert "over: the archive waits" in over


async def test_people_hear_by_the_next_channel_and_again_until_one_takes_it(office: Office) -> None:
    office.archive = Archive("waiting", "NATS is away")
    await office.sandbox.cut()
    assert await office.looks(61) == []
    await office.sandbox.restore()
    assert len(await office.looks()) == 1
    assert len(await office.looks(600)) == 0


async def test_postgres_away_is_told_too_and_makes_nothing_over(office: Office, postgres_server: Postgres) -> None:
    await office.heard("soho")
    await office.clock.advance(700)
    assert len(await office.looks(61)) == 1
    office.archive = Archive("waiting", "PostgreSQL is away")
    await office.pool.close()
    (told,) = await office.looks(61)
    assert "the archive waits" in told


async def test_stores_that_headquarters_could_not_hear_are_not_called_silent(office: Office) -> None:
    """NATS is away for a quarter of an hour; stores come back one after another, and one does not."""
    stores = [f"store-{n}" for n in range(20)]
    for store in stores:
        await office.heard(store)
    office.archive = Archive("waiting", "none of NATS's servers can be reached", since=office.now())
    told = [words for _ in range(15) for words in await office.looks(60)]
    assert [words for words in told if "the archive waits" not in words] == []
    assert len(told) == 1
    office.archive = Archive("running", since=office.now())
    for store in stores[1:]:
        told = await office.looks(15)
        assert [words for words in told if "is silent" in words] == []
        await office.heard(store)
    told = []
    for _ in range(5):
        for store in stores[1:]:
            await office.heard(store)
        told += await office.looks(120)
    assert ["store-0 is silent" in words for words in told] == [True]


async def test_many_stores_that_fall_silent_at_once_are_one_message(office: Office) -> None:
    """The region's line is cut: of fifty texts a day some must be left for the afternoon."""
    for n in range(20):
        await office.heard(f"store-{n}")
    await office.clock.advance(700)
    (told,) = await office.looks(61)
    assert "20 stores are silent: tether hq store list" in told
    office.begin()
    await office.watch.recall(office.db)
    for n in range(20):
        await office.heard(f"store-{n}")
    (over,) = await office.looks(61)
    assert over.endswith("over: 20 stores are silent: tether hq store list says which")


async def test_stores_that_fall_silent_one_after_another_are_one_message_too(office: Office) -> None:
    """Each says every half minute how it is, and not all at the same moment: the cut of one line was a dozen texts."""
    stores = [f"store-{n}" for n in range(12)]
    for store in stores:
        await office.heard(store)
        await office.clock.advance(2.5)
    await office.clock.advance(540)
    told = [words for _ in range(24) for words in await office.looks(10)]
    assert ["12 stores are silent" in words for words in told] == [True]
    for store in stores:
        await office.heard(store)
        over = await office.looks(2.5)
        assert over == []
    over = []
    for _ in range(24):
        for store in stores:
            await office.heard(store)
        over += await office.looks(10)
    assert ["over: 12 stores are silent" in words for words in over] == [True]


async def test_a_line_that_is_lost_now_and_then_keeps_no_silence_from_people(office: Office) -> None:
    """Something on the way cut headquarters off NATS every five minutes, for a second: no store was ever called silent."""
    await office.heard("soho")
    told = []
    for _ in range(12):
        office.archive = Archive("running", since=office.now())
        told += await office.looks(100) + await office.looks(100) + await office.looks(100)
    assert ["soho is silent" in words for words in told] == [True]


async def test_the_weeks_mail_goes_out_once_and_says_how_each_store_did(office: Office) -> None:
    """The clock begins on a Tuesday."""
    await office.heard("soho")
    await office.heard("camden")
    for n in range(9):
        await office.message("soho", f"m{n}", "delivered", took=30, days_ago=5)
        await office.message("camden", f"c{n}", "sent", took=200, days_ago=5)
    await office.message("soho", "x", "failed", reason="refused", days_ago=5)
    await office.message("soho", "y", "delivered", took=20, days_ago=12)
    await office.weekly.look()
    await office.weekly.look()
    (mail,) = [message for message in office.sandbox.messages if message.to == "owner@loft.example"]
    assert mail.subject == "Balloon Loft: the week of 2026-11-16"
    assert "2 stores, 18 messages told, 1 untold, 38 SMS, about 1.52 GBP" in mail.text
    assert "soho: 9 of 10 told, 1 untold (before: 0 of 1); half within 30 s" in mail.text
    assert mail.text.index("soho: 9") < mail.text.index("camden: 9"), "the worst first"
    assert "  1 refused" in mail.text
    await office.clock.advance(6 * 86_400)
    await office.weekly.look()
    assert len(office.sandbox.messages) == 2


async def test_figures_by_week_way_and_why(office: Office) -> None:
    await office.heard("soho")
    await office.message("soho", "a", "delivered", took=10)
    await office.message("soho", "b", "sent", took=50)
    await office.message("soho", "c", "failed", reason="refused")
    await office.message("soho", "d", "suppressed", reason="opted_out")
    await office.message("camden", "e", "delivered", took=10, days_ago=7)
    await office.message("camden", "f", "failed", took=500, reason="undelivered", days_ago=7)
    span = Span.last(2, office.now() + timedelta(seconds=1), "Europe/London")
    soho, camden = await weeks(office.db, span)
    assert (soho.store, soho.week, soho.messages, soho.told, soho.untold, soho.silenced) == (
        "soho",
        "2026-11-23",
        4,
        2,
        1,
        1,
    )
    assert (soho.half_within, soho.parts, f"{soho.cost}", soho.currency) == (30.0, 8, "0.32", "GBP")
    assert (camden.store, camden.week) == ("camden", "2026-11-16")
    assert (camden.told, camden.untold, camden.most_within) == (1, 1, 10.0), (
        "what a provider took and could not deliver"
    )
    assert [(way.store, way.channel, way.told) for way in await ways(office.db, span)] == [
        ("camden", "twilio", 1),
        ("soho", "twilio", 2),
    ]
    assert {(why.state, why.reason_code) for why in await whys(office.db, span)} == {
        ("failed", "refused"),
        ("failed", "undelivered"),
        ("suppressed", "opted_out"),
    }
    assert [row.store for row in await weeks(office.db, Span.last(1, office.now(), "Europe/London", ["camden"]))] == []


async def test_a_mail_by_a_clock_that_was_ahead_keeps_none_back(office: Office) -> None:
    """Better this week's twice than none for a year."""
    await office.heard("soho")
    for days in (0, 301, -301):
        office.clock.step(days * 86_400)
        await office.weekly.look()
    assert len([one for one in office.sandbox.messages if one.to == "owner@loft.example"]) == 3


async def test_every_panel_of_the_dashboard_asks_what_the_archive_has(office: Office) -> None:
    await office.heard("soho")
    await office.message("soho", "a", "delivered", took=10)
    panels = json.loads((ROOT / "docs/monitoring/hq-grafana.json").read_text())["panels"]
    assert len(panels) > 10
    for panel in panels:
        for target in panel["targets"]:
            sql = target["rawSql"].replace("$__unixEpochFrom()", "0").replace("$__unixEpochTo()", "99999999999")
            assert "$" not in sql
            rows = await (await office.db.execute(sql.encode())).fetchall()
            assert rows or "untold" in sql or "reason_code" in sql, panel["title"]


def test_alerts_ask_for_figures_that_headquarters_has() -> None:
    text = (ROOT / "docs/monitoring/hq-alerts.yml").read_text()
    source = (ROOT / "daemon/hq/web.py").read_text()
    named = set(re.findall(r"tether_hq_\w+", text))
    assert len(named) > 5
    assert all(f'"{name}"' in source for name in named)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ('[trouble]\nvia = ["twilio"]\n', r"trouble\.via: there is no \[channels\.twilio\]"),
        ('[report]\nmail_at = "08:00"\n', r"report\.audience: there is no \[audiences\.owner\]"),
        ('[hq]\ntimezone = "Mars/Olympus"\n', "is no time zone"),
    ],
)
def test_a_word_that_would_reach_nobody_is_found_when_the_file_is_read(tmp_path: Path, more: str, why: str) -> None:
    text = '[hq]\nname = "x"\nsingle = true\n[nats]\nservers = ["tls://a:1"]\n[postgres]\ndsn = "x"\n'
    path = tmp_path / "hq.toml"
    path.write_text(
        text.replace("single = true\n", "single = true\n" + more.removeprefix("[hq]\n"))
        if more.startswith("[hq]")
        else text + more
    )
    with pytest.raises(ConfigError, match=why):
        load(path, {})
