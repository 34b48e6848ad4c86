"""`[replies]`: exact words of a customer with an open order act on it; whatever is not certain is a message to read."""

import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from daemon.channels.base import Channel, Notes, Reply, Surroundings
from daemon.channels.registry import build
from daemon.config import ConfigError, Settings, decode
from daemon.dispatch.probe import Probe
from daemon.dispatch.receipts import ReceiptService
from daemon.dispatch.reply_words import SHIPPED, ReplyWords, texts
from daemon.dispatch.uplink import Uplink
from daemon.gsm_alphabet import septets
from daemon.http import open_http
from daemon.runtime.verify import verify
from outbox import Outbox, ReplyRow
from outbox.model import Message, Order, State
from tests.conformance.cases.intercom import CONTACT, posted
from tests.support.at_vendor import bench
from tests.support.channel_case import EMAIL
from tests.support.fake_clock import FakeClock
from tests.support.gsm import MemoryNotes
from tests.support.outbox_box import NOW, PHONE, accept_one, open_box, planned, plans, send
from tests.support.outbox_box import posted as event

Hear = Callable[..., Any]


class Counter:
    """A desk on a real outbox."""

    def __init__(self, box: Outbox, channel: Channel, settings: Settings, clock: FakeClock) -> None:
        async def ignored(_: object) -> None: ...

        uplink = Uplink(clock, [], every=5.0, on_change=ignored, probe=Probe())
        self.box, self.channel, self.clock = box, channel, clock
        self._words = ReplyWords(settings)
        self.receipts = ReceiptService(box, {}, uplink, clock, lambda name: True, settings.store, self._words)
        self._heard = 0

    async def hears(self, text: str, **more: Any) -> ReplyRow:
        self._heard += 1
        await self.receipts.reply(self.channel, Reply(address=PHONE, text=text, id=f"SM{self._heard}", **more))
        return (await self.box.replies.list(limit=1)).items[0]

    async def order(self, ref: str = "B-1") -> Order:
        (order,) = await self.box.views.orders_by_ref([ref])
        return order

    async def said(self) -> list[Message]:
        """The automatic answers that wait."""
        page = await self.box.views.messages(states=[State.QUEUED], limit=99, cursor=None)
        return [each for each in page.items if each.policy.answers]


@asynccontextmanager
async def counter(folder: Path, name: str = "twilio", **table: Any) -> AsyncIterator[Counter]:
    settings = decode({"store": {"name": "Balloon Loft"}, **table}, Settings, where="tether.toml")
    if name == "modem":
        clock = FakeClock()
        notes: Notes = MemoryNotes()
        around = Surroundings(clock=clock, rng=random.Random(1), notes=notes, country="GB")
        async with open_http(clock) as http, open_box(folder, clock) as box:
            yield Counter(box, build("modem", {"device": "/dev/null"}, {}, http, around), settings, clock)
    else:
        async with bench(name) as at, open_box(folder, at.clock) as box:
            yield Counter(box, at.channel, settings, at.clock)


async def told(box: Outbox, type: str = "order.ready", ref: str = "B-1", **customer: Any) -> None:
    """An order of Ada's, of whose status a text went out."""
    id = f"m_{ref}_{type}"
    event = {"id": id, "type": type, "ref": ref, "customer": {"name": "Ada", "phone": PHONE, **customer}}
    await send(box, await accept_one(box, planned(id, trigger=type, template=type), **event))


@pytest.mark.parametrize(
    "text", ["HERE", "here", " Here! ", "here...", "ICI", "aquí", "AQUI", "Aqui.", "hier", "HIER !", "aqui\u0301"]
)
async def test_i_am_outside_notes_the_time_at_the_order_and_is_thanked_for(tmp_path: Path, text: str) -> None:
    async with counter(tmp_path) as shop:
        await told(shop.box)
        reply = await shop.hears(text)
        assert (reply.action, reply.order_ref, reply.consent, reply.read) == ("arrived", "B-1", None, False)
        assert (await shop.order()).arrived_at == NOW
        (thanks,) = await shop.said()
        assert thanks.text is not None
        assert "B-1" in thanks.text
        assert (thanks.order_ref, thanks.addresses, thanks.via) == ("B-1", {"phone": PHONE}, ("twilio",))
        kinds = [row.kind for row in (await shop.box.audit.list(order_ref="B-1", limit=99)).items]
        assert kinds.count("order.arrived") == 1


@pytest.mark.parametrize("type", ["order.customization_needed", "order.out_of_stock"])
@pytest.mark.parametrize(
    ("text", "answer"), [("Yes", "yes"), ("OUI.", "yes"), ("Sí", "yes"), ("ja", "yes"), ("Nein", "no"), ("NO", "no")]
)
async def test_yes_and_no_answer_the_question_that_the_status_asked(
    tmp_path: Path, type: str, text: str, answer: str
) -> None:
    async with counter(tmp_path) as shop:
        await told(shop.box, type)
        assert (await shop.hears(text)).action == answer
        assert ((await shop.order()).answer, (await shop.order()).answer_at) == (answer, NOW)
        assert len(await shop.said()) == 1


@pytest.mark.parametrize(
    "text", ["here we go", "not here", "HERE?? where", "yes please", "is it ready?", "👍", "", "!", "here\nyes"]
)
async def test_more_than_the_word_is_a_message_to_read(tmp_path: Path, text: str) -> None:
    async with counter(tmp_path) as shop:
        await told(shop.box, "order.out_of_stock")
        reply = await shop.hears(text)
        assert (reply.action, reply.order_ref) == ("", "B-1")
        order = await shop.order()
        assert (order.arrived_at, order.answer) == (0, "")
        assert await shop.said() == []


async def test_of_a_stranger_and_of_somebody_whose_order_is_done_it_is_a_message_to_read(tmp_path: Path) -> None:
    async with counter(tmp_path) as shop:
        assert (await shop.hears("HERE")).action == ""
        for n, type in enumerate(("order.completed", "order.cancelled", "order.deleted")):
            await told(shop.box, type, f"B-{n}")
        assert (await shop.hears("HERE")).action == ""
        assert await shop.said() == []


async def test_whose_number_an_order_has_no_more_does_not_answer_for_its_customer(tmp_path: Path) -> None:
    """It stood there by mistake, or the next customer's order has the number that theirs had: what they agree to is not made for that one."""
    async with counter(tmp_path) as shop:
        await told(shop.box, "order.out_of_stock")
        right = {"name": "Kofi", "phone": "+447700900456"}
        await accept_one(shop.box, id="right", type="staff.contact", customer=right)
        reply = await shop.hears("yes")
        assert (reply.action, reply.order_ref, (await shop.order()).answer) == ("", "B-1", "")


async def test_what_yesterdays_customer_was_asked_is_not_answered_by_todays(tmp_path: Path) -> None:
    """Their order has its number now, and nobody has asked them yet."""
    ada = {"name": "Ada", "phone": PHONE}
    async with counter(tmp_path) as shop:
        await told(shop.box, "order.out_of_stock", name="Kofi", phone="+447700900456")
        await shop.box.spool.accept(event("over", "order.completed"), plans())
        for type in ("order.placed", "order.out_of_stock"):
            await shop.box.spool.accept(event(f"ada-{type}", type, customer=ada), plans())
        assert (await shop.hears("yes")).action == ""


async def test_a_yes_to_nothing_or_to_one_of_two_questions_answers_none(tmp_path: Path) -> None:
    async with counter(tmp_path) as shop:
        await told(shop.box, "order.ready")
        assert (await shop.hears("oui")).action == ""
        await accept_one(
            shop.box, planned("q0", trigger="order.out_of_stock"), id="q0", type="order.out_of_stock", ref="B-2"
        )
        await shop.box.spool.cancel("q0", actor="Mia", reason="")
        assert (await shop.hears("oui")).action == "", "the question never reached them"
        await told(shop.box, "order.out_of_stock", "B-3")
        assert (await shop.hears("oui")).order_ref == "B-3"
        await told(shop.box, "order.customization_needed", "B-4")
        assert (await shop.hears("non")).action == ""
        assert (await shop.order("B-3")).answer == "yes"


async def test_a_new_question_is_not_answered_yet(tmp_path: Path) -> None:
    async with counter(tmp_path) as shop:
        await told(shop.box, "order.out_of_stock")
        await shop.hears("no")
        await shop.hears("Yes")
        assert (await shop.order()).answer == "yes", "they thought better of it"
        shop.clock.step(60)
        await told(shop.box, "order.customization_needed")
        assert (await shop.order()).answer == ""


async def test_who_is_outside_is_so_for_what_is_ready(tmp_path: Path) -> None:
    async with counter(tmp_path) as shop:
        for ref, type in (("B-1", "order.ready"), ("B-2", "order.ready"), ("B-3", "order.placed")):
            await told(shop.box, type, ref)
        assert (await shop.hears("here")).order_ref == "B-2"
        assert [bool((await shop.order(ref)).arrived_at) for ref in ("B-1", "B-2", "B-3")] == [True, True, False]


async def test_yes_ends_a_silence_where_there_is_one_and_answers_where_there_is_none(tmp_path: Path) -> None:
    async with counter(tmp_path, "modem") as shop:
        await told(shop.box, "order.out_of_stock")
        await shop.hears("STOP")
        reply = await shop.hears("YES")
        assert (reply.consent, reply.action) == ("start", "")
        assert await shop.box.consent.blocked("sms", PHONE) is None
        reply = await shop.hears("YES")
        assert (reply.consent, reply.action) == (None, "yes")
        assert sorted(each.policy.answers for each in await shop.said()) == ["start", "stop", "yes"]


async def test_nobody_who_asked_for_silence_is_thanked(tmp_path: Path) -> None:
    async with counter(tmp_path) as shop:
        await told(shop.box)
        await shop.hears("STOP")
        await shop.hears("HERE")
        (thanks,) = await shop.said()
        begun = await shop.box.spool.begin(thanks.seq, channel="twilio", via_index=0, medium="sms", address=PHONE)
        assert getattr(begun, "opted_out", False)


async def test_by_whatsapp_the_answer_goes_back_by_whatsapp(tmp_path: Path) -> None:
    async with counter(tmp_path, "whatsapp") as shop:
        await told(shop.box)
        assert (await shop.hears("HERE")).action == "arrived"
        (thanks,) = await shop.said()
        assert (thanks.via, thanks.addresses) == (("whatsapp",), {"whatsapp": PHONE})


async def test_what_nobody_vouches_for_and_what_no_person_wrote_does_nothing(tmp_path: Path) -> None:
    """Somebody who can send in another's name, and wants the counter to ring or the store to pay for texts."""
    async with counter(tmp_path) as shop:
        await told(shop.box)
        assert (await shop.hears("HERE", vouched=False)).action == ""
        assert (await shop.hears("HERE", is_person=False)).action == ""
        assert await shop.said() == []


@pytest.mark.parametrize(
    ("text", "consent"),
    [
        ("Please STOP texting me about […]", "unclear"),
        ("STOP […]", "unclear"),
        ("BAJA […]", "unclear"),
        ("HERE", None),
        ("STOP", "unclear"),
        ("see you on […]", None),
    ],
)
async def test_half_of_a_text_does_nothing_and_is_for_staff_to_read(
    tmp_path: Path, text: str, consent: str | None
) -> None:
    """Its second part never came: nobody knows what it would have said, and a wish for silence is not passed over."""
    async with counter(tmp_path, "modem") as shop:
        await told(shop.box)
        reply = await shop.hears(text, is_whole=False)
        assert (reply.consent, reply.action, reply.order_ref) == (consent, "", "B-1")
        assert await shop.box.consent.blocked("sms", PHONE) is None
        assert await shop.said() == []


async def test_the_same_reply_twice_acts_once_and_of_a_kind_one_answer_a_day_leaves(tmp_path: Path) -> None:
    async with counter(tmp_path) as shop:
        await told(shop.box)
        await shop.receipts.reply(shop.channel, Reply(address=PHONE, text="HERE", id="one"))
        shop.clock.step(60)
        await shop.receipts.reply(shop.channel, Reply(address=PHONE, text="HERE", id="one"))
        assert (await shop.order()).arrived_at == NOW
        await shop.hears("HERE")
        assert (await shop.order()).arrived_at == NOW + 60_000
        assert len(await shop.said()) == 1


async def test_it_is_answered_in_the_customers_language_else_in_the_words(tmp_path: Path) -> None:
    async with counter(tmp_path) as shop:
        await told(shop.box, locale="de-AT")
        await shop.hears("HERE")
        (thanks,) = await shop.said()
        assert thanks.text == "Balloon Loft: danke, wir wissen, dass Sie draußen warten (Bestellung B-1)."
        assert (await shop.order()).customer.locale == "de-AT"


async def test_the_stores_own_words_go_over_the_shipped_ones(tmp_path: Path) -> None:
    own = {"Parked": "arrived", "here": "none", "fr": {"J'arrive": "arrived"}}
    async with counter(tmp_path, replies=own) as shop:
        await told(shop.box)
        assert (await shop.hears("HERE")).action == ""
        assert (await shop.hears("parked!")).action == "arrived"
        assert (await shop.hears("j'arrive")).action == "arrived"
        assert (await shop.hears("ici")).action == "arrived"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"STOP": "arrived"}, "replies.STOP: is fixed, it means STOP"),
        ({"Aide": "no"}, "replies.Aide: is fixed, it means HELP"),
        ({"en": {"start": "yes"}}, "replies.en.start: is fixed, it means START"),
        ({"...": "yes"}, "replies....: is no word"),
        ({"it": {"QUI": "arrived"}}, "replies.it: no such language; known are en, es, fr, de"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(table: dict[str, Any], words: str) -> None:
    settings = decode({"replies": table}, Settings, where="tether.toml")
    with pytest.raises(ConfigError) as error:
        verify(settings)
    assert words in str(error.value)


def test_an_action_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="replies"):
        decode({"replies": {"HERE": "dance"}}, Settings, where="tether.toml")


def test_what_is_answered_fits_one_text_in_every_language() -> None:
    store = Settings().store
    for action in ("arrived", "yes", "no"):
        said = texts(action, store)  # type: ignore[arg-type]
        assert set(said) == set(SHIPPED)
        for words in said.values():
            whole = words.replace("{ref}", "C-12345678").replace("Our shop", "Balloon Loft of Lond")
            assert (septets(whole) or 999) <= 160


async def test_a_long_row_of_marks_keeps_nobody_waiting(tmp_path: Path) -> None:
    """A stranger texts the modem 255 parts of exclamation marks and a letter, to have every till wait: it took ten seconds of the processor."""
    async with counter(tmp_path) as shop:
        await told(shop.box, "order.ready")
        began = time.process_time()
        assert (await shop.hears("here" + "!" * 39_000 + "x")).action == ""
        assert time.process_time() - began < 2
        assert (await shop.hears("here" + "!" * 39_000)).action == "arrived"


async def test_the_answer_outlives_the_move_of_the_order(tmp_path: Path) -> None:
    async with counter(tmp_path) as shop:
        await told(shop.box, "order.out_of_stock")
        await shop.hears("no")
        assert await state(shop.box, "m_B-1_order.out_of_stock") is State.SENT
        shop.clock.step(5)
        await told(shop.box, "order.in_production")
        assert (await shop.order()).answer == "no"
        assert (await shop.hears("no")).action == "", "nothing is asked any more"


async def state(box: Outbox, id: str) -> State:
    (message,) = await box.views.messages_by_id([id])
    return message.state


@pytest.mark.parametrize("nested", [False, True])
async def test_who_unsubscribes_from_intercoms_mails_is_silenced_by_mail(tmp_path: Path, nested: bool) -> None:
    """Its messages in the shop's own page stopped, and every mail went on."""
    contact = {"type": "contact", "id": CONTACT, "email": EMAIL}
    async with counter(tmp_path, "intercom") as desk:
        inbound = desk.channel.receive(posted("contact.unsubscribed", {"contact": contact} if nested else contact))
        await desk.receipts.apply_inbound(desk.channel, inbound)
        assert await desk.box.consent.blocked("email", EMAIL) is not None
        assert await desk.box.consent.blocked("chat", EMAIL) is None
