"""The simulated till at the end of its day, while the service is still at work."""

import asyncio
import io
import random
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from daemon.demo import performance
from daemon.demo.narrator import Narrator
from daemon.demo.performance import Performance
from daemon.demo.story import Day, Happening, Person, Scene
from daemon.sandbox import Arrival
from outbox.clock import Clock, SystemClock
from tests.support.fake_clock import FakeClock

DAY = Day(
    {"09": Person("Otto", "07700 900903")}, {"09": "48.50"}, (Scene("A scene", (Happening("09", "order.ready"),)),)
)


class TillWhileASecondWayIsTried:
    """The first provider's answer was a lie, which comes out while the day is being judged: the message is read, and goes the next way."""

    def __init__(self, arrivals: list[Arrival]) -> None:
        self._arrivals = arrivals
        self._message: dict[str, Any] = {}

    async def post(self, event: Mapping[str, Any]) -> None:
        self._message = {
            "id": "m1",
            "event_id": event["id"],
            "recipient": "customer",
            "state": "sent",
            "order_ref": event["order"]["ref"],
            "trigger": "order.ready",
            "via": ["plivo", "intercom"],
            "reason": "",
            "attempts": [{"channel": "plivo", "provider_id": "P1"}],
        }
        self._arrive("plivo", "P1")

    async def messages(self, *states: str) -> Sequence[Mapping[str, Any]]:
        return [self._message] if not states else []

    async def message(self, id: str) -> Mapping[str, Any]:
        read = dict(self._message)
        self._arrive("intercom", "I1")
        return read

    def _arrive(self, provider: str, id: str) -> None:
        ref = self._message["order_ref"]
        self._arrivals.append(
            Arrival(
                seq=len(self._arrivals) + 1, provider=provider, medium="sms", id=id, to="Otto", text=ref, at=0, method="POST", path="/", body=ref
            )
        )  # fmt: skip


class TillOfABusyMachine(TillWhileASecondWayIsTried):
    """The first provider gets it after half a minute."""

    def __init__(self, arrivals: list[Arrival], clock: FakeClock) -> None:
        super().__init__(arrivals)
        self._clock = clock
        self._sent_at = 0.0

    async def post(self, event: Mapping[str, Any]) -> None:
        await super().post(event)
        self._arrivals.clear()
        self._sent_at = self._clock.monotonic() + 30

    async def messages(self, *states: str) -> Sequence[Mapping[str, Any]]:
        if self._clock.monotonic() < self._sent_at:
            return [{**self._message, "due_at": "2026-11-24T10:15:00Z"}]
        if not self._arrivals:
            self._arrive("plivo", "P1")
        return await super().messages(*states)

    async def message(self, id: str) -> Mapping[str, Any]:
        return self._message


def performance_of(till: Any, arrivals: list[Arrival], clock: Clock) -> Performance:
    sandbox: Any = SimpleNamespace(
        messages=arrivals, mailbox=SimpleNamespace(total=0), line=SimpleNamespace(up=True), media={"plivo": "sms", "intercom": "chat"}
    )  # fmt: skip
    return Performance(till, sandbox, Narrator(io.StringIO(), ()), clock, random.Random(1), hurried=True)


@pytest.fixture(autouse=True)
def a_short_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performance, "a_day", lambda: DAY)


async def test_what_arrives_while_the_day_is_judged_is_not_astray() -> None:
    arrivals: list[Arrival] = []
    verdict = await performance_of(TillWhileASecondWayIsTried(arrivals), arrivals, SystemClock()).run()
    assert len(arrivals) == 2
    assert verdict.problems == []


async def test_what_a_busy_machine_sends_half_a_minute_later_is_not_missing() -> None:
    arrivals: list[Arrival] = []
    clock = FakeClock()
    playing = asyncio.create_task(performance_of(TillOfABusyMachine(arrivals, clock), arrivals, clock).run())
    await clock.advance(120)
    assert (await playing).problems == []
