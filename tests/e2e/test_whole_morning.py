"""A till that was offline posts its whole morning at once."""

from pathlib import Path

from tests.support.shop import event, open_shop

ROUTES = """
[planning]
default_routes = false
[[route]]
on = "order.placed"
to = "customer"
via = ["twilio"]
[[route]]
on = "order.ready"
to = "customer"
via = ["twilio"]
priority = "high"
"""
ORDERS, URGENT = 300, 10
FEW = 40
"""Others that may have left by then: those that a channel's pump was just looking for as they came."""


async def test_whose_balloons_are_ready_hear_of_it_first_though_the_till_told_of_them_last(tmp_path: Path) -> None:
    """They were told in their place behind what had been on the disk before them: half of the morning."""
    numbers = [{"phone": f"07700 900{n:03d}"} for n in range(ORDERS)]
    types = ["order.placed"] * (ORDERS - URGENT) + ["order.ready"] * URGENT
    morning = [event(n, type, **numbers[n]) for n, type in enumerate(types)]
    async with open_shop(tmp_path, pace=0.05) as shop:
        shop.configure(["twilio"], ROUTES, "[sms]\ndaily_parts = 10000\nnew_numbers = 0\n", twilio={"rate": "1000/s"})
        await shop.start()
        assert await shop.post(event("first", "order.placed", phone="07700 900999")) == 202
        await shop.until({"sent", "delivered"})
        async with shop.session.post("/v1/events", json=morning) as answer:
            assert answer.status == 202
        await shop.until({"sent", "delivered"})
        told = [arrival.to for arrival in shop.sandbox.messages][1:]
    assert sorted(told) == [f"+44770090{n:04d}" for n in range(ORDERS)]
    assert {f"+44770090{n:04d}" for n in range(ORDERS - URGENT, ORDERS)} <= set(told[: URGENT + FEW])
