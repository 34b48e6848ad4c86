"""What is stored is read back whole: each noun with every field away from its default, over a closed and opened database.

A field that a codec or a list of columns leaves out does no harm that anybody sees at once: it cost customers the word that their
balance was paid.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from outbox.model import (
    Customer,
    Item,
    Order,
    OrderFields,
    Policy,
    Priority,
    Rendered,
    State,
    Transition,
)
from outbox.orders import project
from outbox.outcome import Accepted, ReceiptState, Rejected, Scope
from outbox.queries import Queries
from outbox.reasons import Reason
from outbox.rows import decode_order, encode
from outbox.tables import fill
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import NOW, Update, accept_one, begin, message_of, open_box, planned, plans, posted

ITEM = Item("Helium bouquet", 12, "HB-12", "48.50")
CUSTOMER = Customer(
    name="Ada",
    phone="+447700900123",
    email="ada@example.com",
    locale="fr",
    consent={"sms": True, "email": False},
    addresses={"fcm": "token"},
    country="DE",
)
ORDER_FIELDS = OrderFields(
    ref="B-9",
    source_id="77",
    total="48.50",
    currency="EUR",
    fulfilment="pickup",
    promised_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
    items=(ITEM,),
    note="bell is broken",
    url="https://shop.example/9",
)


def at_default(noun: msgspec.Struct, *, but: Iterable[str] = ()) -> list[str]:
    """Its fields that hold what they hold when nobody says anything: there a lost field would not be seen."""
    return [
        field.name
        for field in msgspec.structs.fields(noun)
        if field.name not in but and getattr(noun, field.name) in (field.default, None, 0, "", (), False)
    ]


_WRITTEN_BACK = ("arrived_at", "answer", "answer_at", "began")
"""What an order has from replies, or where its number is given out again, not from what its events say."""
_EARLIER = ("after_sale_source",)
"""What only orders of earlier releases have."""


@pytest.mark.parametrize("noun", [ITEM, CUSTOMER, ORDER_FIELDS])
def test_these_tests_leave_no_field_at_its_default(noun: msgspec.Struct) -> None:
    assert at_default(noun) == []


async def test_an_order_keeps_every_field(tmp_path: Path) -> None:
    told = [
        posted("e1", "order.ready", "B-9", source="till", order=msgspec.to_builtins(ORDER_FIELDS), customer=CUSTOMER),
        posted("e2", "payment.confirmed", "B-9", source="stripe", at=NOW + 1),
        posted("e3", "refund.issued", "B-9", source="shop", at=NOW + 2),
    ]
    meant: Order | None = None
    for event in told:
        meant = project(meant, event)
    assert meant is not None
    async with open_box(tmp_path) as box:
        for event in told:
            await box.spool.accept(event, plans())
        await box.spool.hold("B-9", actor="Kim", reason="")
    async with open_box(tmp_path) as box:
        (read,) = await box.views.orders_by_ref(["B-9"])
    assert read == msgspec.structs.replace(meant, held=True)
    assert at_default(read, but=(*_WRITTEN_BACK, *_EARLIER)) == []
    answered = msgspec.structs.replace(read, arrived_at=NOW, answer="yes", answer_at=NOW, began=7)
    assert decode_order(encode(answered)) == answered


async def test_a_message_and_its_attempt_keep_every_field(tmp_path: Path) -> None:
    policy = Policy(
        patience=1.0,
        offline_after=2.0,
        urgent=True,
        on_unknown="ask",
        supersede=False,
        manual=True,
        timed=True,
        plain=True,
        answers="help",
    )
    assert at_default(policy, but=["supersede"]) == []
    wanted = planned(
        "m9",
        audience="owner",
        recipient="owner.2",
        text="free words",
        subject="a subject",
        priority=Priority.LOW,
        due_at=NOW + 1_000,
        relative=False,
        expires_at=NOW + 9_000,
        policy=policy,
        reason=Reason("the planner's word", "silent"),
    )
    clock = FakeClock()
    async with open_box(tmp_path, clock) as box:
        message = await accept_one(box, wanted)
        clock.step(1)
        attempt = await box.spool.begin(
            message.seq,
            channel="modem",
            via_index=1,
            medium="sms",
            address="+447700900123",
            sent=Rendered("text", "subject", "<p>html</p>"),
        )
        await box.spool.settle(
            attempt,
            Accepted("P-1", "the provider's word"),
            Transition(state=State.SENT, reason=Reason("taken"), possible_duplicate=True),
        )
        await box.receipts.apply("modem", Update(state=ReceiptState.READ, provider_id="P-1", detail="read by her"))
    async with open_box(tmp_path) as box:
        kept = await message_of(box, "m9")
        (tried,) = await box.views.attempts(["m9"])
    for name in wanted.__struct_fields__:
        if name not in ("state", "reason"):
            assert getattr(kept, name) == getattr(wanted, name), name
    assert at_default(kept, but=["reason", "relative", "first_try"]) == []
    assert at_default(tried, but=["scope", "code", "counts"]) == []
    assert (tried.sent, tried.detail, tried.receipt) == (
        Rendered("text", "subject", "<p>html</p>"),
        "the provider's word",
        ReceiptState.READ,
    )


async def test_a_refusal_keeps_the_rest(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box)
        await box.spool.settle(
            await begin(box, message),
            Rejected(Scope.RECIPIENT, "21614", "not a mobile"),
            Transition(state=State.FAILED, reason=Reason("not a mobile"), counts=False),
        )
        (tried,) = await box.views.attempts([message.id])
        kept = await message_of(box, message.id)
    assert (tried.scope, tried.code, tried.detail) == ("recipient", "21614", "not a mobile")
    assert (kept.reason, tried.counts) == ("not a mobile", False)


def test_a_column_that_no_table_has_fails_when_it_is_named() -> None:
    with pytest.raises(KeyError, match="colour"):
        fill("SELECT body ->> '{order.colour}' FROM orders")


def test_every_insert_names_each_column_of_its_row_once() -> None:
    for name in ("insert_order", "insert_event", "insert_message", "insert_attempt", "insert_audit"):
        columns = Queries("batch.sql").rows(name).columns
        assert len(columns) == len(set(columns))
