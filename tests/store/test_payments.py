"""A deposit and a balance are two payments, and the shop and the payment provider tell of one and the same: on the real outbox, with the real planner."""

from pathlib import Path

import pytest

from daemon.planner.plan import make_planner
from daemon.planner.routes import compile_routes
from tests.support.outbox_box import NOW, open_box, posted
from tests.support.planning import REACH, store

SHOP, PROVIDER = "shop", "stripe"

HISTORIES = {
    "deposit and balance of one source": ([SHOP, SHOP], [0, 1]),
    "one payment, from both": ([SHOP, PROVIDER], [0]),
    "the provider speaks first": ([PROVIDER, SHOP], [0]),
    "deposit and balance, each from both": ([SHOP, PROVIDER, SHOP, PROVIDER], [0, 2]),
    "the same, the provider second to last": ([SHOP, PROVIDER, PROVIDER, SHOP], [0, 3]),
}


@pytest.mark.parametrize(("sources", "told"), HISTORIES.values(), ids=HISTORIES.keys())
async def test_each_payment_is_told_once(tmp_path: Path, sources: list[str], told: list[int]) -> None:
    settings = store("twilio")
    planner = make_planner(compile_routes(settings, REACH), settings, {"twilio": REACH["twilio"]})
    events = [
        posted(f"p{n}", "payment.confirmed", source=source, at=NOW + n * 60_000, customer={"phone": "+447700900123"})
        for n, source in enumerate(sources)
    ]
    async with open_box(tmp_path) as box:
        for event in events:
            await box.spool.accept(event, planner)
        heard = [message.event_id for message in (await box.views.messages(recipient="customer", limit=20)).items]
    assert sorted(heard) == [f"p{n}" for n in told]
