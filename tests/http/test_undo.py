"""What staff take back leaves nothing behind: nobody is told twice, no time stands that holds no more, and what is on its way stays one."""

from typing import Any

import msgspec
import pytest

from daemon.config import RouteTable
from outbox.model import Attempt, State, Transition
from outbox.outcome import Accepted, Deferred, Unknown
from outbox.reasons import Reason
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


async def test_what_is_told_again_says_all_that_it_said(face: Face) -> None:
    """It was a delay without a new time, and not in the words that staff had found for it."""
    await face.post("/v1/events", event("e-1", "order.confirmed", order=PROMISED))
    later, words = "2026-11-24T17:00:00Z", "The van broke down: we are with you at five."
    change = {"status": "order.delayed", "promised_at": later, "text": words, "data": {"message": "The van."}}
    await staff(face, "status", {**change, "id": "k-1"})
    await staff(face, "status", {"status": "order.ready", "id": "k-2"})
    assert (await staff(face, "undo", {"event_id": "k-2"})).json["status"] == "order.delayed"
    (again,) = await face.store.box.views.events("undo-k-2", source="counter")
    told = msgspec.json.decode(again.raw)
    assert (told["order"]["promised_at"], told["data"]["message"]) == (later, "The van.")
    (waits,) = [each for each in await face.store.messages() if each.state is State.QUEUED]
    assert (waits.trigger, waits.text) == ("order.delayed", words)


async def test_what_the_till_says_too_is_told_all_the_same(face: Face, order: str) -> None:
    """It led to no message of its own: theirs went with the step that was undone, and the customer was not told."""
    ready = (await staff(face, "status", {"status": "order.ready"})).json
    assert (await face.post("/v1/events", event("e-2"))).json["messages"] == []
    answer = await staff(face, "undo", {"event_id": ready["event_id"]})
    assert (answer.status, "says so too" in answer.problem["detail"]) == (409, True)
    assert (await face.get(order)).json["status"] == "order.ready"
    assert (await face.store.message(ready["messages"][0]["id"])).state is State.QUEUED


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


async def in_doubt(face: Face) -> Attempt:
    """The customer's message may have arrived: its provider gave no answer."""
    await face.post("/v1/events", event())
    (ready,) = await face.store.messages()
    attempt = await face.store.begin(ready.id)
    why = Reason("no answer came", "unsure")
    unsure = Transition(state=State.UNKNOWN, reason=why, due_at=face.store.clock.now() + 5000)
    await face.store.box.spool.settle(attempt, Unknown("no answer came"), unsure)
    return attempt


async def test_what_staff_phoned_about_is_not_sent_again_when_it_turns_out_not_to_have_arrived(face: Face) -> None:
    """The line went under it; staff rang the customer; hours later the provider says that it has no such text."""
    attempt = await in_doubt(face)
    await staff(face, "told", {"id": "t-1"})
    moved = await face.store.box.spool.settle(attempt, Deferred("it is not there"), Transition(state=State.QUEUED))
    assert (moved.state, moved.reason.code) == (State.SUPERSEDED, "told_meanwhile")
    assert [each.state for each in await face.store.messages()] == [State.SUPERSEDED, State.DELIVERED]


async def test_what_was_in_doubt_goes_on_when_staff_had_not_phoned_after_all(face: Face) -> None:
    """And it stays the one that is: a copy of it would be in doubt for good, with nobody who looks it up."""
    attempt = await in_doubt(face)
    await staff(face, "told", {"id": "t-1"})
    assert (await staff(face, "undo", {"event_id": "t-1"})).status == 200
    states = [each.state for each in await face.store.messages()]
    assert states == [State.UNKNOWN, State.DELIVERED, State.CANCELLED]
    moved = await face.store.box.spool.settle(attempt, Deferred("it is not there"), Transition(state=State.QUEUED))
    assert moved.state is State.QUEUED


async def test_the_card_of_what_was_in_doubt_says_what_became_of_it(face: Face) -> None:
    """Staff had not phoned after all: "NOT told", it said from then on, though the message had arrived, and who believed it told them twice."""
    attempt = await in_doubt(face)
    await staff(face, "told", {"id": "t-1"})
    assert (await face.get(ORDER)).json["told"]["reason_code"] == "phoned"
    await staff(face, "undo", {"event_id": "t-1"})
    assert (await face.get(ORDER)).json["told"]["state"] == "unknown"
    await face.store.box.spool.resolve(attempt, Accepted("SM1", "looked up"), Transition(state=State.SENT))
    assert (await face.get(ORDER)).json["told"]["state"] == "sent"
    await staff(face, "contact", {"phone": "+447400123456"})
    assert [each.state for each in await face.store.messages() if each.state is State.QUEUED] == []


async def test_what_staff_are_asked_about_can_be_sent_again_when_they_had_not_phoned_after_all(face: Face) -> None:
    """It was refused for newer news, which was their own word that they had taken back."""
    attempt = await in_doubt(face)
    ask = Transition(state=State.UNKNOWN, reason=Reason("staff decide", "staff_decide"))
    await face.store.box.spool.resolve(attempt, Unknown("no answer came"), ask)
    (ready,) = await face.store.messages()
    await staff(face, "told", {"id": "t-1"})
    assert (await face.post(f"/v1/messages/{ready.id}/retry", {}, as_="desk")).status == 409
    assert (await staff(face, "undo", {"event_id": "t-1"})).status == 200
    assert (await face.post(f"/v1/messages/{ready.id}/retry", {}, as_="desk")).json["state"] == "queued"


@pytest.fixture
async def order(face: Face) -> str:
    await face.post("/v1/events", event("e-1", "order.in_production", order={"total": "48.50", "currency": "GBP"}))
    return ORDER


async def test_undo_within_the_grace_period(face: Face, order: str) -> None:
    done = (await staff(face, "status", {"status": "order.ready"})).json
    await face.store.clock.advance(5)
    answer = await staff(face, "undo", {"event_id": done["event_id"]})
    assert answer.json == {"event_id": done["event_id"], "cancelled": 1, "status": "order.in_production"}
    shown = (await face.get(order)).json
    assert shown["status"] == "order.in_production"
    assert (await face.get(f"/v1/messages/{done['messages'][0]['id']}")).json["state"] == "cancelled"
    again = await staff(face, "undo", {"event_id": done["event_id"]})
    assert again.status == 200
    assert again.json["cancelled"] == 0


async def test_undo_tells_again_who_had_not_heard_yet(face: Face, order: str) -> None:
    older = (await face.store.messages())[0].id
    done = (await staff(face, "status", {"status": "order.ready"})).json
    assert (await face.store.message(older)).state is State.SUPERSEDED
    await staff(face, "undo", {"event_id": done["event_id"]})
    told = (await face.get(order)).json["told"]
    assert told["state"] == "queued"
    assert told["message_id"] != older


async def test_undo_too_late(face: Face, order: str) -> None:
    done = (await staff(face, "status", {"status": "order.ready"})).json
    await face.store.clock.advance(9)
    assert (await staff(face, "undo", {"event_id": done["event_id"]})).status == 409


async def test_undo_of_what_is_on_its_way(face: Face, order: str) -> None:
    done = (await staff(face, "status", {"status": "order.ready"})).json
    await face.store.begin(done["messages"][0]["id"])
    answer = await staff(face, "undo", {"event_id": done["event_id"]})
    assert answer.status == 409
    assert "on its way" in answer.problem["detail"]


async def test_undo_of_what_leaves_in_that_very_moment(face: Face, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    done = (await staff(face, "status", {"status": "order.ready"})).json
    views = face.store.box.views
    story = views.story

    async def read_before_it_leaves(ref: str) -> Any:
        found = await story(ref)
        await face.store.begin(done["messages"][0]["id"])
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(views, "story", read_before_it_leaves)
        answer = await staff(face, "undo", {"event_id": done["event_id"]})
    assert answer.status == 409
    assert (await face.get(order)).json["status"] == "order.ready", "its customer is told so"


async def test_two_steps_are_undone_one_after_the_other_and_nobody_hears(face: Face, order: str) -> None:
    ready = (await staff(face, "status", {"status": "order.ready"})).json
    await face.store.clock.advance(2)
    completed = (await staff(face, "status", {"status": "order.completed"})).json
    assert (await staff(face, "undo", {"event_id": completed["event_id"]})).json["status"] == "order.ready"
    told = await face.store.message((await face.get(order)).json["told"]["message_id"])
    assert (told.trigger, told.state) == ("order.ready", State.QUEUED)
    assert told.due_at == told.created_at + 6000, "so long it can be undone"
    undone = await staff(face, "undo", {"event_id": ready["event_id"]})
    assert undone.json["status"] == "order.in_production"
    assert (await face.store.message(told.id)).state is State.CANCELLED


async def test_undo_of_what_the_undo_of_a_later_step_told(face: Face, order: str) -> None:
    ready = (await staff(face, "status", {"status": "order.ready"})).json
    completed = (await staff(face, "status", {"status": "order.completed"})).json
    await staff(face, "undo", {"event_id": completed["event_id"]})
    await face.store.begin((await face.get(order)).json["told"]["message_id"])
    assert (await staff(face, "undo", {"event_id": ready["event_id"]})).status == 409
    assert (await face.get(order)).json["status"] == "order.ready"


async def test_undo_of_what_staff_did_not_do(face: Face, order: str) -> None:
    answer = await staff(face, "undo", {"event_id": "e-1"})
    assert (answer.status, answer.fields) == (404, ["event_id"])


async def test_undo_of_what_a_forgotten_customer_had_is_too_late_and_no_fault(face: Face, order: str) -> None:
    done = (await staff(face, "status", {"status": "order.ready"})).json
    await face.store.box.people.forget("ada@example.com", actor="Mia")
    await face.store.clock.advance(9)
    assert (await staff(face, "undo", {"event_id": done["event_id"]})).status == 409


async def test_undo_of_a_step_whose_data_has_a_name_of_ours(face: Face, order: str) -> None:
    """An integration's own word for who did it: that step could not be undone, nor the next one."""
    await staff(face, "status", {"status": "order.ready", "data": {"by_hand": "Ada"}, "id": "k-1"})
    await staff(face, "status", {"status": "order.completed", "id": "k-2"})
    for id in ("k-2", "k-1"):
        assert (await staff(face, "undo", {"event_id": id})).status == 200


async def test_a_delay_that_was_told_again_is_undone_with_its_time(face: Face) -> None:
    """To a number that staff found, which told the delay's time once more."""
    first = {**event("e-1", "order.confirmed", order=PROMISED), "customer": {"name": "Kofi"}}
    await face.post("/v1/events", first)
    late = {"status": "order.delayed", "promised_at": "2026-11-24T17:00:00Z", "id": "k-1"}
    await staff(face, "status", late)
    assert (await staff(face, "contact", {"phone": "07700 900456", "id": "k-2"})).status == 200
    assert (await staff(face, "undo", {"event_id": "k-2"})).status == 200
    assert (await staff(face, "undo", {"event_id": "k-1"})).json["status"] == "order.confirmed"
    assert (await face.get(ORDER)).json["promised_at"] == "2026-11-24T15:00:00.000Z"
