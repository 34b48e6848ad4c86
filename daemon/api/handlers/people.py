"""A person's own data: what is kept of them, and taking it out. The address stands in the body, so that no log of addresses has it."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from daemon.api.plumbing.reply import moment
from daemon.api.plumbing.route import Call, NoQuery, Scope, post
from daemon.api.plumbing.services import People
from daemon.api.schema.answers import Moment
from daemon.api.schema.problem import Problem
from daemon.api.schema.wire import Address
from outbox.model import Message
from outbox.views import Story


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


class CopyOut(msgspec.Struct, frozen=True):
    """A backup, or what an upgrade or a restore put aside. `until`: when it is gone at the latest; null: it is rotated out in its time."""

    name: str
    kind: Literal["backup", "aside"]
    made_at: Moment
    until: Moment | None


class Forgotten(msgspec.Struct, frozen=True):
    """How much of the person there was in what is kept now (or would be taken out), and which copies from before there are."""

    dry_run: bool
    orders: int
    events: int
    messages: int
    attempts: int
    replies: int
    optouts: int
    quarantined: Annotated[int, Meta(description="Bodies that nobody understood and that name them.")]
    left: Annotated[
        int,
        Meta(
            description="Orders that share an address with theirs and name somebody else, or so many that it is hardly theirs alone: "
            "these stay, and are forgotten by an address of their own."
        ),
    ]
    copies: Sequence[CopyOut]
    copies_unseen: Annotated[str, Meta(description="Why the backups can't be looked at now; empty: they were.")]


class PersonOut(msgspec.Struct, frozen=True):
    """All that is kept under the address."""

    address: str
    orders: Sequence[dict[str, Any]]
    replies: Sequence[dict[str, Any]]
    consent: Sequence[dict[str, Any]]
    quarantined: Annotated[
        Sequence[dict[str, Any]], Meta(description="What sources told of them and nobody understood.")
    ]


async def forget(call: Call[NoQuery, ForgetWish]) -> Forgotten:
    address, dry_run = _address(call.body.address), call.body.dry_run
    removed = await _people(call).forget(address, actor=call.caller.actor, dry_run=dry_run)
    found, unseen = await _copies(call)
    return Forgotten(dry_run=dry_run, **msgspec.structs.asdict(removed), copies=found, copies_unseen=unseen)


async def _copies(call: Call[NoQuery, ForgetWish]) -> tuple[Sequence[CopyOut], str]:
    """With the end that they have by this forgetting, done or not."""
    services = call.services
    if services.copies is None:
        return (), ""
    known = await services.copies()
    latest = services.clock.now() + round(services.settings.data.copies * 1000)
    found = [
        CopyOut(copy.name, copy.kind, moment(copy.made_at), moment(latest if copy.until is None else copy.until))
        for copy in known.copies
    ]
    return found, known.unseen


async def export(call: Call[NoQuery, PersonWish]) -> PersonOut:
    address = _address(call.body.address)
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
        [
            {"at": moment(body.at), "source": body.source, "body": body.body.decode("utf-8", "replace")}
            for body in held.bodies
        ],
    )


def _people(call: Call[NoQuery, Any]) -> People:
    if call.services.people is None:
        raise Problem(501, "this service keeps no people apart")
    return call.services.people


def _address(given: str) -> str:
    if "@" not in given and not any(character.isdigit() for character in given):
        raise Problem(422, "that can be neither a phone number nor a mail address nor a chat's id", field="address")
    return given.strip()


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
