"""A person's own data: what is kept of them, and taking it out. The address stands in the body, so that no log of addresses has it."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from daemon.api.problem import Problem
from daemon.api.reply import moment
from daemon.api.route import Call, NoQuery, Scope, post
from daemon.api.services import People
from daemon.api.wire import Address
from daemon.planner.recipients import usable_address
from outbox.model import Message
from outbox.views import Story


class PersonWish(msgspec.Struct, frozen=True):
    """Whose data."""

    address: Annotated[
        Address, Meta(description="A phone number, as it is written in the store's country, or a mail address.")
    ]


class ForgetWish(PersonWish, frozen=True):
    dry_run: Annotated[bool, Meta(description="Only say how much would go.")] = False


class Forgotten(msgspec.Struct, frozen=True):
    """How much of the person there was in what is kept now (or would be taken out)."""

    dry_run: bool
    orders: int
    events: int
    messages: int
    attempts: int
    replies: int
    optouts: int


class PersonOut(msgspec.Struct, frozen=True):
    """All that is kept under the address."""

    address: str
    orders: Sequence[dict[str, Any]]
    replies: Sequence[dict[str, Any]]
    consent: Sequence[dict[str, Any]]


async def forget(call: Call[NoQuery, ForgetWish]) -> Forgotten:
    address = _address(call.body.address, call.services.settings.store.country)
    dry_run = call.body.dry_run
    removed = await _people(call).forget(address, actor=call.caller.actor, dry_run=dry_run)
    return Forgotten(dry_run=dry_run, **msgspec.structs.asdict(removed))


async def export(call: Call[NoQuery, PersonWish]) -> PersonOut:
    address = _address(call.body.address, call.services.settings.store.country)
    held = await _people(call).held(address)
    await call.services.box.audit.append(
        "person.exported", actor=call.caller.actor, detail={"orders": len(held.stories)}
    )
    return PersonOut(
        address,
        [_story(story) for story in held.stories],
        [{"at": moment(reply.at), "channel": reply.channel, "text": reply.text} for reply in held.replies],
        [
            {
                "at": moment(word.at),
                "medium": word.medium,
                "stopped": word.stopped,
                "by": word.actor,
                "reason": word.reason,
            }
            for word in held.consent
        ],
    )


def _people(call: Call[NoQuery, Any]) -> People:
    if call.services.people is None:
        raise Problem(501, "this service keeps no people apart")
    return call.services.people


def _address(given: str, country: str) -> str:
    usable = usable_address("email" if "@" in given else "phone", given, country)
    if usable is None:
        raise Problem(422, "that can be neither a phone number nor a mail address", field="address")
    return usable


def _story(story: Story) -> dict[str, Any]:
    return {
        "ref": story.order.ref,
        "status": story.order.status,
        "events": [
            {
                "id": event.id,
                "source": event.source,
                "type": event.type,
                "received_at": moment(event.received_at),
                "content": msgspec.json.decode(event.raw) if event.raw else None,
            }
            for event in story.events
        ],
        "messages": [_message(message, story) for message in story.messages],
        "replies": [{"at": moment(reply.at), "channel": reply.channel, "text": reply.text} for reply in story.replies],
    }


def _message(message: Message, story: Story) -> dict[str, Any]:
    return {
        "id": message.id,
        "to": dict(message.addresses),
        "about": message.trigger,
        "state": message.state,
        "created_at": moment(message.created_at),
        "attempts": [
            {
                "channel": attempt.channel,
                "to": attempt.address,
                "at": moment(attempt.started_at),
                "text": attempt.sent.text if attempt.sent else None,
            }
            for attempt in story.attempts
            if attempt.message_seq == message.seq
        ],
    }


ROUTES = (
    post(
        "/v1/people/export",
        export,
        "Give a person all that is kept of them",
        "People",
        PersonWish,
        PersonOut,
        Scope.ADMIN,
        refusals=(501,),
        examples={"by phone": {"address": "+447700900123"}},
    ),
    post(
        "/v1/people/forget",
        forget,
        "Forget a person",
        "People",
        ForgetWish,
        Forgotten,
        Scope.ADMIN,
        refusals=(501,),
        examples={"first look": {"address": "ada@example.com", "dry_run": True}},
    ),
)
