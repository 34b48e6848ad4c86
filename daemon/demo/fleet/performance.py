"""The chain's day: five stores' tills post, one line is cut, somebody says STOP, and headquarters is asked how it has it all. The stores and
headquarters are spoken with over HTTP, as a till and an owner do."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TextIO

import aiohttp

from daemon.demo.fleet.herald import Herald
from daemon.demo.fleet.press import CANARY, GREETING, Press
from daemon.demo.fleet.shop import Shop
from daemon.demo.narrator import Narrator
from daemon.demo.performance import follow
from daemon.demo.story import Happening, Person
from daemon.demo.till import Till, TillProblem
from daemon.hq.config import HqSettings
from outbox.clock import Clock

PATIENCE = 60.0
PAUSE = {True: 0.05, False: 1.5}
"""Seconds between two events: of a day that is played once, and of one that people watch."""
BETWEEN_DAYS = 10.0
NAMES = ("Ada", "Noor", "Kofi", "Zoë", "Lin")
STOPPED_AT, DARK, SILENT = "soho", "hackney", "leith"
OWNER, MANAGER = "owner", "manager"
"""Who may log in to the demo's page; the manager sees some stores only."""
MANAGED = ("camden", "hackney", "leith")
HEARD = "opted_out_elsewhere"
_WAITING = ("queued", "sending", "unknown")


@dataclass(frozen=True)
class Headquarters:
    settings: HqSettings
    url: str
    token: str
    page: str
    """The page's own address, which a browser opens without a warning."""
    password: str


@dataclass
class FleetJudgement:
    """`ok` when every store's record is archived and verified, and nobody wrote to who said STOP."""

    entries: Mapping[str, int] = field(default_factory=dict)
    """By store: how many entries of its record headquarters has."""
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return bool(self.entries) and not self.problems


async def play(
    hq: Headquarters, chain: Sequence[Shop], *, clock: Clock, rng: Random, once: bool, out: TextIO
) -> FleetJudgement:
    """Play a day and return how it went; unless `once`, play days until cancelled."""
    herald = Herald(out, [shop.name for shop in chain])
    herald.welcome(hq.url, hq.token, hq.settings.ca, chain[0].sandbox.url)
    herald.page(hq.page, OWNER, MANAGER, hq.password)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        desks = {
            shop.name: Desk(shop, Till(session, shop.url, shop.token), herald.narrator(shop.name)) for shop in chain
        }
        archive = Archive(session, hq)
        async with _listening(desks, clock):
            press: Press | None = Press(hq.settings, clock, OWNER)
            while True:
                day = Day(archive, desks, herald, clock, rng, pause=PAUSE[once])
                verdict = await day.run(press)
                press = None
                herald.sum_up(verdict.entries, verdict.problems)
                if once:
                    return verdict
                if SILENT in desks:
                    herald.scene(f"{SILENT} goes silent, and plays no further day")
                    await desks.pop(SILENT).shop.fall_silent()
                    herald.remark("headquarters' page calls it late after 90 s and silent after 10 minutes")
                await clock.sleep(BETWEEN_DAYS)


@asynccontextmanager
async def _listening(desks: "Mapping[str, Desk]", clock: Clock) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(follow(desk.till, desk.narrator, clock), name=name) for name, desk in desks.items()]
        yield
        for task in tasks:
            task.cancel()


class Archive:
    """Headquarters' API."""

    def __init__(self, session: aiohttp.ClientSession, hq: Headquarters) -> None:
        self._session = session
        self._url = hq.url
        self._headers = {"Authorization": f"Bearer {hq.token}"}
        self._tls = ssl.create_default_context(cafile=str(hq.settings.ca))

    async def ask(self, path: str) -> Any:
        async with self._session.get(self._url + path, headers=self._headers, ssl=self._tls) as answer:
            if answer.status != 200:
                raise TillProblem(f"headquarters answered {path} with {answer.status}: {await answer.text()}")
            return await answer.json()


@dataclass
class Desk:
    """A store as the demo plays it."""

    shop: Shop
    till: Till
    narrator: Narrator
    posted: int = 0

    async def post(self, now: int, type: str, ref: str, person: Person) -> str:
        """The event's id."""
        self.posted += 1
        moment = datetime.fromtimestamp(now / 1000, UTC)
        self.narrator.happens(Happening(ref, type), ref, person)
        event = {
            "id": f"{self.shop.name}-{ref}-{self.posted:03d}",
            "type": type,
            "occurred_at": moment.isoformat(timespec="milliseconds"),
            "order": {
                "ref": ref,
                "total": "28.50",
                "currency": "GBP",
                "fulfilment": "pickup",
                "promised_at": (moment + timedelta(hours=2)).isoformat(timespec="seconds"),
                "items": [{"name": "Helium bouquet, 12", "quantity": 1}],
            },
            "customer": person.as_json(),
        }
        await self.till.post(event)
        return str(event["id"])

    async def to_customer(self, event_id: str) -> list[dict[str, Any]]:
        found = await self.till.messages()
        return [each for each in found if each["event_id"] == event_id and each["recipient"] == "customer"]

    async def at_rest(self) -> bool:
        return not await self.till.messages(*_WAITING)


class Day:
    """One day, once."""

    def __init__(
        self, archive: Archive, desks: Mapping[str, Desk], herald: Herald, clock: Clock, rng: Random, *, pause: float
    ) -> None:
        self._archive = archive
        self._desks = desks
        self._herald = herald
        self._clock = clock
        self._pause = pause
        self._prefix = f"B{rng.randrange(100, 1000)}"
        first, *rest = rng.sample(range(100, 900), len(desks) + 1)
        self._mia = Person("Mia", f"07700 900{first}", remark="buys everywhere")
        self._people = {
            name: Person(who, f"07700 900{number}", f"{who.lower()}@example.com")
            for name, who, number in zip(desks, NAMES, rest, strict=False)
        }
        self._verdict = FleetJudgement()
        self._greets = False

    async def run(self, press: Press | None) -> FleetJudgement:
        """`press`: of the day on which the demo publishes; after that it is for whoever watches."""
        dark = self._desks[DARK].shop
        try:
            await self._open()
            if press is not None:
                await press.play(self._herald, self._until)
                self._greets = True
            await self._cut()
            await self._stop()
            await self._mend()
        finally:
            if not dark.has_line:
                await dark.mend()
        await self._close()
        return self._verdict

    # ------------------------------------------------------------ scenes

    async def _open(self) -> None:
        self._herald.scene("Five shops open")
        for name, desk in self._desks.items():
            await self._post(desk, "order.placed", self._people[name])
        await self._post(self._desks[STOPPED_AT], "order.placed", self._mia, "M")
        await self._until("the first messages go out", self._desks[STOPPED_AT].at_rest)

    async def _cut(self) -> None:
        self._herald.scene(f"The line of {DARK} is cut")
        await self._desks[DARK].shop.cut()
        self._herald.remark("neither its providers nor headquarters can be reached; its till goes on all the same")
        await self._post(self._desks[DARK], "order.confirmed", self._people[DARK])
        await self._until(f"{DARK} finds its line dead", self._is_dark)

    async def _stop(self) -> None:
        self._herald.scene(f"Mia says STOP at {STOPPED_AT}, and orders at all the others")
        began = self._clock.monotonic()
        await self._desks[STOPPED_AT].till.opt_out("sms", self._mia.phone or "", "STOP")
        self._asked = {name: desk for name, desk in self._desks.items() if name != STOPPED_AT}
        for name, desk in self._asked.items():
            if name != DARK:
                await self._until(f"{name} hears of the opt-out", lambda desk=desk: self._knows(desk))  # type: ignore[misc]
        self._herald.remark(f"every store with a line knows after {self._clock.monotonic() - began:.1f} s")
        self._orders = {
            name: await self._post(desk, "order.placed", self._mia, "M") for name, desk in self._asked.items()
        }

    async def _mend(self) -> None:
        self._herald.scene(f"The line of {DARK} is mended")
        await self._desks[DARK].shop.mend()
        self._herald.remark(
            "it asks headquarters for opt-outs before its first message, then tells what it did meanwhile"
        )
        for name, desk in self._desks.items():
            await self._post(desk, "order.ready", self._people[name])
        for name, desk in self._desks.items():
            await self._until(f"{name} has told its customers", desk.at_rest)
        if self._greets and not any(GREETING in sent.text for sent in self._desks[CANARY].shop.sandbox.messages):
            self._verdict.problems.append(f"{CANARY} did not write with the new text")

    async def _close(self) -> None:
        self._herald.scene("The day ends: what headquarters has")
        for name, desk in self._asked.items():
            self._judge_stop(name, desk, await desk.to_customer(self._orders[name]))
        for name, desk in self._desks.items():
            await self._until(f"the record of {name} is archived", lambda desk=desk: self._archived(desk))  # type: ignore[misc]
        verified = await self._archive.ask("/v1/audit/verify")
        self._verdict.entries = {
            name: sum(chain["entries"] for chain in verified["chains"] if chain["store"] == name and chain["ok"])
            for name in self._desks
        }
        self._verdict.problems += [
            f"the record of {chain['store']} does not hold from entry {chain['first_bad']} on"
            for chain in verified["chains"]
            if not chain["ok"]
        ]
        self._verdict.problems += [f"{name}: nothing is archived" for name, n in self._verdict.entries.items() if not n]

    # ------------------------------------------------------------ looks

    def _judge_stop(self, name: str, desk: Desk, told: Sequence[Mapping[str, Any]]) -> None:
        number = _international(self._mia)
        if any(number == arrival.to for arrival in desk.shop.sandbox.messages):
            self._verdict.problems.append(f"{name} wrote to Mia, who had said STOP at {STOPPED_AT}")
        if not any(message["state"] == "suppressed" and message["reason_code"] == HEARD for message in told):
            states = ", ".join(f"{message['state']} ({message['reason']})" for message in told) or "nothing was planned"
            self._verdict.problems.append(f"{name} has not heard of the opt-out at {STOPPED_AT}: {states}")

    async def _knows(self, desk: Desk) -> bool:
        return await desk.shop.service.box.consent.blocked("sms", _international(self._mia)) is not None

    async def _is_dark(self) -> bool:
        return await self._desks[DARK].till.line() == "down"

    async def _archived(self, desk: Desk) -> bool:
        """Whether headquarters has the newest entry, by its number and its hash."""
        position = await desk.shop.service.box.fleet.position()
        found = await self._archive.ask(f"/v1/stores/{desk.shop.name}")
        heads = {(epoch["epoch"], epoch["head_seq"], epoch["head_hash"]) for epoch in found["epochs"]}
        clean = not found["store"]["forks"] and not found["store"]["gaps"]
        return clean and (position.epoch, position.seq, position.hash.hex()) in heads

    async def _post(self, desk: Desk, type: str, person: Person, number: str = "1") -> str:
        event_id = await desk.post(self._clock.now(), type, f"{self._prefix}-{number}", person)
        await self._clock.sleep(self._pause)
        return event_id

    async def _until(self, what: str, true: Callable[[], Awaitable[bool]]) -> None:
        """What takes longer than `PATIENCE` is a problem that the verdict names."""
        deadline = self._clock.monotonic() + PATIENCE
        while not await true():
            if self._clock.monotonic() > deadline:
                self._verdict.problems.append(f"not within {PATIENCE:.0f} s: {what}")
                return
            await self._clock.sleep(0.1)


def _international(person: Person) -> str:
    """A British number as the stores' services write it."""
    return "+44" + (person.phone or "").replace(" ", "").removeprefix("0")
