"""A till that counts anew each day: today's customer has the number of yesterday's, of whom something still waits."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from outbox.model import State
from outbox.outcome import ReceiptState
from tests.support.heart import Heart, shop

HOUR = 3600
ADA = {"name": "Ada", "phone": "+447700900123", "consent": {"email": False}}
KOFI = {"name": "Kofi", "phone": "+447700900456", "email": "kofi@example.com"}
BY_TEXT: Mapping[str, Any] = {"to": "customer", "via": ["twilio", "vonage"]}
ROUTES = [{"on": "order.*", **BY_TEXT}, {"on": "refund.*", **BY_TEXT}, {"on": "return.*", **BY_TEXT}]
NIGHT = {"from": "10:00", "to": "14:00", "media": ["sms"]}


def evening(**changes: Any) -> Any:
    """It is quiet until the next day's customer has ordered."""
    return shop(**{"route": ROUTES, "quiet_hours": NIGHT} | changes)


def went_to(heart: Heart, customer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What it was about, and what it said."""
    mine = (one.out for one in heart.providers.arrived if one.out.to in (customer["phone"], customer.get("email")))
    return [(out.template, out.rendered.text) for out in mine]


async def given_out_again(heart: Heart, *of_adas: str, **told: Any) -> None:
    await heart.tell("a0", "order.placed", "42", customer=ADA, order={"total": "48.50"})
    for n, type in enumerate(of_adas):
        await heart.tell(f"a{n + 1}", type, "42", customer=None, **told)
    await heart.tell("k0", "order.placed", "42", customer=KOFI, order={"total": "12.00"})


@pytest.mark.parametrize("by", ["pos", "staff"])
async def test_who_had_the_number_is_told_that_their_order_is_cancelled(tmp_path: Path, by: str) -> None:
    """They drove for nothing: it was put aside by the news of somebody else's order."""
    async with Heart(tmp_path, evening()) as heart:
        await heart.tell("a0", "order.placed", "42", customer=ADA)
        told = {"source": "counter", "actor": "Mia"} if by == "staff" else {}
        await heart.tell("a1", "order.cancelled", "42", customer=None, **told)
        await heart.tell("k0", "order.placed", "42", customer=KOFI)
        await heart.pass_time(4 * HOUR)
        assert [about for about, _ in went_to(heart, ADA)] == ["order.cancelled"]
        assert [about for about, _ in went_to(heart, KOFI)] == ["order.placed"]


async def test_what_is_told_of_it_names_nobody_else(tmp_path: Path) -> None:
    async with Heart(tmp_path, evening()) as heart:
        await given_out_again(heart, "order.completed", "refund.issued")
        await heart.pass_time(4 * HOUR)
        ((about, text),) = (each for each in went_to(heart, ADA) if each[0] == "refund.issued")
        assert ("Ada" in text, "Kofi" in text) == (True, False), about
        (refund,) = (one.out for one in heart.providers.arrived if one.out.template == "refund.issued")
        assert refund.name == "Ada"


async def test_nor_where_both_were_told_of_at_once(tmp_path: Path) -> None:
    """A till that was offline brings the day before and the morning in one body."""
    async with Heart(tmp_path, shop(route=ROUTES)) as heart:
        await asyncio.gather(
            heart.accept("a0", "order.placed", "42", customer=ADA),
            heart.accept("a1", "order.completed", "42", customer=None),
            heart.accept("k0", "order.placed", "42", customer=KOFI),
        )
        await heart.still()
        ((about, text),) = went_to(heart, ADA)
        assert (about, "Ada" in text, "Kofi" in text) == ("order.completed", True, False)


async def test_what_they_do_not_want_holds_for_it(tmp_path: Path) -> None:
    """Their own wishes decide, and not those of who has the number now."""
    by_mail = [{"on": "*", "to": "customer", "via": ["sendgrid", "twilio"]}]
    ada = {**ADA, "email": "ada@example.com"}
    async with Heart(tmp_path, evening(route=by_mail)) as heart:
        await heart.engine.board.pause("sendgrid", reason="", actor="Mia")
        await heart.tell("a0", "order.placed", "42", customer=ada)
        await heart.tell("a1", "order.completed", "42", customer=None)
        await heart.tell("a2", "refund.issued", "42", customer=None)
        await heart.tell("k0", "order.placed", "42", customer=KOFI)
        await heart.engine.board.resume("sendgrid", actor="Mia")
        await heart.pass_time(4 * HOUR)
        refund = next(one for one in heart.providers.arrived if one.out.template == "refund.issued")
        assert (refund.channel, refund.out.to) == ("twilio", ADA["phone"])


async def test_nobody_waits_for_what_is_told_of_anothers_order(tmp_path: Path) -> None:
    by_mail = {"on": "refund.*", "to": "customer", "via": ["sendgrid"]}
    async with Heart(tmp_path, shop(route=[*ROUTES[:1], by_mail])) as heart:
        await heart.engine.board.pause("sendgrid", reason="", actor="Mia")
        ada = {"name": "Ada", "phone": ADA["phone"], "email": "ada@example.com"}
        await heart.tell("a0", "order.placed", "42", customer=ada)
        await heart.tell("a1", "order.completed", "42", customer=None)
        await heart.tell("a2", "refund.issued", "42", customer=None)
        await heart.tell("k0", "order.placed", "42", customer=KOFI)
        assert [about for about, _ in went_to(heart, KOFI)] == ["order.placed"]
        await heart.engine.board.resume("sendgrid", actor="Mia")
        await heart.still()
        assert heart.providers.texts("sendgrid") == ["refund.issued"]


async def test_what_did_not_arrive_goes_its_next_way(tmp_path: Path) -> None:
    """It counted as outdated by the next customer's news, and nobody phoned."""
    async with Heart(tmp_path, shop(route=ROUTES)) as heart:
        await given_out_again(heart, "order.cancelled")
        cancelled = next(one for one in heart.providers.arrived if one.out.template == "order.cancelled")
        await heart.receipt(cancelled, ReceiptState.UNDELIVERED)
        assert [one.channel for one in heart.providers.arrived if one.out.template == "order.cancelled"] == [
            "twilio",
            "vonage",
        ]


async def test_a_hold_is_of_the_present_order_alone(tmp_path: Path) -> None:
    async with Heart(tmp_path, evening()) as heart:
        await given_out_again(heart, "order.cancelled")
        await heart.box.spool.hold("42", actor="Mia", reason="")
        await heart.pass_time(4 * HOUR)
        assert [about for about, _ in went_to(heart, ADA)] == ["order.cancelled"]
        assert went_to(heart, KOFI) == []
        await heart.box.spool.release("42", actor="Mia", reason="")
        await heart.still()
        assert [about for about, _ in went_to(heart, KOFI)] == ["order.placed"]


async def test_what_is_promised_anew_is_the_new_order(tmp_path: Path) -> None:
    """The thank-you of yesterday's customer waited for a moment that was counted from what today's is promised."""
    thanks = {"on": "order.completed", "at": "+2h", "supersede": False, **BY_TEXT}
    async with Heart(tmp_path, shop(route=[thanks])) as heart:
        await heart.tell("a0", "order.placed", "42", customer=ADA, order={"promised_at": "2026-11-24T10:30:00Z"})
        await heart.tell("a1", "order.completed", "42", customer=None)
        await heart.tell("k0", "order.placed", "42", customer=KOFI, order={"promised_at": "2026-11-26T10:30:00Z"})
        (thanked,) = (each for each in await heart.messages("42") if each.trigger == "order.completed")
        assert (thanked.state, thanked.reason.code) == (State.QUEUED, "")
        await heart.pass_time(3 * HOUR)
        assert "order.completed" in [about for about, _ in went_to(heart, ADA)]
