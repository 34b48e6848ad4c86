"""A deposit and a balance are two payments, two refunds are two, and the shop and the payment provider tell of one and the same: on the real
outbox, with the real planner."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.planner.plan import make_planner
from daemon.planner.routes import compile_routes
from outbox import Outbox
from outbox.model import Planner, Posted
from outbox.orders import PAID, project
from tests.support.outbox_box import NOW, open_box, posted
from tests.support.planning import REACH, route, store

SHOP, PROVIDER, TILL = "shop", "stripe", "till"

HISTORIES = {
    "deposit and balance of one source": ([SHOP, SHOP], [0, 1]),
    "one payment, from both": ([SHOP, PROVIDER], [0]),
    "the provider speaks first": ([PROVIDER, SHOP], [0]),
    "deposit and balance, each from both": ([SHOP, PROVIDER, SHOP, PROVIDER], [0, 2]),
    "the same, the provider second to last": ([SHOP, PROVIDER, PROVIDER, SHOP], [0, 2]),
    "the shop has one word for both": ([SHOP, PROVIDER, PROVIDER], [0, 2]),
    "deposit and balance, the provider's word of both late": ([SHOP, SHOP, PROVIDER, PROVIDER], [0, 1]),
    "each of the two first once": ([SHOP, PROVIDER, PROVIDER, SHOP, SHOP, PROVIDER], [0, 2, 4]),
}
RECEIVED = "return.received"
AFTERWARDS = {
    "a return between": ([(PROVIDER, "refund.issued"), (TILL, RECEIVED), (SHOP, "refund.issued")], [0, 1]),
    "two refunds, a return between": ([(SHOP, "refund.issued"), (TILL, RECEIVED), (SHOP, "refund.issued")], [0, 1, 2]),
    "a refund between two words on a return": (
        [(TILL, RECEIVED), (PROVIDER, "refund.issued"), (SHOP, RECEIVED)],
        [0, 1],
    ),
    "the second refund by who told last": (
        [(SHOP, "refund.issued"), (PROVIDER, "refund.issued"), (PROVIDER, "refund.issued"), (SHOP, "refund.issued")],
        [0, 2],
    ),
}


@pytest.mark.parametrize(("sources", "told"), HISTORIES.values(), ids=HISTORIES.keys())
async def test_each_payment_is_told_once(tmp_path: Path, sources: list[str], told: list[int]) -> None:
    assert await heard_of(tmp_path, [one(n, source) for n, source in enumerate(sources)]) == told


@pytest.mark.parametrize(("words", "told"), AFTERWARDS.values(), ids=AFTERWARDS.keys())
async def test_each_refund_and_return_is_told_once(
    tmp_path: Path, words: list[tuple[str, str]], told: list[int]
) -> None:
    assert await heard_of(tmp_path, [one(n, source, type) for n, (source, type) in enumerate(words)]) == told


async def test_a_balance_that_failed_at_first_is_told_once_it_came_through(tmp_path: Path) -> None:
    words = [(SHOP, PAID), (PROVIDER, "payment.failed"), (PROVIDER, PAID), (SHOP, PAID)]
    events = [one(n, source, type) for n, (source, type) in enumerate(words)]
    assert await heard_of(tmp_path, events) == [0, 1, 2]


async def test_what_is_put_back_into_stock_without_money_is_no_refund_that_others_tell_of(tmp_path: Path) -> None:
    words = [(SHOP, "0.00"), (PROVIDER, "48.50"), (SHOP, "48.50")]
    events = [one(n, source, "refund.issued", amount) for n, (source, amount) in enumerate(words)]
    assert await heard_of(tmp_path, events) == [1]


@pytest.mark.parametrize("type", [PAID, "refund.issued"])
async def test_what_was_told_before_each_was_counted_is_not_told_again(tmp_path: Path, type: str) -> None:
    """Of orders that stood in the database when the release came that counts."""
    after_sale_source = "" if type == PAID else SHOP
    known = msgspec.structs.replace(project(None, one(0, SHOP, type)), tellers={}, after_sale_source=after_sale_source)
    known = project(known, one(0, TILL, RECEIVED))
    for n, (source, is_told) in enumerate([(PROVIDER, False), (PROVIDER, True), (SHOP, False)], 1):
        told = one(n, source, type)
        after = project(known, told)
        assert (after.tellers[type].first == source) == is_told
        known = after


PAYMENTS = {name: ([(source, PAID) for source in sources], told) for name, (sources, told) in HISTORIES.items()}
STATUSES = {
    "two say that it is ready": ([(SHOP, "order.placed"), (TILL, "order.ready"), (SHOP, "order.ready")], [0, 1]),
    "two say so of what is collected since": (
        [(TILL, "order.ready"), (SHOP, "order.ready"), (TILL, "order.completed"), (SHOP, "order.completed")],
        [0, 2],
    ),
}
ALL = PAYMENTS | AFTERWARDS | STATUSES


@pytest.mark.parametrize(("words", "told"), ALL.values(), ids=ALL.keys())
async def test_what_two_sources_told_is_planned_again_once(
    tmp_path: Path, words: list[tuple[str, str]], told: list[int]
) -> None:
    """By the routes that were there nothing; by one for the team, of as much as the customer heard."""
    types = ("payment.*", "return.*", "refund.*", "order.*")
    customers = [route(type, supersede=False) for type in types]
    teams = [route(type, "team", ["slack"], supersede=False) for type in types]
    async with open_box(tmp_path) as box:
        for n, (source, type) in enumerate(words):
            await box.spool.accept(one(n, source, type), by_routes(*customers))
        assert await planned_again(box, by_routes(*customers)) == []
        again = [(f"p{n}", "team") for n in told]
        assert await planned_again(box, by_routes(*customers, *teams)) == again


async def test_what_was_told_of_a_former_order_is_not_planned_for_who_has_its_number(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        planner = by_routes(route("refund.*"))
        for n, source in enumerate((SHOP, TILL)):
            await box.spool.accept(one(n, source, "refund.issued"), planner)
        await box.spool.accept(one(2, TILL, "order.cancelled"), planner)
        kofi = {"name": "Kofi", "phone": "+447700900456", "email": "kofi@example.com"}
        await box.spool.accept(posted("k1", "order.placed", at=NOW + 240_000, source=TILL, customer=kofi), planner)
        mailed = by_routes(route("refund.*", via=["sendgrid", "twilio"]))
        assert await planned_again(box, mailed) == []


async def planned_again(box: Outbox, planner: Planner) -> list[tuple[str, str]]:
    """What would be new: by which event, and for whom."""
    found = []
    for event in await box.replay.since(0, limit=20):
        new = await box.replay.replan(event, planner, dry_run=True)
        found += [(event.id, message.recipient) for message in new]
    return found


def by_routes(*routes: dict[str, Any]) -> Planner:
    settings = store("twilio", "sendgrid", "slack", route=list(routes))
    reach = {name: REACH[name] for name in settings.channels}
    return make_planner(compile_routes(settings, REACH), settings, reach)


def one(n: int, source: str, type: str = PAID, amount: str = "48.50") -> Posted:
    customer = {"phone": "+447700900123"}
    return posted(f"p{n}", type, source=source, at=NOW + n * 60_000, customer=customer, data={"amount": amount})


async def heard_of(folder: Path, events: Sequence[Posted]) -> list[int]:
    """Of which of them the customer hears, by their numbers."""
    settings = store("twilio")
    planner = make_planner(compile_routes(settings, REACH), settings, {"twilio": REACH["twilio"]})
    async with open_box(folder) as box:
        for event in events:
            await box.spool.accept(event, planner)
        messages = (await box.views.messages(recipient="customer", limit=20)).items
    return sorted(int(message.event_id.removeprefix("p")) for message in messages)
