"""A STOP is taken back by who typed it, before the fleet has it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from daemon.fleet.nats_connection import Ack, NatsAway, NatsConnection
from daemon.fleet.wire import SignedWord, unpack
from tests.fleet.test_consent import blocked, pair, told
from tests.support.busy import until
from tests.support.fleet_world import Store, World
from tests.support.outbox_box import PHONE

pytestmark = pytest.mark.engines


def says_start_while_its_stop_is_under_way(
    store: Store, monkeypatch: pytest.MonkeyPatch, before: Callable[[], Awaitable[object]]
) -> None:
    """`before`: what comes before that STOP has reached the fleet."""
    publish = NatsConnection.publish
    waiting = [before]

    async def slowly(line: NatsConnection, subject: str, body: bytes, **more: Any) -> Ack:
        if not subject.startswith("say.") or not waiting:
            return await publish(line, subject, body, **more)
        await waiting.pop()()
        await store.box.consent.allow("sms", PHONE, reason="a slip", actor="kim")
        return await publish(line, subject, body, **more)

    monkeypatch.setattr(NatsConnection, "publish", slowly)


async def test_a_slip_at_the_counter_is_undone_everywhere(fleet: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kim takes a STOP back before the fleet's word that it has it is here."""
    soho, camden = await pair(fleet)

    async def nothing() -> None:
        pass

    says_start_while_its_stop_is_under_way(camden, monkeypatch, nothing)
    await camden.box.consent.stop("sms", PHONE, reason="asked at the counter", actor="kim")
    await until(lambda: told(camden))

    async def free() -> bool:
        return await blocked(soho) is None and await blocked(camden) is None

    await until(free)
    assert (await camden.link.status()).refused_optins == 0


async def test_what_kim_takes_back_does_not_undo_what_they_said_elsewhere(
    fleet: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, and the customer said STOP at Soho meanwhile, which Camden had not heard."""
    soho, camden = await pair(fleet)
    monkeypatch.setattr(camden.link, "_poke", lambda subject: None)

    async def said_at_soho() -> None:
        await soho.box.consent.stop("sms", PHONE, reason="STOP", actor="modem")
        await until(lambda: told(soho))

    says_start_while_its_stop_is_under_way(camden, monkeypatch, said_at_soho)
    await camden.box.consent.stop("sms", PHONE, reason="asked at the counter", actor="kim")
    await until(lambda: told(camden))
    assert (await camden.link.status()).refused_optins == 1
    assert await blocked(soho)
    assert await until(lambda: blocked(camden))


@pytest.mark.parametrize("lose", [["out"], ["out", "in"]])
async def test_a_word_whose_answer_was_lost_on_its_way_is_told(
    fleet: World, monkeypatch: pytest.MonkeyPatch, lose: list[str]
) -> None:
    """The line goes after the fleet has the STOP and before it says so, and Kim takes it back. It was refused, for "another store was told otherwise
    meanwhile", and all stores kept the person out. So was a START whose own answer was lost."""
    soho, camden = await pair(fleet)
    publish, lost = NatsConnection.publish, [*lose]

    async def cut(line: NatsConnection, subject: str, body: bytes, **more: Any) -> Ack:
        ack = await publish(line, subject, body, **more)
        if subject.startswith("say.") and lost and unpack(body, SignedWord).state == lost[0]:
            if lost.pop(0) == "out":
                await camden.box.consent.allow("sms", PHONE, reason="a slip", actor="kim")
            raise NatsAway("the line was cut")
        return ack

    monkeypatch.setattr(NatsConnection, "publish", cut)
    await camden.box.consent.stop("sms", PHONE, reason="asked at the counter", actor="kim")
    await until(lambda: told(camden))

    async def free() -> bool:
        return await blocked(soho) is None and await blocked(camden) is None

    await until(free)
    assert not lost
    assert (await camden.link.status()).refused_optins == 0
