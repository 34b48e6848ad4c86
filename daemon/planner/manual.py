"""A message that a person sends: a named text or their own words, to whom they say, by what they say. Pure.

It travels like any other, but no hold stops it and no newer status replaces it.
"""

from collections.abc import Mapping

import msgspec

from daemon.config import Settings
from daemon.planner.defaults import AT_ONCE, DESK, ways
from daemon.planner.plan import message_id
from daemon.planner.recipients import (
    Reach,
    Recipient,
    Way,
    audience_recipients,
    customer_recipient,
    way_to,
    works_offline,
)
from daemon.planner.routes import CUSTOMER, TEAM
from daemon.planner.rules.destination import countries_of
from daemon.wire.near import or_known
from outbox.model import Order, Plan, PlannedMessage, Planner, Policy, Posted, Priority, State
from outbox.reasons import NO_REASON, Reason

EXPIRES_MS = 24 * 3600 * 1000
OFFLINE_AFTER = 60.0
"""Seconds the line must be down before it goes by the modem, unless it is urgent."""


NO_CHANNEL = Reason("no channel that could reach them is enabled", "no_channel")


class ManualWish(msgspec.Struct, frozen=True, kw_only=True):
    """What the person asks for. No `template`: `text` is sent as it is; with one, `text` fills its place for own words.

    `via` empty: whatever reaches the recipient soonest. `urgent` passes quiet hours.
    """

    template: str = ""
    text: str | None = None
    subject: str | None = None
    audience: str = CUSTOMER
    via: tuple[str, ...] = ()
    urgent: bool = False


def manual_planner(wish: ManualWish, settings: Settings, channels: Mapping[str, Reach]) -> Planner:
    """A planner for the one event that records the wish: its messages, whatever the routes say.

    `channels` as for `make_planner`. Raises LookupError for an audience or channel that is not there: the text says which.
    """
    named: list[Recipient] = []
    if wish.audience == TEAM:
        named = [Recipient(TEAM, {})]
    elif wish.audience in settings.audiences:
        named = audience_recipients(wish.audience, settings.audiences[wish.audience], settings)
    elif wish.audience != CUSTOMER:
        known = (CUSTOMER, TEAM, *settings.audiences)
        raise LookupError(f"no audience {wish.audience!r}{or_known(wish.audience, known)}")
    for name in wish.via:
        if name not in channels:
            enabled = or_known(name, sorted(channels), known_are="enabled are")
            raise LookupError(f"no channel {name!r} is enabled{enabled}")
    usual = DESK if wish.audience == TEAM else AT_ONCE if wish.audience == CUSTOMER else AT_ONCE + DESK
    via = wish.via or ways(usual, channels)
    countries = countries_of(settings)

    def plan(posted: Posted, before: Order | None, after: Order) -> Plan:
        recipients = named or [customer_recipient(after.customer, settings.store.country)]
        policy = Policy(
            urgent=wish.urgent,
            supersede=False,
            manual=True,
            offline_after=OFFLINE_AFTER if works_offline(via, channels) else None,
        )
        return Plan(
            [_message(wish, posted, who, via, way_to(who, via, channels, countries), policy) for who in recipients]
        )

    return plan


def _message(
    wish: ManualWish, posted: Posted, who: Recipient, via: tuple[str, ...], way: Way, policy: Policy
) -> PlannedMessage:
    return PlannedMessage(
        id=message_id(posted.source, posted.event.id, who.name, wish.template),
        audience=wish.audience,
        recipient=who.name,
        addresses=who.addresses,
        via=way.via or via,
        template=wish.template,
        text=wish.text,
        subject=wish.subject,
        trigger=posted.event.type,
        priority=Priority.HIGH,
        due_at=posted.received_at,
        expires_at=posted.received_at + EXPIRES_MS,
        policy=policy,
        state=State.FAILED if way.shut else State.QUEUED if way.via else State.SUPPRESSED,
        reason=way.reason or (NO_REASON if via else NO_CHANNEL),
    )
