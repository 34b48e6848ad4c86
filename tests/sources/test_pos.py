"""Our own event by a signed webhook: as it is, in a list, and in the envelope of Standard Webhooks."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from standardwebhooks import Webhook

from daemon.intake import pos
from tests.support.sources import NOW, AHook, open_front

SECRET = "whsec_YmFsbG9vbi1zaG9wLXRlc3Qtc2VjcmV0LTAwMDE="
ORDER = {"order": {"ref": "B-1"}}
ENVELOPE = {"type": "order.ready", "timestamp": "2026-11-24T10:14:00Z", "data": ORDER}
PLAIN = {"id": "e1", "type": "order.ready", **ORDER}


def signed(body: Any, id: str) -> AHook:
    raw = msgspec.json.encode(body)
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(NOW // 1000),
        "webhook-signature": Webhook(SECRET).sign(id, datetime.fromtimestamp(NOW // 1000, UTC), raw.decode()),
    }
    return AHook(source="till", body=raw, headers=headers)


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (PLAIN, ["e1"]),
        ([PLAIN, {**PLAIN, "id": "e2"}], ["e1", "e2"]),
        (ENVELOPE, ["msg_1"]),
        ({**ENVELOPE, "data": {"id": "e3", **ORDER}}, ["e3"]),
        ([ENVELOPE], ["msg_1"]),
        ([ENVELOPE, {**ENVELOPE, "type": "order.completed"}], ["msg_1/0", "msg_1/1"]),
    ],
)
async def test_a_signed_event_is_taken_once_by_its_id(tmp_path: Path, body: Any, ids: list[str]) -> None:
    async with open_front(tmp_path, secrets={"TILL_WEBHOOK_SECRET": SECRET}, till={"kind": "pos"}) as front:
        for _ in range(2):
            await front.take(signed(body, "msg_1"))
        assert (await front.events(), await front.waiting()) == ([(id, "B-1") for id in ids], [])


async def test_a_value_of_a_wrong_kind_costs_only_itself(tmp_path: Path) -> None:
    """PHP writes what is empty as a list: such a till was answered 200, and nobody was told."""
    order = {"ref": "B-1", "total": 48.5, "note": "Red", "items": [{"name": "Arch", "quantity": None}]}
    ready = {**PLAIN, "order": order, "customer": [], "data": []}
    wrong = [
        {**PLAIN, "order": {"total": "1.00"}},
        {**PLAIN, "id": 7},
        {**PLAIN, "order": "B-1"},
        {**PLAIN, "customer": {"phone": "07700 900123", "consent": {"sms": "no"}}},
        1,
    ]
    async with open_front(tmp_path, secrets={"TILL_WEBHOOK_SECRET": SECRET}, till={"kind": "pos"}) as front:
        await front.take(signed(ready, "msg_1"))
        assert (await front.events(), await front.waiting()) == ([("e1", "B-1")], [])
        (event,) = await front.box.views.events("e1")
        told = msgspec.json.decode(event.raw)
        assert told["order"] == {"ref": "B-1", "note": "Red"}
        assert told["unread"] == [
            "order.total: Expected str | null, got float",
            "order.items[0].quantity: Expected int | float | str, got null",
        ]
        await front.take(signed(wrong, "msg_2"))
        assert (await front.waiting())[0].split("; ") == [
            "event 0: order.ref is missing",
            "event 1: id: Expected str, got int",
            "event 2: order: Expected object, got str",
            "event 3: customer.consent[...]: Expected bool, got str",
            "event 4: it is no JSON object",
        ]


async def test_a_time_without_a_zone_is_on_the_stores_clock(tmp_path: Path) -> None:
    """A till in New York tells of ready at ten by its own clock, hours before the order was placed: it came late, and nobody was told."""
    order = {"ref": "B-1", "promised_at": "2026-07-01T15:00:00"}
    async with open_front(tmp_path, secrets={"TILL_WEBHOOK_SECRET": SECRET}, till={"kind": "pos"}) as front:
        for id, at in (("e1", "2026-07-01T12:00:00"), ("e2", "2026-07-01T11:00:00Z")):
            await front.take(signed({**PLAIN, "id": id, "order": order, "occurred_at": at}, id))
            (event,) = await front.box.views.events(id)
            told = msgspec.json.decode(event.raw)
            assert (told["occurred_at"], told["order"]["promised_at"]) == (
                "2026-07-01T11:00:00Z",
                "2026-07-01T14:00:00Z",
            )


@pytest.mark.parametrize(
    ("zone", "at"), [("America/New_York", "9999-12-31T23:59:59"), ("Europe/Berlin", "0001-01-01T00:00:00")]
)
def test_a_time_at_the_calendars_end_stays(zone: str, at: str) -> None:
    """It has no place on another clock: the till was answered 500, and its event was lost."""
    moment = datetime.fromisoformat(at)
    assert pos._placed(moment, ZoneInfo(zone)) == moment


@pytest.mark.parametrize(
    "customer",
    [
        *({"phone": "07700 900123", "consent": consent} for consent in (False, 0, "no", ["sms"])),
        [{"consent": {"sms": False}}],
    ],
)
async def test_what_may_be_a_refusal_costs_the_event(tmp_path: Path, customer: Any) -> None:
    """A till's box "may we write to you" as one word that is false: it was left out, and the customer texted."""
    async with open_front(tmp_path, secrets={"TILL_WEBHOOK_SECRET": SECRET}, till={"kind": "pos"}) as front:
        await front.take(signed({**PLAIN, "customer": customer}, "msg_1"))
        assert await front.events() == []
        assert "customer" in (await front.waiting())[0]
