"""What staff may have done, each as one call of the API. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from daemon.wire.requests import (
    Contact,
    ManualMessage,
    OptIn,
    OptOutWish,
    Reason,
    Retry,
    StatusChange,
    TestWish,
    ToldBy,
    Undo,
)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call that changes something."""

    path: str
    body: msgspec.Struct | Mapping[str, Any] = {}
    method: str = "POST"
    repeatable: bool = True
    """Whether it may be asked again when no answer came: by its id, or since doing it twice is the same."""
    id_in_body: bool = False
    """The service takes it once by the `id` in its body."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A call that somebody wants made now. Asked again under the same `id`, it is done once."""

    call: Call
    id: str
    name: str
    """In staff's words, for when it could not be done: "B-1042: ready"."""

    @property
    def body(self) -> msgspec.Struct | Mapping[str, Any]:
        body = self.call.body
        if not self.call.id_in_body:
            return body
        return {**body, "id": self.id} if isinstance(body, Mapping) else msgspec.structs.replace(body, id=self.id)


def set_status(ref: str, status: str, *, silent: bool = False, text: str = "") -> Call:
    """`silent`: nobody is told. `text`: instead of the customer's usual one."""
    body = StatusChange(status, silent=silent, text=text or None)
    return Call(path=f"/v1/orders/{_part(ref)}/status", body=body, id_in_body=True)


def undo(ref: str, event_id: str) -> Call:
    return Call(path=f"/v1/orders/{_part(ref)}/undo", body=Undo(event_id))


def write(ref: str, *, text: str = "", template: str = "", via: Sequence[str] = (), to: str = "customer") -> Call:
    """A message by hand: a named text, or staff's own. No `via`: by what reaches the customer soonest."""
    body = ManualMessage(template=template or None, text=None if template else text, to=to, via=tuple(via) or None)
    return Call(path=f"/v1/orders/{_part(ref)}/messages", body=body, id_in_body=True)


def hold(ref: str, reason: str) -> Call:
    return Call(path=f"/v1/orders/{_part(ref)}/hold", body=Reason(reason))


def release(ref: str) -> Call:
    return Call(path=f"/v1/orders/{_part(ref)}/release", body=Reason())


def retry(message_id: str, channel: str = "") -> Call:
    """Not repeatable: the first may have been taken, and have failed again meanwhile."""
    return Call(path=f"/v1/messages/{_part(message_id)}/retry", body=Retry(channel or None), repeatable=False)


def cancel(message_id: str, reason: str) -> Call:
    return Call(path=f"/v1/messages/{_part(message_id)}/cancel", body=Reason(reason))


def pause(channel: str, reason: str) -> Call:
    return Call(path=f"/v1/channels/{_part(channel)}/pause", body=Reason(reason))


def resume(channel: str) -> Call:
    return Call(path=f"/v1/channels/{_part(channel)}/resume")


def try_channel(channel: str, to: str = "") -> Call:
    """Without `to` a harmless call, with it a real message. Not repeatable."""
    return Call(path=f"/v1/channels/{_part(channel)}/test", body=TestWish(to or None), repeatable=False)


def know_of_recovery() -> Call:
    """Staff know what was saved of a damaged database."""
    return Call(path="/v1/status/seen")


def mark_read(reply_id: str) -> Call:
    return Call(path=f"/v1/replies/{_part(reply_id)}/read")


def mark_called(message_id: str) -> Call:
    return Call(path=f"/v1/call-list/{_part(message_id)}/done")


def contact(ref: str, wish: Mapping[str, Any]) -> Call:
    """Another address or way, and what did not reach them goes out to it (unless `tell` is false)."""
    return Call(path=f"/v1/orders/{_part(ref)}/contact", body=msgspec.convert(wish, Contact), id_in_body=True)


def told(ref: str, how: Literal["phone", "in_person"], message_id: str = "") -> Call:
    """Staff told the customer themselves: how is "phone" or "in_person"."""
    return Call(path=f"/v1/orders/{_part(ref)}/told", body=ToldBy(how, message_id or None), id_in_body=True)


def read_again(kept_id: str) -> Call:
    return Call(path=f"/v1/quarantine/{_part(kept_id)}/replay")


def drop_kept(kept_id: str) -> Call:
    return Call(path=f"/v1/quarantine/{_part(kept_id)}/drop")


def stop_writing_to(medium: str, ref: str, reason: str) -> Call:
    """To the customer of an order, whose addresses the screen does not know."""
    return Call(path="/v1/optouts", body=OptOutWish(medium, order_ref=ref, reason=reason), method="PUT")


def allow_writing_to(medium: str, ref: str, reason: str) -> Call:
    return Call(path="/v1/optouts", body=OptIn(medium=medium, order_ref=ref, reason=reason), method="DELETE")


def stop_writing(medium: str, address: str, reason: str) -> Call:
    return Call(path="/v1/optouts", body=OptOutWish(medium, address, reason=reason), method="PUT")


def allow_writing(medium: str, address: str, entry_id: str = "") -> Call:
    """Take an opt-out back: by the ledger's own id where it gives one, else by its address."""
    body = OptIn(id=entry_id) if entry_id else OptIn(medium=medium, address=address)
    return Call(path="/v1/optouts", body=body, method="DELETE")


def take_in(event: Mapping[str, Any]) -> Call:
    """An order taken at the counter: an event, taken once by its id."""
    return Call(path="/v1/orders", body=event, id_in_body=True)


def change_order(event: Mapping[str, Any]) -> Call:
    return Call(path="/v1/events", body=event, id_in_body=True)


def _part(text: str) -> str:
    return quote(text, safe="")
