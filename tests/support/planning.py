"""What planning tests start from: a store, its channels, an order, an event."""

from collections.abc import Mapping
from typing import Any

import msgspec

from daemon.channels.registry import CHANNELS, channel_class
from daemon.config import RouteTable, Settings, Store, decode
from daemon.planner.plan import make_planner
from daemon.planner.recipients import Reach
from daemon.planner.routes import compile_routes
from outbox.model import Customer, Event, Order, OrderFields, Plan, PlannedMessage, Posted

NOW = 1_795_515_300_000
"""2026-11-24T10:15:00Z: where FakeClock starts."""
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR

REACH: Mapping[str, Reach] = {
    name: Reach.of(kind, own_destination="team" in kind.ships_as)
    for name, kind in ((name, channel_class(name)) for name in CHANNELS)
}

SHOP = Store(
    name="Balloon Loft",
    address="12 Mill Lane, Leeds",
    phone="020 7946 0123",
    hours="10:00-18:00",
    url="https://balloons.example",
)

ADA = Customer(name="Ada Lovelace", phone="07700 900123", email="Ada@Example.com", locale="en-GB")


def store(*channels: str, **tables: Any) -> Settings:
    """Settings with these channels enabled, and further tables as the file would have them."""
    table = {"channels": {name: {} for name in channels}, **tables}
    settings = decode(table, Settings, where="tether.toml")
    return settings if "store" in tables else msgspec.structs.replace(settings, store=SHOP)


def order(**changes: Any) -> Order:
    plain: dict[str, Any] = {
        "ref": "B-1042",
        "source": "pos",
        "status": "order.placed",
        "status_at": NOW,
        "status_source": "pos",
        "customer": ADA,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Order(**{**plain, **changes})


def event(event_type: str = "order.ready", **changes: Any) -> Event:
    return Event(**{"id": "till-2-77810", "type": event_type, "order": OrderFields(ref="B-1042"), **changes})


def posted(event_type: str = "order.ready", *, source: str = "pos", at: int = NOW, **changes: Any) -> Posted:
    return Posted(source, event(event_type, **changes), b"{}", at)


def plan(settings: Settings, what: Posted, after: Order | None = None, before: Order | None = None) -> Plan:
    """What the event leads to in this store, on the channels that it has enabled."""
    reach = {name: REACH[name] for name in settings.channels}
    planner = make_planner(compile_routes(settings, REACH), settings, reach)
    return planner(what, before, after or order(status=what.event.type))


def only(*args: Any, **kwargs: Any) -> PlannedMessage:
    """The one message of that plan."""
    [message] = plan(*args, **kwargs).messages
    return message


def route(on: str = "order.ready", to: Any = "customer", via: Any = ("twilio",), **more: Any) -> dict[str, Any]:
    """A route's table as the file would have it."""
    assert set(more) <= {field.encode_name for field in msgspec.structs.fields(RouteTable)}
    return {"on": on, "to": to, "via": list(via), **more}
