"""What would happen is what happens: the forecast of a message is held against the dispatcher's own doing in the same situation."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
import pytest

from daemon.config import QuietHours, TimeOfDay
from outbox.model import Event, Message, Posted, State
from tests.support.busy import until
from tests.support.face import event
from tests.support.small_store import CHANNELS, SmallStore, open_store, store_settings
from tests.support.sources import json_response

Situation = Callable[[SmallStore], Awaitable[object]]
ENDED = {State.SENT, State.FAILED, State.SUPPRESSED, State.HELD}


async def nothing(store: SmallStore) -> None:
    """All is well."""


async def stop_to_texts(store: SmallStore) -> None:
    await store.box.consent.stop("sms", "+447700900123", reason="STOP", actor="customer")


async def silence(store: SmallStore) -> None:
    await store.box.consent.stop("all", "+447700900123", reason="STOP", actor="customer")
    await store.box.consent.stop("all", "ada@example.com", reason="STOP", actor="customer")


async def pause(store: SmallStore) -> None:
    await store.engine.board.pause("twilio", reason="", actor="owner")


async def limit(store: SmallStore) -> None:
    assert (await store.engine.board.test("twilio", "+447700900123")).ok


async def line_down(store: SmallStore) -> None:
    await store.engine.board.force_uplink("down", actor="owner")


QUIET = {"quiet_hours": QuietHours(from_=TimeOfDay(10 * 60), to=TimeOfDay(12 * 60))}
QUIET_ALL_DAY = {"quiet_hours": QuietHours(from_=TimeOfDay(10 * 60), to=TimeOfDay(23 * 60))}
MAIL_ONLY = {"channels": {"sendgrid": dict(CHANNELS["sendgrid"])}}
LIMITED = {"channels": {"twilio": {**CHANNELS["twilio"], "daily_limit": 1}, "sendgrid": dict(CHANNELS["sendgrid"])}}
ONLY_LIMITED = {"channels": {"twilio": {**CHANNELS["twilio"], "daily_limit": 1}}}
CLOUD = {"channels": {name: dict(CHANNELS[name]) for name in ("twilio", "sendgrid")}}


@pytest.mark.parametrize(
    ("situation", "tables", "customer", "channel", "codes"),
    [
        (nothing, CLOUD, {}, "twilio", []),
        (stop_to_texts, CLOUD, {}, "sendgrid", []),
        (silence, CLOUD, {}, "twilio", ["opted_out"]),
        (pause, CLOUD, {}, "sendgrid", []),
        (limit, LIMITED, {}, "sendgrid", []),
        (limit, ONLY_LIMITED, {}, "twilio", ["daily_limit"]),
        (nothing, {**CLOUD, **QUIET}, {}, "twilio", ["quiet_hours"]),
        (nothing, {**CLOUD, **QUIET_ALL_DAY}, {}, "sendgrid", []),
        (nothing, CLOUD, {"phone": "+33612345678"}, "sendgrid", []),
        (nothing, CLOUD, {"phone": "+33612345678", "email": None}, "twilio", ["sms_country"]),
        (nothing, CLOUD, {"phone": "12", "email": None}, "twilio", ["several"]),
        (nothing, CLOUD, {"consent": {"sms": False}}, "sendgrid", []),
        (nothing, MAIL_ONLY, {}, "sendgrid", []),
        (nothing, {"channels": {}}, {}, "", None),
        (line_down, CLOUD, {}, "twilio", ["line_down"]),
    ],
)
async def test_what_would_happen_is_what_happens(
    situation: Situation, tables: Mapping[str, Any], customer: Mapping[str, Any], channel: str, codes: list[str] | None
) -> None:
    async with open_store(store_settings(**tables)) as store:
        store.http.answer = lambda asked: json_response({"sid": "SM1", "status": "queued"}, 201)
        await situation(store)
        told = event()
        told["customer"] = {key: value for key, value in {**told["customer"], **customer}.items() if value is not None}
        raw = msgspec.json.encode(told)
        posted = Posted("till-2", msgspec.json.decode(raw, type=Event), raw, store.clock.now())
        foreseen = await store.engine.forecast.of(None, posted, store.engine.planning.plan)
        assert await store.messages() == [], "looking ahead keeps nothing"
        if codes is None:
            assert foreseen == []
            return
        (seen,) = foreseen
        assert (seen.channel, [each.reason.code for each in seen.hindrances]) == (channel, codes)

        await store.engine.door.accept(posted)
        message = await dispatched(store, ends=not codes)
        if codes:
            assert message.state is not State.SENT
            assert message.reason.code in (*codes, "")
        else:
            assert (message.state, message.channel) == (State.SENT, channel)
            (attempt,) = [each for each in await store.box.views.attempts([message.id]) if each.outcome == "accepted"]
            assert attempt.sent is not None
            assert (attempt.address, attempt.sent.text) == (seen.to, seen.text.text)


async def dispatched(store: SmallStore, *, ends: bool) -> Message:
    """The one message, after the dispatcher has done what it does with it now: until it ends, where it is to."""

    async def has_ended() -> bool:
        await store.clock.advance(0.05)
        return (await store.messages())[0].state in ENDED

    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(store.engine.run(stop))
        if ends:
            await until(has_ended, every=0.002)
        else:
            for _ in range(40):
                await asyncio.sleep(0.002)
                if await has_ended():
                    break
        stop.set()
        await running
    return (await store.messages())[0]
