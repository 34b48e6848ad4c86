"""What is said by itself to who wrote is a message like others: on the disk with their words, one a day of a kind, found with the person."""

from pathlib import Path

import msgspec
import pytest

from daemon.dispatch.answers import may_be_answered
from outbox import Outbox
from outbox.answers import AutomaticAnswer
from outbox.model import Attempt
from tests.store.test_replies import Reply
from tests.support.outbox_box import NOW, PHONE, accept_one, due_ids, open_box, planned, plans, posted

ANSWER = AutomaticAnswer(
    kind="stop",
    text="you will get no more",
    channel="modem",
    address_kind="phone",
    day="2026-11-27",
    expires_at=NOW + 3_600_000,
)


async def take(
    box: Outbox, id: str, text: str = "STOP", answers: AutomaticAnswer = ANSWER, consent: str | None = "stop"
) -> bool:
    reply = Reply(address=PHONE, text=text, id=id, consent=consent)
    return await box.replies.take("modem", reply, medium="sms", actor="modem", answers=answers)


async def test_it_waits_in_the_outbox_across_a_power_cut(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        assert await take(box, "1")
    async with open_box(tmp_path) as box:
        (due,) = await box.spool.due("modem", now=NOW, limit=9)
        assert (due.message.text, due.message.addresses, due.message.via) == (ANSWER.text, {"phone": PHONE}, ("modem",))
        assert due.message.expires_at == ANSWER.expires_at


async def test_silence_is_confirmed_to_whom_it_was_just_given_and_nothing_else_is_said(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        message = await accept_one(box, planned("news", via=("modem",)))
        await take(box, "1")
        (due,) = [due for due in await box.spool.due("modem", now=NOW, limit=9) if due.message.id != "news"]
        said = await box.spool.begin(due.message.seq, channel="modem", via_index=0, medium="sms", address=PHONE)
        assert isinstance(said, Attempt)
        news = await box.spool.begin(message.seq, channel="modem", via_index=0, medium="sms", address=PHONE)
        assert not isinstance(news, Attempt)


async def test_of_a_kind_one_a_day_goes_to_a_number_however_often_it_writes(tmp_path: Path) -> None:
    """Two machines that answer each other, or somebody who makes the store pay for a text a second."""
    async with open_box(tmp_path) as box:
        for n in range(5):
            await take(box, str(n))
        await take(box, "help", "HELP", msgspec.structs.replace(ANSWER, kind="help"), None)
        await take(box, "again", "HELP", msgspec.structs.replace(ANSWER, kind="help"), None)
        assert len(await due_ids(box, "modem")) == 2
        await take(box, "tomorrow", answers=msgspec.structs.replace(ANSWER, day="2026-11-28"))
        assert len(await due_ids(box, "modem")) == 3


async def test_it_belongs_to_their_order_held_or_not_and_to_none_that_a_list_shows(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await take(box, "1")
        await box.spool.accept(posted("e1", ref="B-1", customer={"phone": PHONE}), plans())
        await box.spool.hold("B-1", actor="Mia", reason="")
        await take(box, "2", answers=msgspec.structs.replace(ANSWER, kind="help"))
        refs = [due.message.order_ref for due in await box.spool.due("modem", now=NOW, limit=9)]
        assert refs[0].startswith("~")
        assert refs[1] == "B-1"
        assert [order.ref for order in (await box.views.orders(limit=9)).items] == ["B-1"]
        assert [reply.order_ref for reply in (await box.replies.list(limit=9)).items] == ["B-1", None]


async def test_it_is_forgotten_with_the_person(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await take(box, "1")
        assert (await box.people.forget(PHONE, actor="owner")).messages == 1
        assert await due_ids(box, "modem") == []
    assert PHONE[1:].encode() not in (tmp_path / "tether.db").read_bytes()


async def test_a_reply_that_may_be_a_wish_is_marked_for_staff(tmp_path: Path) -> None:
    async with open_box(tmp_path) as box:
        await box.replies.take("modem", Reply(address=PHONE, text="stop it"), medium="sms", actor="modem", unclear=True)
        (reply,) = (await box.replies.list(limit=9)).items
        assert reply.consent == "unclear"
        assert await box.consent.blocked("sms", PHONE) is None


@pytest.mark.parametrize(
    "address", ["12345", "VODAFONE", "+881612345678", "+882161234567", "+870773111632", "+19005550123", "", "+1"]
)
def test_nothing_is_said_to_short_codes_names_satellites_and_premium_numbers(address: str) -> None:
    assert not may_be_answered(address)


@pytest.mark.parametrize("address", [PHONE, "+33612345678", "+12025550123"])
def test_people_are_answered(address: str) -> None:
    assert may_be_answered(address)
