"""What staff take back leaves nothing behind: nobody is told twice, no time stands that holds no more, and what is on its way stays one."""

from typing import Any

import msgspec
import pytest

from daemon.config import RouteTable
from outbox.model import State
from tests.support.face import Face, event, opened
from tests.support.small_store import store_settings

ORDER = "/v1/orders/B-1042"
PROMISED = {"promised_at": "2026-11-24T15:00:00Z"}


async def staff(face: Face, what: str, body: Any) -> Any:
    return await face.post(f"{ORDER}/{what}", body, as_="desk")


async def test_who_was_told_is_not_told_again_with_the_reminder_that_waits_again() -> None:
    at_once = {"on": "order.confirmed", "to": "customer", "via": ["sendgrid"]}
    reminder = {"on": "order.confirmed", "to": "customer", "via": ["twilio"], "at": "-2h", "template": "order.ready"}
    routes = [msgspec.convert(each, RouteTable) for each in (at_once, reminder)]
    async with opened(store_settings(route=routes)) as face:
        await face.post("/v1/events", event("e-1", "order.confirmed", order=PROMISED))
        told, waits = await face.store.messages()
        await face.store.end(told.id, State.SENT)
        await staff(face, "status", {"status": "order.ready", "id": "k-1"})
        assert (await face.store.message(waits.id)).state is State.SUPERSEDED
        assert (await staff(face, "undo", {"event_id": "k-1"})).status == 200
        queued = [each for each in await face.store.messages() if each.state is State.QUEUED]
        assert [(each.trigger, each.template) for each in queued] == [("order.confirmed", "order.ready")]


async def test_a_new_time_goes_with_the_step_that_gave_it(face: Face) -> None:
    await face.post("/v1/events", event("e-1", "order.confirmed", order=PROMISED))
    later = {"status": "order.delayed", "promised_at": "2026-11-24T17:00:00Z", "id": "k-1"}
    await staff(face, "status", later)
    assert (await staff(face, "undo", {"event_id": "k-1"})).json["status"] == "order.confirmed"
    assert (await face.get(ORDER)).json["promised_at"] == "2026-11-24T15:00:00.000Z"


@pytest.mark.parametrize("held", [False, True])
async def test_what_waits_does_not_go_twice_when_staff_had_not_told_it_after_all(face: Face, held: bool) -> None:
    await face.post("/v1/events", event("e-1", "refund.issued", data={"amount": "5.00"}))
    if held:
        await staff(face, "hold", {})
    (refund,) = await face.store.messages()
    await staff(face, "told", {"message_id": refund.id, "id": "t-1"})
    assert (await staff(face, "undo", {"event_id": "t-1"})).status == 200
    if held:
        await staff(face, "release", {})
    (waits,) = [each for each in await face.store.messages() if each.state is State.QUEUED]
    assert (waits.trigger, waits.via, waits.addresses) == ("refund.issued", refund.via, refund.addresses)


async def test_what_is_on_its_way_stays_one_when_staff_had_not_told_it_after_all(face: Face) -> None:
    """An entry that is being sent for good held up all that its customer was to hear, and the service's next start."""
    await face.post("/v1/events", event())
    (ready,) = await face.store.messages()
    await face.store.begin(ready.id)
    await staff(face, "told", {"id": "t-1"})
    answer = await staff(face, "undo", {"event_id": "t-1"})
    assert (answer.status, "on its way" in answer.problem["detail"]) == (409, True)
    assert [each.state for each in await face.store.messages()] == [State.SENDING, State.DELIVERED]
    assert await face.store.box.spool.rescue() == 1
