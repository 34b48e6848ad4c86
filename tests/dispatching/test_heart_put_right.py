"""A number that is put right, and what a customer does not want any more, hold for what is under way to them already."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from outbox.model import State
from tests.support.heart import Heart, shop
from tests.support.scripted import TOOK

WRONG = "+447700900123"
RIGHT = "+447700900456"
ROUTES = [{"on": "order.ready", "to": "customer", "via": ["twilio", "sendgrid"]}]
BUSY_TEXTS = {"twilio": {"concurrency": 1}, "sendgrid": {"concurrency": 1}}


def ada(**changes: Any) -> dict[str, Any]:
    return {"name": "Ada", "phone": WRONG, "email": "ada@example.com"} | changes


PUT_RIGHT = pytest.mark.parametrize(
    ("said", "address"),
    [(ada(phone=RIGHT), RIGHT), (ada(consent={"sms": False}), "ada@example.com")],
    ids=["number", "wish"],
)


def went_to(heart: Heart) -> dict[str, str]:
    return {one.out.order_ref: one.out.to for one in heart.providers.arrived}


@PUT_RIGHT
async def test_it_holds_for_what_waits_for_the_fleets_opt_outs(
    tmp_path: Path, said: dict[str, Any], address: str
) -> None:
    """The line is back, and the first messages wait for headquarters: the text went to the number that staff had put right meanwhile."""
    asked = asyncio.Event()

    async def hold() -> None:
        await asked.wait()

    async with Heart(tmp_path, shop(route=ROUTES), hold=hold) as heart:
        await heart.tell("e1", "order.ready", customer=ada())
        await heart.tell("e2", "order.changed", customer=said)
        assert heart.providers.left == []
        asked.set()
        await heart.still()
        assert went_to(heart) == {"B-1": address}


@PUT_RIGHT
async def test_it_holds_for_what_waits_for_room(tmp_path: Path, said: dict[str, Any], address: str) -> None:
    """A provider answers slowly: what is on record, and what is read, wait behind what it has."""
    async with Heart(tmp_path, shop(route=ROUTES, channels=BUSY_TEXTS)) as heart:
        heart.providers.waits = True
        refs = [f"B-{n}" for n in range(6)]
        for n, ref in enumerate(refs):
            await heart.tell(f"e{n}", "order.ready", ref, customer=ada())
        assert len(heart.providers.left) == 1
        for n, ref in enumerate(refs):
            await heart.tell(f"c{n}", "order.changed", ref, customer=said)
        heart.providers.waits = False
        await heart.answer(TOOK)
        await heart.pass_time(60)
        assert went_to(heart) == {"B-0": WRONG, **dict.fromkeys(refs[1:], address)}
        assert [len(await heart.attempts(await heart.message(ref))) for ref in refs] == [1] * 6


class Slow:
    """Something that is asked, and of which the answer is old by the time that it comes."""

    def __init__(self, ask: Callable[..., Awaitable[Any]]) -> None:
        self._ask = ask
        self.comes = asyncio.Event()

    async def __call__(self, *args: Any, **more: Any) -> Any:
        found = await self._ask(*args, **more)
        await self.comes.wait()
        return found


@PUT_RIGHT
async def test_it_holds_for_what_is_just_being_read(
    tmp_path: Path, said: dict[str, Any], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reader had the old number in hand when the right one was taken."""
    async with Heart(tmp_path, shop(route=ROUTES)) as heart:
        await heart.tell("e0", "order.changed", customer=ada())
        await heart.box.spool.hold("B-1", actor="Mia", reason="")
        await heart.tell("e1", "order.ready", customer=None)
        reading = Slow(heart.box.spool.due)
        monkeypatch.setattr(heart.box.spool, "due", reading)
        await heart.box.spool.release("B-1", actor="Mia", reason="")
        await heart.still()
        await heart.tell("e2", "order.changed", customer=said)
        assert heart.providers.left == []
        reading.comes.set()
        await heart.still()
        assert went_to(heart) == {"B-1": address}


@PUT_RIGHT
async def test_it_holds_for_what_is_just_being_prepared(
    tmp_path: Path, said: dict[str, Any], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was looked up whether it is the first text to that number."""
    async with Heart(tmp_path, shop(route=ROUTES, store={"first_sms_notice": True})) as heart:
        looking = Slow(heart.box.notes.get)
        monkeypatch.setattr(heart.box.notes, "get", looking)
        await heart.tell("e1", "order.ready", customer=ada())
        await heart.tell("e2", "order.changed", customer=said)
        assert heart.providers.left == []
        looking.comes.set()
        await heart.still()
        assert went_to(heart) == {"B-1": address}


@pytest.mark.parametrize(
    "later",
    [{"delay": "10m"}, {"at": "-1h"}],
    ids=["after a while", "before the promised time"],
)
@pytest.mark.parametrize(
    ("said", "told"), [({"phone": RIGHT}, [RIGHT]), ({"email": "ada@example.com"}, ["ada@example.com"])]
)
async def test_what_waits_for_later_is_told_once_where_another_source_knows_how(
    tmp_path: Path, later: dict[str, str], said: dict[str, str], told: list[str]
) -> None:
    """The shop has a number abroad, to which no text goes, and the till the right one: Ada was thanked twice, in one minute. By mail, which
    what waits does not go by, she hears it all the same."""
    routes = [{"on": "order.completed", "to": "customer", "via": ["twilio", "sendgrid"], "supersede": False} | later]
    noon = {"promised_at": "2026-11-24T12:00:00Z"}
    async with Heart(tmp_path, shop(route=routes)) as heart:
        abroad = {"name": "Ada", "phone": "+33612345678"}
        await heart.tell("e1", "order.completed", source="shop", customer=abroad, order=noon)
        await heart.pass_time(60)
        await heart.tell("e2", "order.completed", source="till", customer={"name": "Ada"} | said)
        await heart.pass_time(2 * 3600)
        assert [one.out.to for one in heart.providers.arrived] == told


async def test_a_refund_that_waits_is_told_once_where_the_till_knows_the_number(tmp_path: Path) -> None:
    """Nothing takes the place of what is said of a refund: both texts went out."""
    routes = [{"on": "refund.issued", "to": "customer", "via": ["twilio"], "delay": "10m"}]
    async with Heart(tmp_path, shop(route=routes)) as heart:
        await heart.tell("e1", "order.completed", source="till", customer=ada(phone="+33612345678"))
        await heart.tell("e2", "refund.issued", source="stripe", customer=None)
        await heart.tell("e3", "refund.issued", source="till", customer=ada(phone=RIGHT))
        await heart.pass_time(1800)
        assert [one.out.to for one in heart.providers.arrived if one.channel == "twilio"] == [RIGHT]


@pytest.mark.parametrize("supersede", [True, False])
@pytest.mark.parametrize(("type", "source"), [("order.changed", "pos"), ("order.ready", "shop")])
async def test_it_holds_for_what_is_held_and_had_no_number_for_texts(
    tmp_path: Path, type: str, source: str, supersede: bool
) -> None:
    """Staff held the order to ask for the number, had it put right, and let the order go: Ada never heard that it is ready."""
    routes = [{"on": "order.ready", "to": "customer", "via": ["twilio"], "supersede": supersede}]
    async with Heart(tmp_path, shop(route=routes)) as heart:
        await heart.tell("e0", "order.changed", customer=ada(phone="+33612345678"))
        await heart.box.spool.hold("B-1", actor="Mia", reason="which number?")
        await heart.tell("e1", "order.ready", customer=None)
        assert await heart.states() == [State.HELD]
        await heart.tell("e2", type, source=source, customer=ada(phone=RIGHT))
        await heart.box.spool.release("B-1", actor="Mia", reason="")
        await heart.still()
        assert [one.out.to for one in heart.providers.arrived] == [RIGHT]


async def test_what_failed_before_its_order_was_held_is_told_by_the_source_that_knows_the_number(
    tmp_path: Path,
) -> None:
    """Staff saw that no text goes to Ada's number, and held the order until they had another: the till had it."""
    routes = [{"on": "order.ready", "to": "customer", "via": ["twilio"]}]
    async with Heart(tmp_path, shop(route=routes)) as heart:
        await heart.tell("e1", source="shop", customer=ada(phone="+33612345678"))
        await heart.box.spool.hold("B-1", actor="Mia", reason="which number?")
        await heart.tell("e2", source="till", customer=ada(phone=RIGHT))
        await heart.box.spool.release("B-1", actor="Mia", reason="")
        await heart.still()
        assert went_to(heart) == {"B-1": RIGHT}
