"""What needs a person is told to the team once, and once more when it is over."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.channels.base import Channel, Outgoing
from daemon.config import Backup, ConfigError, Data, Duration, Settings, Size, Trouble
from daemon.dispatch.board import ChannelStatus, UplinkStatus
from daemon.dispatch.uplink import LineState
from daemon.intake.row import SourceRow
from daemon.upkeep.backup_note import LastBackup, note_path
from daemon.upkeep.messenger import Messenger
from daemon.upkeep.trouble import EVERY, UNROUTED_FOR, TroubleWatch, check_trouble
from outbox import Outbox
from outbox.errors import StorageBusy
from outbox.model import Order, Plan, Posted
from outbox.outcome import Accepted, Deferred, Outcome
from tests.support.at_vendor import bench
from tests.support.fake_clock import FakeClock, settle
from tests.support.outbox_box import open_box, plans, posted


def row(name: str, state: Any = "ready", reason: str = "") -> ChannelStatus:
    return ChannelStatus(
        name=name,
        medium="sms",
        title=name.title(),
        state=state,
        reason=reason,
        queued=0,
        sent_today=0,
        daily_limit=None,
        rate=None,
        last_success=None,
        last_failure=None,
        known_to_customers=False,
        last_trouble="",
        detail={},
    )


def source(**changes: Any) -> SourceRow:
    usual = {"name": "webshop", "kind": "woocommerce", "title": "WooCommerce", "missing": [], "poll": 60.0}
    return SourceRow(**{**usual, "state": "ready", **changes})


@dataclass
class Team:
    """The watch on a box, with a board and a way to the team that the test decides on."""

    box: Outbox
    clock: FakeClock
    settings: Settings
    rows: list[ChannelStatus] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    reached: bool = True
    clock_trouble: str = ""
    hook_trouble: str = ""
    sources: list[SourceRow] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)

    def watch(self, news: Sequence[str] = ()) -> TroubleWatch:
        watch = TroubleWatch(
            self.box,
            self.clock,
            lambda: self.settings,
            lambda: self,
            self._tell,
            lambda: self.clock_trouble,
            lambda: self.hook_trouble,
            lambda: self.sources,
            lambda: self.texts,
        )
        watch.news += news
        return watch

    async def pass_time(self, watch: TroubleWatch, seconds: float) -> None:
        for _ in range(round(seconds / EVERY)):
            await self.clock.advance(EVERY)
            await watch.look()

    async def rounds(self, count: int) -> None:
        """That many rounds of a watch that runs by itself, each given the time that the real database needs."""
        for _ in range(count):
            await self.clock.advance(EVERY)
            for _ in range(3):
                await self.box.notes.set("a round", "over")
                await settle()

    async def until(self, count: int) -> None:
        """Rounds until it was told so many things, however slow the machine is."""
        async with asyncio.timeout(30):
            while len(self.told) < count:
                await self.rounds(1)

    async def board(self) -> Sequence[ChannelStatus]:
        return self.rows

    async def uplink(self) -> UplinkStatus:
        return UplinkStatus(LineState.UP, self.clock.now())

    async def _tell(self, words: str) -> bool:
        if self.reached:
            self.told.append(words)
        return self.reached


@pytest.fixture
async def team(tmp_path: Path) -> AsyncIterator[Team]:
    clock = FakeClock()
    settings = Settings(
        file=tmp_path / "tether.toml",
        data=Data(reserve=Size(0)),
        trouble=Trouble(via=("slack",), after=Duration(120)),
    )
    async with open_box(tmp_path, clock) as box:
        yield Team(box, clock, settings)


async def test_once_when_it_lasts_and_once_when_it_is_over(team: Team) -> None:
    watch = team.watch()
    team.rows = [row("twilio", "paused", "the credentials are refused")]
    await team.pass_time(watch, 90)
    assert team.told == []
    await team.pass_time(watch, 600)
    assert team.told == ["Twilio is paused: the credentials are refused"]
    team.rows = [row("twilio")]
    await team.pass_time(watch, 600)
    assert team.told[1:] == ["over: Twilio is paused: the credentials are refused"]
    page = await team.box.audit.list(kind="trouble", limit=10)
    assert [entry.kind for entry in page.items] == ["trouble.over", "trouble.told"]


async def test_what_mends_itself_is_no_news(team: Team) -> None:
    watch = team.watch()
    for state in ("open", "ready") * 10:
        team.rows = [row("twilio", state, "it does not answer")]
        await team.pass_time(watch, 60)
    assert team.told == []


async def test_what_comes_and_goes_is_told_once(team: Team) -> None:
    watch = team.watch()
    team.rows = [row("twilio", "open", "it does not answer")]
    await team.pass_time(watch, 300)
    for _ in range(10):
        team.rows = [row("twilio")]
        await team.pass_time(watch, 60)
        team.rows = [row("twilio", "open", "it does not answer")]
        await team.pass_time(watch, 60)
    assert len(team.told) == 1


async def test_what_a_person_paused_is_no_news_to_them(team: Team) -> None:
    watch = team.watch()
    team.rows = [row("twilio", "paused", "paused by ada: holiday")]
    await team.pass_time(watch, 600)
    assert team.told == []
    assert watch.standing == {}


async def test_a_restart_does_not_tell_it_again(team: Team) -> None:
    team.rows = [row("twilio", "paused", "no credit")]
    await team.pass_time(team.watch(), 300)
    again = team.watch()
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(again.run(stop))
        await team.rounds(20)
        assert len(team.told) == 1
        team.rows = [row("twilio")]
        await team.until(2)
        await team.rounds(5)
        assert len(team.told) == 2
        stop.set()
        await team.rounds(1)


@pytest.mark.parametrize("fault", [StorageBusy("disk I/O error"), FileNotFoundError(2, "No such file or directory")])
async def test_a_database_that_can_not_be_read_for_a_while_ends_nothing(
    team: Team, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    """A dying card, or a program that holds the file: the service that would tell the team of it goes on."""
    team.rows = [row("twilio", "paused", "no credit")]
    rows, failures = team.box._store.rows, 3

    async def away(sql: str, **values: object) -> list[Any]:
        nonlocal failures
        if failures:
            failures -= 1
            raise fault
        return await rows(sql, **values)

    monkeypatch.setattr(team.box._store, "rows", away)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(team.watch().run(stop))
        await team.until(1)
        assert failures == 0
        assert team.told == ["Twilio is paused: no credit"]
        stop.set()
        await team.rounds(1)


async def test_it_is_told_when_somebody_can_be_reached(team: Team) -> None:
    watch = team.watch(news=["the database was damaged"])
    team.rows, team.reached = [row("slack", "open", "it does not answer")], False
    await team.pass_time(watch, 600)
    assert team.told == []
    team.reached = True
    await team.pass_time(watch, 60)
    assert sorted(team.told) == ["Slack is open: it does not answer", "the database was damaged"]


async def test_a_source_whose_clock_runs_ahead_is_told_of_and_is_over_when_it_is_set_right(team: Team) -> None:
    watch, now = team.watch(), team.clock.now()
    ahead = "2026-11-24T12:15:00Z"
    await team.box.spool.accept(posted("e1", source="till-2", at=now, occurred_at=ahead), plans())
    vitals = await watch.vitals()
    assert vitals.trouble == {
        "clock of till-2": "till-2's clock is 2 h ahead: set it right. What it tells counts as having happened just now"
    }
    assert vitals.clocks_ahead == {"till-2": 2 * 3_600_000}
    waited = posted("e2", source="till-2", at=now, occurred_at="2026-11-24T09:00:00Z")
    await team.box.spool.accept_many([waited], plans())
    assert "clock of till-2" in (await watch.vitals()).trouble, "what waited on its way says nothing of the clock"
    team.clock_trouble = "the clock is wrong"
    assert (await watch.vitals()).clocks_ahead == {}, "and neither does our own, while it is wrong"
    team.clock_trouble = ""
    right = posted("e3", source="till-2", at=now, occurred_at="2026-11-24T10:15:00Z")
    await team.box.spool.accept(right, plans())
    assert (await watch.vitals()).trouble == {}


def nobody_hears(told: Posted, before: Order | None, after: Order) -> Plan:
    return Plan(unrouted=True)


async def test_a_type_that_came_once_by_mistake_is_no_trouble_for_good(team: Team) -> None:
    """One slip of a till's: the heartbeat said "fail" from then on, and nobody saw the box go dark."""
    watch = team.watch()
    await team.box.spool.accept(posted("e1", "order.redy"), nobody_hears)
    await team.pass_time(watch, 300)
    assert [words.split(",")[0] for words in team.told] == ["1 came as 'order.redy'"]
    await team.clock.advance(UNROUTED_FOR)
    await team.pass_time(watch, 60)
    assert watch.standing == {}


async def test_what_only_the_last_run_knew_of_is_not_called_over(team: Team) -> None:
    await team.box.spool.accept(posted("e1", "order.redy"), nobody_hears)
    await team.pass_time(team.watch(), 300)
    team.box.spool.unrouted.clear()  # as a start does
    await team.pass_time(team.watch(), 300)
    assert len(team.told) == 1


async def test_over_before_it_could_be_told_is_not_told(team: Team) -> None:
    watch = team.watch()
    team.rows, team.reached = [row("slack", "open", "it does not answer")], False
    await team.pass_time(watch, 600)
    team.rows, team.reached = [row("slack")], True
    await team.pass_time(watch, 600)
    assert team.told == []


async def test_the_machine_s_own_troubles(team: Team) -> None:
    watch = team.watch()
    team.clock_trouble = "the clock is wrong"
    team.settings = msgspec.structs.replace(team.settings, data=Data(reserve=Size(2**62)), backup=Backup(to="kept"))
    note_path(team.settings).write_bytes(msgspec.json.encode(LastBackup(at=team.clock.now(), error="no stick")))
    await team.pass_time(watch, 300)
    assert sorted(words.split(":")[0] for words in team.told) == [
        "the backup failed",
        "the clock is wrong",
        "the disk is full",
    ]
    note_path(team.settings).write_bytes(msgspec.json.encode(LastBackup(at=team.clock.now(), name="tether-x")))
    await team.pass_time(watch, 300)
    assert "over: the backup failed: no stick" in team.told
    await team.clock.advance(3 * 86_400)
    await team.pass_time(watch, 300)
    assert "no backup was made for two days" in team.told


# ---------------------------------------------------------------- by which way


async def anyone(channel: Channel, out: Outgoing) -> Outcome | None:
    """Nothing stands in a text's way."""
    return await channel.send(out)


class Way:
    """A channel that takes what it is told to take."""

    name, medium = "slack", "chat"

    def __init__(self, outcome: Outcome, own: str | None = "C012") -> None:
        self.outcome = outcome
        self.own = own
        self.address_kinds = ("slack",)
        self.sent: list[tuple[str, str]] = []

    def destination(self) -> str | None:
        return self.own

    def address_of(self, addresses: Mapping[str, str]) -> str | None:
        return addresses.get("slack")

    async def send(self, out: Any) -> Outcome:
        self.sent.append((out.to, out.rendered.text))
        return self.outcome


async def test_the_first_that_takes_it() -> None:
    first, second, third = Way(Deferred("later")), Way(Accepted("1")), Way(Accepted("2"))
    ways: dict[str, Any] = {"a": first, "b": second, "c": third}
    settings = Settings(trouble=Trouble(via=("gone", "a", "b", "c")))
    assert await Messenger(lambda: settings, ways.get, FakeClock(), anyone).tell("the disk is full")
    assert first.sent == second.sent == [("C012", "Our shop: the disk is full")]
    assert third.sent == []


async def test_nobody_could_be_told() -> None:
    ways: dict[str, Any] = {"a": Way(Deferred("later")), "b": Way(Accepted("1"), own=None)}
    settings = Settings(trouble=Trouble(via=("a", "b")))
    assert not await Messenger(lambda: settings, ways.get, FakeClock(), anyone).tell("the disk is full")


async def test_a_named_audience() -> None:
    way = Way(Accepted("1"), own=None)
    ways: dict[str, Any] = {"a": way}
    settings = Settings(trouble=Trouble(via=("a",), audience="owner"), audiences={"owner": {"slack": ("U1", "U2")}})
    assert await Messenger(lambda: settings, ways.get, FakeClock(), anyone).tell("x")
    assert [to for to, _ in way.sent] == ["U1", "U2"]


async def test_by_a_real_channel() -> None:
    async with bench("slack", channel="C0123ABCD") as slack:
        settings = Settings(trouble=Trouble(via=("slack",)), channels={"slack": {}})
        channel: Channel = slack.channel
        assert await Messenger(lambda: settings, lambda name: channel, slack.clock, anyone).tell("Twilio is paused")
        assert "Our shop: Twilio is paused" in slack.last("chat.postMessage").body.decode()


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (Trouble(via=("slak",)), "'slak' is not enabled"),
        (Trouble(via=("slack",), audience="owner"), r"no \[audiences.owner\]"),
    ],
)
def test_a_table_that_can_t_be_meant(trouble: Trouble, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_trouble(Settings(trouble=trouble, channels={"slack": {}}))


async def test_a_shop_that_is_not_read_any_more_is_told(team: Team) -> None:
    watch = team.watch()
    team.sources = [source(state="failing", problem="it answered 503", behind=300.0)]
    await team.pass_time(watch, 300)
    assert team.told == []
    team.sources = [source(state="failing", problem="it answered 503", behind=7300.0)]
    await team.pass_time(watch, 300)
    assert team.told == ["webshop has not been read for 2 h: it answered 503"]
    crm = source(name="crm", state="misconfigured", missing=["CRM_ACCESS_TOKEN"])
    team.sources = [crm, source(problem="it can't be compared")]
    await team.pass_time(watch, 300)
    assert {"crm is not read: CRM_ACCESS_TOKEN missing in .env", "webshop: it can't be compared"} <= set(team.told)
