"""What is said by itself to somebody who wrote: a message like others, in the transaction that takes their words, so that no crash comes
between. Of each kind one a day to an address.
"""

import secrets

import msgspec

from outbox.accept import Accept
from outbox.batch import Batch
from outbox.digest import Digester
from outbox.model import Customer, Event, Order, OrderFields, Plan, PlannedMessage, Planner, Policy, Posted, Priority
from outbox.person_index import PersonIndex
from outbox.queries import Queries
from outbox.rows import encode
from outbox.snapshot import Wants

_SQL = Queries("notes.sql")

SOURCE = "tether"
TYPE = "message.answer"
STRAY = "~"
"""The refs of what stands for an order where the writer has none begin so: lists of orders leave them out."""


class AutomaticAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: what it answers ("stop", "start", "help", or an action's name). `day`: one of a kind goes to an address in each."""

    kind: str
    text: str
    channel: str
    address_kind: str
    day: str
    expires_at: int


def answer(
    batch: Batch, wish: AutomaticAnswer, address: str, order_ref: str | None, digester: Digester, index: PersonIndex
) -> None:
    """Plan it, unless its like went to that address today."""
    note = {"key": f"answered.{wish.kind}.{digester(address)}", "value": wish.day}
    found = batch.db.execute(_SQL["get"], {"key": note["key"]}).fetchone()
    if found is not None and found[0] == wish.day:
        return
    batch.db.execute(_SQL["set"], note)
    ref = order_ref or f"{STRAY}{secrets.token_hex(6)}"
    event = Event(
        id=f"answer-{secrets.token_hex(12)}",
        type=TYPE,
        order=OrderFields(ref=ref),
        customer=None if order_ref else Customer(addresses={wish.address_kind: address}),
        data={"answers": wish.kind},
    )
    posted = Posted(SOURCE, event, encode(event), batch.now)
    accept = Accept(posted, _planner(wish, address), index)
    wants = Wants()
    accept.wants(wants)
    batch.load(wants)
    accept.apply(batch)


def _planner(wish: AutomaticAnswer, address: str) -> Planner:
    def plan(posted: Posted, before: Order | None, after: Order) -> Plan:
        message = PlannedMessage(
            id=f"m{secrets.token_hex(12)}",
            audience="customer",
            recipient="answer",
            addresses={wish.address_kind: address},
            via=(wish.channel,),
            template="",
            text=wish.text,
            trigger=TYPE,
            priority=Priority.HIGH,
            due_at=posted.received_at,
            expires_at=wish.expires_at,
            policy=Policy(urgent=True, supersede=False, on_unknown="ask", answers=wish.kind),
        )
        return Plan((message,))

    return plan
