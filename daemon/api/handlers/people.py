"""A person's own data: what is kept of them, and taking it out. The address stands in the body, so that no log of addresses has it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from daemon.api.plumbing.route import Call, NoQuery, Scope, post
from daemon.api.schema.problem import Problem
from daemon.wire.customers import Copy, Forgotten, Person
from daemon.wire.requests.people import ForgetWish, PersonWish
from daemon.wire.values import When, rfc3339
from outbox.model import Message
from outbox.views import Story


async def forget(call: Call[NoQuery, ForgetWish]) -> Forgotten:
    address, dry_run = _address(call.body.address), call.body.dry_run
    removed = await call.services.box.people.forget(address, actor=call.caller.actor, dry_run=dry_run)
    found, unseen = await _copies(call)
    return Forgotten(dry_run=dry_run, **msgspec.structs.asdict(removed), copies=found, copies_unseen=unseen)


async def _copies(call: Call[NoQuery, ForgetWish]) -> tuple[Sequence[Copy], str]:
    """With the end that they have by this forgetting, done or not."""
    services = call.services
    known = await services.copies()
    latest = services.clock.now() + round(services.settings.data.copies * 1000)
    found = [
        Copy(copy.name, copy.kind, When(copy.made_at), When(latest if copy.until is None else copy.until))
        for copy in known.copies
    ]
    return found, known.unseen


async def export(call: Call[NoQuery, PersonWish]) -> Person:
    address = _address(call.body.address)
    held = await call.services.box.people.held(address)
    await call.services.box.audit.append(
        "person.exported", actor=call.caller.actor, detail={"orders": len(held.stories)}
    )
    return Person(
        address,
        [_story(story) for story in held.stories],
        [{"at": rfc3339(reply.at), "channel": reply.channel, "text": reply.text} for reply in held.replies],
        [
            {
                "at": rfc3339(word.at),
                "medium": word.medium,
                "stopped": word.stopped,
                "by": word.actor,
                "reason": word.reason,
            }
            for word in held.consent
        ],
        [
            {"at": rfc3339(body.at), "source": body.source, "body": body.body.decode("utf-8", "replace")}
            for body in held.bodies
        ],
    )


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
                "received_at": rfc3339(event.received_at),
                "content": msgspec.json.decode(event.raw) if event.raw else None,
            }
            for event in story.events
        ],
        "messages": [_message(message, story) for message in story.messages],
        "replies": [{"at": rfc3339(reply.at), "channel": reply.channel, "text": reply.text} for reply in story.replies],
    }


def _message(message: Message, story: Story) -> dict[str, Any]:
    return {
        "id": message.id,
        "to": dict(message.addresses),
        "about": message.trigger,
        "state": message.state,
        "created_at": rfc3339(message.created_at),
        "attempts": [
            {
                "channel": attempt.channel,
                "to": attempt.address,
                "at": rfc3339(attempt.started_at),
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
        Person,
        Scope.ADMIN,
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
        examples={"first look": {"address": "ada@example.com", "dry_run": True}},
    ),
)
