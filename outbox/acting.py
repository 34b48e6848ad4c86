"""What a customer's exact words do to their open order, in the transaction that takes the words: they are outside, or they answer the
question that the order's status asked. Whatever is not certain does nothing: the words are a message to read.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from outbox.answers import AutomaticAnswer, answer
from outbox.batch import Batch
from outbox.digest import Digester
from outbox.model import Order
from outbox.orders import QUESTIONS
from outbox.person_index import PersonIndex
from outbox.queries import Queries
from outbox.rows import decode_order, encode
from outbox.snapshot import Wants

_SQL = Queries("replies.sql")

Action: TypeAlias = Literal["arrived", "yes", "no"]
REF = "{ref}"
"""Where the order's number goes in what is answered."""
_READY = "order.ready"


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """`texts`: what is answered, by language. `language`: for a customer whose own is not known, or not among them."""

    action: Action
    texts: Mapping[str, str]
    language: str
    answers: AutomaticAnswer | None
    """How it is answered; its text is one of `texts`. None: there is no way to, or nobody to."""


def newest_order(batch: Batch, orders: Sequence[int], digests: Sequence[str], index: PersonIndex) -> str | None:
    """Of that person, whose these orders are."""
    found = batch.db.execute(_SQL["order_of"], {"orders": encode(orders).decode()}).fetchall()
    rows = _of_whom_has_it(found, digests, index)
    ref: str | None = rows[0][0] if rows else None
    return ref


def orders_for(
    batch: Batch, action: Action, orders: Sequence[int], digests: Sequence[str], index: PersonIndex
) -> list[str]:
    """Those of that person's open orders which the words can only mean, the newest first; none where that is not certain, as of one whose
    customer is reached elsewhere by now."""
    found_of = batch.db.execute(_SQL["open_of"], {"orders": encode(orders).decode()}).fetchall()
    rows = _of_whom_has_it(found_of, digests, index)
    found = {ref: (status, bool(asked)) for ref, status, asked, body in rows if not _is_anothers(body, digests, index)}
    if action == "arrived":
        ready = [ref for ref, (status, _) in found.items() if status == _READY]
        return ready or list(found)
    asked_of = [ref for ref, (status, asked) in found.items() if status in QUESTIONS and asked]
    return asked_of if len(asked_of) == 1 else []


def _of_whom_has_it(rows: list[Any], digests: Sequence[str], index: PersonIndex) -> list[Any]:
    """Where there are any, those whose customer has the address now: it may have been somebody else's, and was put right since. Else all but
    orders whose number another had: it may be that one's customer's."""
    known = [(row, decode_order(row[-1])) for row in rows]
    theirs = [row for row, order in known if index.names(order.customer, digests)]
    return theirs or [row for row, order in known if not order.began]


def _is_anothers(body: str, digests: Sequence[str], index: PersonIndex) -> bool:
    customer = decode_order(body).customer
    return bool(index.of_customer(customer)) and not index.names(customer, digests)


def act(batch: Batch, wish: Act, refs: list[str], reply: str, at: int) -> None:
    """Note it at the orders, on record."""
    wants = Wants(refs=refs)
    batch.load(wants)
    for ref in refs:
        row = batch.order(ref)
        question = row.order.status
        batch.change_order(row, _noted(row.order, wish.action, at))
        if wish.action == "arrived":
            batch.record("order.arrived", {"reply": reply}, ref)
        else:
            batch.record("order.answered", {"reply": reply, "question": question, "answer": wish.action}, ref)


def _noted(order: Order, action: Action, at: int) -> Order:
    if action == "arrived":
        return msgspec.structs.replace(order, arrived_at=at)
    return msgspec.structs.replace(order, answer=action, answer_at=at)


def confirm(batch: Batch, wish: Act, ref: str, address: str, digester: Digester, index: PersonIndex) -> None:
    """Say to them that it is noted."""
    if wish.answers is None:
        return
    own = (batch.order(ref).order.customer.locale or "").replace("_", "-").partition("-")[0].lower()
    words = wish.texts.get(own) or wish.texts[wish.language]
    said = msgspec.structs.replace(wish.answers, text=words.replace(REF, ref))
    answer(batch, said, address, ref, digester, index)
