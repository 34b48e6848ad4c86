"""The simulated till: posts a day over HTTP, cuts the sandbox's line in the middle of it, and judges how it went."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TextIO

import aiohttp

from daemon.demo.narrator import Narrator
from daemon.demo.story import Happening, Person, Scene, a_day, everybody
from daemon.demo.till import Till, TillProblem
from daemon.demo.verdict import Judgement, Posted, judge
from daemon.sandbox import Sandbox
from daemon.sandbox.customers import NotSaid
from daemon.sandbox.fate import Fate
from outbox.clock import Clock

PAUSE = {True: (0.05, 0.2), False: (0.5, 2.5)}
"""Seconds between two events: of a day that is played once, and of one that people watch."""
SETTLE_SECONDS = 60.0
"""How long the outbox may take to come to rest at the end of a day."""
FAR = 60.0
"""A message that is due later than that does not keep the day from ending."""
BETWEEN_DAYS = 10.0
_WAITING = ("queued", "sending", "unknown")


async def play(
    service_url: str,
    token: str,
    sandbox: Sandbox,
    *,
    clock: Clock,
    rng: Random,
    once: bool,
    out: TextIO,
    found: bool = False,
) -> Judgement:
    """Play a day and return how it went; unless `once`, play days until cancelled.

    The service's channels must lead to `sandbox`; the token must allow posting and reading. `found`: the screen finds the service without
    being told where. Raises TillProblem when the service
    does not take an event.
    """
    narrator = Narrator(out, [name for name, medium in sandbox.media.items() if medium == "crm"])
    for person in everybody():
        sandbox.customers.introduce(person.name, person.reached_at())
    narrator.welcome(service_url, token, sandbox.url, found=found)
    async with aiohttp.ClientSession() as session:
        till = Till(session, service_url, token)
        async with asyncio.TaskGroup() as group:
            listener = group.create_task(follow(till, narrator, clock))
            while True:
                performance = Performance(till, sandbox, narrator, clock, rng, hurried=once)
                verdict = await performance.run()
                narrator.sum_up(verdict)
                if once:
                    listener.cancel()
                    return verdict
                await clock.sleep(BETWEEN_DAYS)


async def follow(till: Till, narrator: Narrator, clock: Clock) -> None:
    """Follow the stream, and take it up again where it broke."""
    last: str | None = None
    while True:
        try:
            async for told in till.follow(last):
                last = told.id or last
                narrator.hear(told)
        except (aiohttp.ClientError, TimeoutError, TillProblem):
            narrator.remark("(the stream broke; taking it up again)")
        await clock.sleep(1)


class Performance:
    """One day, once."""

    def __init__(
        self, till: Till, sandbox: Sandbox, narrator: Narrator, clock: Clock, rng: Random, *, hurried: bool
    ) -> None:
        self._till = till
        self._sandbox = sandbox
        self._narrator = narrator
        self._clock = clock
        self._rng = rng
        self._hurried = hurried
        self._day = a_day()
        self._prefix = f"B{rng.randrange(100, 1000)}"
        self._posted: list[Posted] = []
        self._begin = sandbox.mailbox.total
        self._began_at = clock.now()
        self._scripted: set[int] = set()
        """What customers said by the story, not by whoever watches."""

    async def run(self) -> Judgement:
        try:
            for scene in self._day.scenes:
                await self._play(scene)
        finally:
            if not self._sandbox.line.up:
                await self._sandbox.restore()
        await self._rest()
        # Before the messages with their attempts: one is on record when it arrives, and others may come while these are read.
        arrivals = [arrival for arrival in self._sandbox.messages if arrival.seq > self._begin]
        messages = [await self._till.message(message["id"]) for message in await self._ours()]
        refs = {event.ref for event in self._posted}
        ours = [a for a in arrivals if a.medium == "crm" or any(ref in a.body or ref in a.text for ref in refs)]
        verdict = judge(self._day, self._posted, messages, ours, self._sandbox.media)
        verdict.shared = not self._hurried and await self._was_shared()
        return verdict

    async def _was_shared(self) -> bool:
        words = self._sandbox.customers.said(0)
        said = any(word.at >= self._began_at and word.seq not in self._scripted for word in words)
        return said or await self._till.was_touched(self._began_at)

    # ------------------------------------------------------------ scenes

    async def _play(self, scene: Scene) -> None:
        self._narrator.scene(scene.title)
        if scene.line == "cut":
            await self._sandbox.cut()
            self._narrator.remark(
                "every connection to the providers is refused from here on; events are taken all the same"
            )
        elif scene.line == "mend":
            await self._sandbox.restore()
        if scene.at_once:
            await self._post_all(scene.happenings)
        else:
            for happening in scene.happenings:
                self._narrator.happens(happening, self._ref(happening), self._day.people[happening.order])
                await self._till.post(self._event(happening))
                await self._clock.sleep(self._rng.uniform(*PAUSE[self._hurried]))
        await self._clock.sleep(scene.wait)
        for order, words in scene.writes:
            await self._write(self._day.people[order], words)

    async def _write(self, person: Person, words: str) -> None:
        self._narrator.remark(f"{person.name} writes: {words}")
        try:
            said = await self._sandbox.customers.say(person.reached_at()[0], words)
        except NotSaid as problem:
            self._narrator.remark(f"({problem})")
        else:
            self._scripted.add(said.seq)

    async def _post_all(self, happenings: Any) -> None:
        self._narrator.happen_at_once({self._ref(h): (h, self._day.people[h.order]) for h in happenings})
        await self._till.post_all([self._event(happening) for happening in happenings])

    def _ref(self, happening: Happening) -> str:
        return f"{self._prefix}-{happening.order}"

    def _event(self, happening: Happening) -> Mapping[str, Any]:
        """The event as a till writes it; noted as posted."""
        now = datetime.fromtimestamp(self._clock.now() / 1000, UTC)
        event_id = f"till-2-{self._prefix}-{len(self._posted) + 1:03d}"
        self._posted.append(Posted(event_id, self._ref(happening), happening))
        quantity = 1 + int(happening.order) % 3
        return {
            "id": event_id,
            "type": happening.type,
            "occurred_at": now.isoformat(timespec="milliseconds"),
            "order": {
                "ref": self._ref(happening),
                "total": self._day.totals[happening.order],
                "currency": "GBP",
                "fulfilment": "delivery" if happening.type == "order.out_for_delivery" else "pickup",
                "promised_at": (now + timedelta(hours=2)).isoformat(timespec="seconds"),
                "items": [{"name": "Helium bouquet, 12", "quantity": quantity}],
            },
            "customer": self._day.people[happening.order].as_json(),
            "data": dict(happening.data),
        }

    # ------------------------------------------------------------ the end of the day

    async def _rest(self) -> None:
        """Wait until nothing is under way any more; what still is after `SETTLE_SECONDS` the verdict will name."""
        deadline = self._clock.monotonic() + SETTLE_SECONDS
        while self._clock.monotonic() < deadline and (not self._tried_again() or await self._under_way()):
            await self._clock.sleep(0.25)

    async def _under_way(self) -> bool:
        soon = datetime.fromtimestamp(self._clock.now() / 1000 + FAR, UTC)
        waiting = await self._ours(*_WAITING)
        return any(datetime.fromisoformat(message["due_at"]) < soon for message in waiting)

    def _tried_again(self) -> bool:
        """Whether those whose text gets lost at first got it another way."""
        lost = [a for a in self._sandbox.messages if a.seq > self._begin and a.fate is Fate.UNDELIVERED]
        return all(len({a.provider for a in lost if ref in a.body}) > 1 for ref in self._lost())

    def _lost(self) -> list[str]:
        lost = (order for order, person in self._day.people.items() if person.lost_at_first)
        return [f"{self._prefix}-{order}" for order in lost]

    async def _ours(self, *states: str) -> list[dict[str, Any]]:
        ids = {event.id for event in self._posted}
        return [message for message in await self._till.messages(*states) if message["event_id"] in ids]
