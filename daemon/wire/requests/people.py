"""What is asked for about customers: who wants silence, what they wrote, what is kept of them."""

from typing import Annotated

import msgspec
from msgspec import Meta

from daemon.wire.checks import MEDIUM, Address, Line, OrderRef
from daemon.wire.requests.act import Act, part


class OptOutWish(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is to be left alone, and in which medium (`all`: every one): by their address, or as an order's customer."""

    medium: Annotated[str, Meta(pattern=MEDIUM)]
    address: Address | None = None
    order_ref: OrderRef | None = None
    reason: Line = ""

    def __post_init__(self) -> None:
        if self.address is None and self.order_ref is None:
            raise ValueError("say who: an `address`, or an `order_ref`")


class OptIn(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which opt-out to take back: its id, or its medium and address, or its medium and an order of the customer's."""

    id: Annotated[str, Meta(min_length=1, max_length=100)] | None = None
    medium: Annotated[str, Meta(pattern=MEDIUM)] | None = None
    address: Address | None = None
    order_ref: OrderRef | None = None
    reason: Line = ""


class PersonWish(msgspec.Struct, frozen=True):
    """Whose data."""

    address: Annotated[
        Address,
        Meta(
            description="Any address of theirs: a phone number however it is written, a mail address, a WhatsApp or another chat's id."
        ),
    ]


class ForgetWish(PersonWish, frozen=True):
    dry_run: Annotated[bool, Meta(description="Only say how much would go.")] = False


def stop_writing_to(medium: str, ref: str, reason: str) -> Act:
    """To the customer of an order, whose addresses the screen does not know."""
    return Act(path="/v1/optouts", body=OptOutWish(medium, order_ref=ref, reason=reason), method="PUT")


def allow_writing_to(medium: str, ref: str, reason: str) -> Act:
    return Act(path="/v1/optouts", body=OptIn(medium=medium, order_ref=ref, reason=reason), method="DELETE")


def stop_writing(medium: str, address: str, reason: str) -> Act:
    return Act(path="/v1/optouts", body=OptOutWish(medium, address, reason=reason), method="PUT")


def allow_writing(medium: str, address: str, entry_id: str = "") -> Act:
    """Take an opt-out back: by the ledger's own id where it gives one, else by its address."""
    body = OptIn(id=entry_id) if entry_id else OptIn(medium=medium, address=address)
    return Act(path="/v1/optouts", body=body, method="DELETE")


def mark_read(reply_id: str) -> Act:
    return Act(path=f"/v1/replies/{part(reply_id)}/read")


def mark_called(message_id: str) -> Act:
    return Act(path=f"/v1/call-list/{part(message_id)}/done")


def forget(address: str, *, dry_run: bool) -> Act:
    return Act(path="/v1/people/forget", body=ForgetWish(address, dry_run))


def export_person(address: str) -> Act:
    return Act(path="/v1/people/export", body=PersonWish(address))
