"""What a customer and the store said to each other about an order, both sides in turn, from its story. Pure."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from daemon.wire.orders import Entry, OrderDetail
from daemon.wire.values import When

BY_HAND = "staff.message"
UNSAID = frozenset({"superseded", "cancelled", "suppressed"})
"""States of a message in which its customer never hears it."""


class Turn(NamedTuple):
    """`state` and `about` are of our own: how it stands, and what it was about where its words are not known. `by`: who wrote by
    hand; "" for what was sent automatically."""

    at: When
    is_ours: bool
    text: str
    channel: str
    state: str = ""
    about: str = ""
    by: str = ""
    consent: str = ""
    action: str = ""
    id: str = ""


def turns(story: OrderDetail, is_system: Callable[[str], bool]) -> list[Turn]:
    """The oldest first, and none of an order that had the number before. `is_system`: whether a channel is one that no customer reads."""
    return list(_turns(story, is_system))


def _turns(story: OrderDetail, is_system: Callable[[str], bool]) -> Iterator[Turn]:
    said = {each.message_id: each.text for each in story.timeline if each.kind == "attempt" and each.text}
    authors = {each.event_id: each.actor for each in story.timeline if each.kind == "event" and each.event_id}
    for each in story.timeline:
        if each.past:
            continue
        if each.kind == "reply":
            yield Turn(each.at, False, each.text, each.channel, consent=each.consent, action=each.action)
        elif each.kind == "message" and each.audience == "customer" and not is_system(each.channel):
            if each.state in UNSAID and each.message_id not in said:
                continue
            yield Turn(
                each.at,
                True,
                said.get(each.message_id) or each.text,
                each.channel,
                state=each.state,
                about=each.template or each.type,
                by=_author(each, authors),
                id=each.message_id,
            )


def _author(message: Entry, authors: dict[str, str]) -> str:
    if message.type != BY_HAND:
        return ""
    return authors.get(message.event_id) or "?"
