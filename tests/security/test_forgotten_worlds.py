"""Shops in which numbers are given out again, typed by mistake and paid for by others, made by chance: whoever is forgotten is nowhere any more,
and nobody else has lost anything of an order that is for them.
"""

import random
from pathlib import Path

import pytest

from outbox import Outbox
from outbox.model import Customer
from tests.security.test_forgotten_others import opened, told
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import everything_in

PEOPLE = [
    {"name": name, "phone": f"+4477009000{n}0", "email": f"{name.lower()}@example.com"}
    for n, name in enumerate(("Adaline", "Benedikt", "Carlotta", "Dorothea"), 1)
]


class Shop:
    def __init__(self, box: Outbox, clock: FakeClock, rng: random.Random) -> None:
        self._box = box
        self._clock = clock
        self._rng = rng
        self._events = 0
        self.customers: dict[str, dict[str, str]] = {}
        """By number, who has it at the end."""
        self.told: dict[str, dict[str, str]] = {}
        """By event that names nobody but whom its order is for: them."""

    async def tell(self, ref: str, type: str, said: dict[str, str], source: str = "pos") -> str:
        self._events += 1
        id = f"e{self._events}"
        await told(self._box, id, ref, type, source, **said)
        await self._clock.advance(self._rng.choice((0, 1, 600)))
        return id

    async def order(self, ref: str, customer: dict[str, str]) -> None:
        id = await self.tell(ref, "order.placed", customer)
        self.told[id] = customer
        if self._rng.random() < 0.4:
            slip = self._rng.choice([one for one in PEOPLE if one is not customer])
            await self.tell(ref, "order.confirmed", {"phone": slip["phone"]})
            self.told[await self.tell(ref, "order.changed", customer)] = customer
        if self._rng.random() < 0.4:
            payer = self._rng.choice([one for one in PEOPLE if one is not customer])
            await self.tell(ref, "payment.confirmed", payer, "stripe")
        await self.tell(ref, "order.ready", {})
        if self._rng.random() < 0.8:
            await self.tell(ref, "order.completed", {})
            await self._clock.advance(86400)
        self.customers[ref] = customer


@pytest.mark.parametrize("seed", range(12))
async def test_whoever_is_forgotten_is_gone_and_nobody_else(tmp_path: Path, seed: int) -> None:
    clock, rng = FakeClock(), random.Random(seed)
    async with opened(tmp_path, clock) as box:
        shop = Shop(box, clock, rng)
        for _ in range(14):
            ref = f"B-{rng.randrange(5)}"
            orders = await box.views.orders_by_ref([ref])
            is_over = not orders or orders[0].status == "order.completed"
            await shop.order(ref, rng.choice(PEOPLE) if is_over else shop.customers[ref])
        gone = rng.choice(PEOPLE)
        for kind in ("phone", "email"):
            await box.people.forget(gone[kind], actor="owner")
        for ref, customer in shop.customers.items():
            (order,) = await box.views.orders_by_ref([ref])
            assert order.customer == (Customer() if customer is gone else Customer(**customer))
        for id, customer in shop.told.items():
            (event,) = await box.views.events(id)
            assert (event.raw == b"") is (customer is gone)
        left = everything_in(tmp_path)
        assert not any(value.lstrip("+").encode() in left for value in gone.values())
        assert (await box.audit.verify()).ok
