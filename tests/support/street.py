"""A web shop beside a box that asks it, or is told by its hooks: what the box hears, and what the shipped routes make of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from daemon.config import Settings, Store, decode
from daemon.planner.plan import make_planner
from daemon.planner.routes import compile_routes
from outbox.model import Order, Planner
from tests.support.planning import REACH
from tests.support.sources import AHook, Shopfront
from tests.support.woo_shop import WooHook, WooShop

SECRETS = {"WEBSHOP_WEBHOOK_SECRET": "wc_secret", "WEBSHOP_KEY": "ck_1", "WEBSHOP_SECRET": "cs_1"}
POLLED = {"kind": "woocommerce", "url": "https://shop.example.com", "poll": "60s", "promised": "pickup"}
HOOKED = {"kind": "woocommerce", "promised": "pickup"}
DAY = 86_400.0
ADA = {"first_name": "Ada", "email": "ada@example.com", "phone": "07400 123456", "country": "GB"}
PAID = {"date_paid_gmt": "2026-11-24T10:20:00"}
TOPICS = ("order.created", "order.updated", "order.deleted", "order.restored")


def shipped(*also: str, route: Sequence[Mapping[str, Any]] = ()) -> Planner:
    """What the shipped routes, and these of the store's own, plan for a store with a mail channel and a desk."""
    table = {"channels": {"sendgrid": {}, "slack": {}}, "planning": {"also": list(also)}, "route": list(route)}
    store = msgspec.structs.replace(decode(table, Settings, where="tether.toml"), store=Store(currency="EUR"))
    reach = {name: REACH[name] for name in store.channels}
    return make_planner(compile_routes(store, REACH), store, reach)


class Street:
    """A shop and a box that asks it, or is told by its hooks."""

    def __init__(self, front: Shopfront, shop: WooShop, *, hooked: bool) -> None:
        self.front, self.shop, self.hooked = front, shop, hooked
        self.sent: list[AHook] = []
        if hooked:
            shop.hooks = [WooHook(topic, "wc_secret", self._deliver) for topic in TOPICS]

    def _deliver(self, headers: Any, body: bytes) -> int:
        self.sent.append(AHook(headers=headers, body=body, now=self.front.clock.now()))
        return 200

    async def later(self, seconds: float = 60.0) -> None:
        for hook in self.sent:
            await self.front.take(hook)
        self.sent.clear()
        if not self.hooked:
            await self.front.poll()
        await self.front.clock.advance(seconds)

    async def order(self) -> Order:
        (found,) = await self.front.box.views.orders_by_ref(["1"])
        return found

    async def told(self) -> list[str]:
        return [id for id, _ in await self.front.events()]


async def heard(street: Street) -> list[tuple[str, str]]:
    page = await street.front.box.views.messages(limit=100)
    return [(message.trigger, message.audience) for message in reversed(page.items)]
