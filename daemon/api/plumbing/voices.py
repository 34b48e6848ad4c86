"""Who tells what: the source of each event follows from how it came in, and what its poster may tell of is held against it.

A source is whoever vouches for an event: a configured source by its signature, a token by its secret, staff by the counter's own
door. Nobody can take another's name, since events are taken once by source and id: who could tell of `evt_1` as the payment
provider would make the provider's own a duplicate.
"""

from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

import msgspec

from daemon.api.plumbing.route import GRANTS, Caller, Scope
from daemon.api.schema.event import Event
from daemon.api.schema.problem import Problem
from daemon.intake.own_sources import AT_THE_DOOR, COUNTER, OWN
from outbox import Bounds, Token, harmless
from outbox.answers import STRAY
from outbox.model import Posted

_OUR_TYPES = ("staff.", "message.")
"""Types of what staff do by hand, and of what is said by itself: nobody tells of these."""


def at_the_door(named: str) -> str:
    """The source of what comes by the counter's own door: one of its own, whatever else the caller names."""
    return named if named in AT_THE_DOOR else COUNTER


def may_write(source: str, sources: Collection[str], tokens: Iterable[Token]) -> bool:
    """Whether an event of that source, on record, may carry sentences to customers today."""
    name = source.partition("/")[0]
    if name in AT_THE_DOOR:  # where those stand as well who may only post events, and who it was is not on record
        return False
    if name in OWN or name in sources:
        return True
    return any(token.name == name and _may_write(token.scopes, token.bounds) for token in tokens)


def _may_write(scopes: Collection[str], bounds: Bounds) -> bool:
    return bounds.own_words or not GRANTS[Scope.STAFF].isdisjoint(scopes)


def name_taken(name: str, sources: Collection[str]) -> str:
    """Why no token can have this name; "" where it can. `sources`: the configured ones."""
    folded = name.casefold()
    if folded in OWN:
        return f"{name!r} stands in the record for what comes by another door of the service"
    if folded in (each.casefold() for each in sources):
        return f"{name!r} is a source of this store ([sources.{name}] in tether.toml)"
    return ""


def posted(
    caller: Caller, event: Event, raw: bytes, *, now: int, sources: Collection[str], beneath: str | None = None
) -> Posted:
    """The event as this caller may tell it; `beneath`: the source that it names itself (a CloudEvent's). Raises Problem 403."""
    source = caller.name if beneath is None else f"{caller.name}/{beneath}"
    raw = harmless.json_escaped(raw)
    bounds = caller.bounds
    if bounds is None and (caller.name not in AT_THE_DOOR or caller.may(Scope.STAFF)):
        return Posted(source, event, raw, now, caller.person)
    _refuse_ours(event)
    if bounds is None:
        return Posted(source, _without_page(event), raw, now, caller.person, plain=True)
    if taken := name_taken(caller.name, sources):
        raise Problem(
            403, f"this token can post no events: {taken}; make one with another name: `tether token new NAME`"
        )
    if bounds.types and not any(fnmatchcase(event.type, pattern) for pattern in bounds.types):
        allowed = ", ".join(bounds.types)
        raise Problem(403, f"the token {caller.name!r} may tell only of {allowed}, not of {event.type}", field="type")
    plain = not _may_write(caller.scopes, bounds)
    told = _without_page(event) if plain else event
    return Posted(source, told, raw, now, caller.person, caller.name, bounds.own_orders, plain)


def _refuse_ours(event: Event) -> None:
    """What no machine tells of. Raises Problem 403."""
    if event.type.startswith(_OUR_TYPES):
        raise Problem(403, "what staff do by hand has calls of its own under /v1/orders", field="type")
    if event.order.ref.startswith(STRAY):
        raise Problem(403, f"an order whose number begins with {STRAY!r} would stand in no list", field="order.ref")


def _without_page(event: Event) -> Event:
    """Without the page that it names for its order: that would stay with the order, and the texts of others would lead to it."""
    return msgspec.structs.replace(event, order=msgspec.structs.replace(event.order, url=None))
