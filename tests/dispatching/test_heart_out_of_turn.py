"""While the line is down the modem takes what others were to send: what it sends, what it leaves, and how that goes back."""

from collections.abc import Set
from pathlib import Path

import pytest

from daemon.dispatch.lane import Lane
from outbox.confirmation import RestoredFrom
from outbox.model import State
from outbox.outcome import Deferred, Found, ReceiptState
from tests.support.heart import CHANNELS, ROUTES, Heart, shop
from tests.support.outbox_box import PHONE
from tests.support.scripted import BUSY, CUT, NOT_THEM, NOT_THIS_TEXT


async def test_the_modem_takes_a_text_out_of_its_turn_and_gives_it_back(heart: Heart) -> None:
    await heart.cut_the_line()
    await heart.tell("e1")
    await heart.pass_time(50)
    assert heart.providers.texts() == [], "the line may come back"
    heart.providers.will("modem", Deferred("no answer from the network", after=100))
    await heart.pass_time(20)
    message = await heart.message()
    assert (message.state, message.channel) == (State.QUEUED, "twilio"), "it could not, and the way back is open"
    heart.providers.line_is_cut = False
    await heart.pass_time(120)
    assert (await heart.message()).channel == "twilio"
    assert heart.providers.texts().count("order.ready") == 1


async def test_what_is_urgent_does_not_wait_behind_what_the_modem_has_of_its_own(tmp_path: Path) -> None:
    slow = {**CHANNELS, "modem": {"concurrency": 1, "rate": "6/m"}}
    by_the_way = {"on": "order.in_production", "to": "customer", "via": ["modem"], "priority": "low"}
    now = {"on": "order.ready", "to": "customer", "via": ["twilio", "modem"], "priority": "high"}
    async with Heart(tmp_path, shop(channels=slow, route=[by_the_way, now, ROUTES[2]])) as heart:
        await heart.cut_the_line()
        for n in range(15):
            await heart.tell(f"e{n}", "order.in_production", f"B-{n + 1}")
        await heart.tell("urgent", "order.ready", "B-99")
        await heart.pass_time(80)
        assert "order.ready" in heart.providers.texts("modem")


async def test_the_modem_keeps_what_it_sent(heart: Heart) -> None:
    await heart.cut_the_line()
    await heart.tell("e1")
    await heart.pass_time(70)
    assert heart.providers.texts("modem").count("order.ready") == 1
    heart.providers.line_is_cut = False
    await heart.pass_time(600)
    message = await heart.message()
    assert (message.state, message.channel) == (State.SENT, "modem")
    assert heart.providers.texts().count("order.ready") == 1


async def test_what_the_modem_refuses_out_of_its_turn_waits_for_the_line(tmp_path: Path) -> None:
    """Its own channel has not been asked yet, and the modem is not asked again."""
    only_texts = {"on": "order.*", "to": "customer", "via": ["twilio", "modem"]}
    async with Heart(tmp_path, shop(route=[only_texts, ROUTES[2]])) as heart:
        await heart.cut_the_line()
        heart.providers.will("modem", NOT_THEM)
        await heart.tell("e1")
        await heart.pass_time(1800)
        message = await heart.message()
        assert (message.state, message.channel, len(heart.providers.left)) == (State.QUEUED, "twilio", 1)
        heart.providers.line_is_cut = False
        await heart.pass_time(10)
        assert heart.providers.texts("twilio") == ["order.ready"]


async def test_what_a_lookup_shows_that_the_modem_could_not_deliver_waits_for_the_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A landline, of which the network says so before the modem names the text."""
    only_texts = {"on": "order.*", "to": "customer", "via": ["twilio", "modem"]}
    async with Heart(tmp_path, shop(route=[only_texts, ROUTES[2]])) as heart:
        monkeypatch.setattr(heart.providers, "look_up", lambda *_, **__: Found("M1", ReceiptState.UNDELIVERED))
        await heart.cut_the_line()
        heart.providers.will("modem", CUT)
        await heart.tell("e1")
        await heart.pass_time(1800)
        message = await heart.message()
        assert (message.state, message.channel, len(heart.providers.left)) == (State.QUEUED, "twilio", 1)
        heart.providers.line_is_cut = False
        await heart.pass_time(10)
        assert heart.providers.texts("twilio") == ["order.ready"]


@pytest.mark.parametrize("own", ["twilio", "sendgrid"])
async def test_what_the_modem_took_as_the_power_went_is_sent_by_the_channels_that_it_passed_by(
    tmp_path: Path, own: str
) -> None:
    """The line is down, the modem is at it, the power fails: when both are back the modem has no signal."""
    only = {"on": "order.*", "to": "customer", "via": [own, "modem"]}
    async with Heart(tmp_path, shop(route=[only, ROUTES[2]])) as heart:
        await heart.cut_the_line()
        heart.providers.waits = True
        await heart.tell("e1")
        await heart.pass_time(65)
        assert await heart.states() == [State.SENDING]
        await heart.kill()
        heart.providers.obstacles.add("modem")
        heart.providers.waits = heart.providers.line_is_cut = False
        await heart.start()
        await heart.pass_time(700)
        (sent,) = (one for one in heart.providers.arrived if one.channel == own and one.out.trigger == "order.ready")
        assert sent.out.possible_duplicate


async def test_who_wants_no_texts_gets_the_mail_when_the_line_returns(heart: Heart) -> None:
    await heart.box.consent.stop("sms", PHONE, reason="STOP", actor=PHONE)
    await heart.cut_the_line()
    await heart.tell("e1")
    before = await heart.box.views.newest()
    await heart.pass_time(1800)
    assert await heart.box.views.newest() == before, "nothing happened, and nothing was written"
    heart.providers.line_is_cut = False
    await heart.pass_time(10)
    assert heart.providers.texts("sendgrid") == ["payment.failed", "order.ready"]
    assert heart.providers.texts("modem") == []


async def test_a_mail_that_no_modem_may_take_at_night_leaves_when_the_line_returns(tmp_path: Path) -> None:
    mail = {"on": "order.*", "to": "customer", "via": ["sendgrid", "modem"]}
    night = {"from": "10:00", "to": "15:00", "media": ["sms"]}
    async with Heart(tmp_path, shop(route=[mail, ROUTES[2]], quiet_hours=night)) as heart:
        await heart.cut_the_line()
        await heart.tell("e1")
        await heart.pass_time(1800)
        heart.providers.line_is_cut = False
        await heart.pass_time(10)
        assert heart.providers.texts() == ["payment.failed", "order.ready"]


async def restored(heart: Heart, backup: str = "tether-1.backup") -> None:
    """From a backup, or what was saved of damage (""): texts to customers wait until staff have looked."""
    await heart.box.confirmation.ask(RestoredFrom(backup, heart.clock.now(), heart.clock.now()))
    await heart.reload(heart.settings)
    await heart.cut_the_line()


async def test_a_mail_is_not_held_since_the_modem_would_have_to_hold_a_text(tmp_path: Path) -> None:
    mail = {"on": "order.*", "to": "customer", "via": ["sendgrid", "modem"]}
    async with Heart(tmp_path, shop(route=[mail, ROUTES[2]])) as heart:
        await restored(heart)
        await heart.tell("e1")
        await heart.pass_time(7200)
        heart.providers.line_is_cut = False
        await heart.pass_time(10)
        assert heart.providers.texts() == ["payment.failed", "order.ready"]


async def test_what_staff_let_go_is_no_fraud_again_since_the_modem_looked_at_night(tmp_path: Path) -> None:
    """They would let it go as often as the modem looked."""
    text = {"on": "order.*", "to": "customer", "via": ["twilio", "modem"]}
    async with Heart(
        tmp_path, shop(route=[text, ROUTES[2]], quiet_hours={"from": "10:00", "to": "20:00", "media": ["sms"]})
    ) as heart:
        await heart.cut_the_line()
        await heart.tell("e1")
        let_go = (await heart.message()).id
        heart.engine.sms._held.add(let_go)
        await heart.pass_time(130)
        assert let_go in heart.engine.sms._held


@pytest.mark.parametrize(("backup", "why"), [("tether-1.backup", "after_restore"), ("", "after_repair")])
async def test_a_text_that_is_held_goes_by_the_modem_once_staff_have_looked(
    heart: Heart, backup: str, why: str
) -> None:
    await restored(heart, backup)
    await heart.tell("e1")
    await heart.pass_time(70)
    assert await heart.states() == [State.HELD]
    assert (await heart.message()).reason.code == why
    await heart.engine.restored.confirm("Mia")
    await heart.pass_time(70)
    assert heart.providers.texts("modem") == ["order.ready"]


OUT = {"on": "order.out_for_delivery", "to": "customer", "via": ["twilio", "modem"], "urgent": True, "expires": "4h"}
NIGHT = {"from": "10:00", "to": "20:00", "media": ["sms"]}


@pytest.mark.parametrize("own", ["sendgrid", "twilio"])
@pytest.mark.parametrize("meanwhile", ["nothing", "killed", "another"])
async def test_what_is_urgent_passes_what_no_modem_may_take_at_night(tmp_path: Path, own: str, meanwhile: str) -> None:
    """The line is down in the evening: the balloons are on their way, and before that stands a refund that can wait for the morning."""
    refund = {"on": "refund.*", "to": "customer", "via": [own, "modem"]}
    async with Heart(tmp_path, shop(route=[refund, OUT, ROUTES[2]], quiet_hours=NIGHT)) as heart:
        await heart.cut_the_line()
        await heart.tell("e1", "refund.issued")
        if meanwhile == "killed":
            await heart.pass_time(100)
            await heart.kill()
            await heart.start()
        await heart.tell("e2", "order.out_for_delivery")
        if meanwhile == "another":
            await heart.pass_time(30)
            await heart.tell("e3", "refund.issued", data={"amount": "5.00"})
        await heart.pass_time(300)
        assert heart.providers.texts("modem") == ["order.out_for_delivery"]
        if meanwhile == "killed":
            await heart.kill()
            await heart.start()
        heart.providers.line_is_cut = False
        await heart.pass_time(10 * 3600)
        assert heart.providers.texts(own).count("refund.issued") == (2 if meanwhile == "another" else 1)


async def test_what_passed_and_was_called_off_leaves_nobody_waiting(tmp_path: Path) -> None:
    mail = {"on": "refund.*", "to": "customer", "via": ["sendgrid", "modem"]}
    async with Heart(tmp_path, shop(route=[mail, OUT, ROUTES[2]], quiet_hours=NIGHT)) as heart:
        await heart.cut_the_line()
        heart.providers.obstacles.add("modem")
        await heart.tell("e1", "refund.issued")
        await heart.tell("e2", "order.out_for_delivery")
        await heart.pass_time(100)
        await heart.box.spool.cancel((await heart.message(nth=1)).id, actor="Mia", reason="")
        heart.providers.line_is_cut = False
        await heart.pass_time(30)
        assert heart.providers.texts("sendgrid") == ["payment.failed", "refund.issued"]


async def test_what_is_urgent_passes_what_no_modem_ever_takes(tmp_path: Path) -> None:
    """A receipt by mail alone stands before it: for the whole outage the modem, which works, sent that customer nothing."""
    receipt = {"on": "refund.*", "to": "customer", "via": ["sendgrid"]}
    async with Heart(tmp_path, shop(route=[receipt, OUT, ROUTES[2]])) as heart:
        await heart.cut_the_line()
        await heart.tell("e1", "refund.issued")
        await heart.tell("e2", "order.out_for_delivery")
        await heart.pass_time(120)
        assert heart.providers.texts("modem") == ["order.out_for_delivery"]
        heart.providers.line_is_cut = False
        await heart.pass_time(120)
        assert heart.providers.texts("sendgrid").count("refund.issued") == 1


@pytest.mark.parametrize("refused", [1, 2])
async def test_what_is_urgent_passes_what_is_urgent_too_and_the_modem_refused(tmp_path: Path, refused: int) -> None:
    """A text of too many parts: it can leave no more than a mail can."""
    refund = {"on": "refund.*", "to": "customer", "via": ["twilio", "modem"], "urgent": True}
    async with Heart(tmp_path, shop(route=[refund, OUT, ROUTES[2]])) as heart:
        await heart.cut_the_line()
        heart.providers.will("modem", *[NOT_THIS_TEXT] * refused)
        for n in range(refused):
            await heart.tell(f"e{n}", "refund.issued", data={"amount": f"{n + 1}.00"})
        await heart.tell("e9", "order.out_for_delivery")
        await heart.pass_time(200)
        assert heart.providers.texts("modem") == ["order.out_for_delivery"]
        heart.providers.line_is_cut = False
        await heart.pass_time(20)
        assert heart.providers.texts("twilio") == ["refund.issued"] * refused


async def test_what_the_modem_puts_off_is_tried_ever_later_while_the_line_is_down(tmp_path: Path) -> None:
    """It is the one that works then: a number that is out of order was tried twenty times in four minutes, and kept others waiting."""
    by_modem = {"on": "order.*", "to": "customer", "via": ["modem"]}
    channels = {**CHANNELS, "modem": {"concurrency": 1, "rate": "10/s"}}
    async with Heart(tmp_path, shop(route=[by_modem, ROUTES[2]], channels=channels)) as heart:
        await heart.cut_the_line()
        heart.rng.random = lambda: 1.0  # type: ignore[method-assign]  # the longest of each wait
        heart.providers.will("modem", *[BUSY] * 8)
        before = len(heart.providers.left)
        await heart.tell("e1")
        tries = []
        for _ in range(16):
            await heart.pass_time(1)
            tries.append(len(heart.providers.left) - before)
        assert [tries.index(n) for n in (2, 3, 4)] == [1, 5, 13], "2 s, then 4, then 8"


async def test_what_the_modem_leaves_is_not_gone_through_for_each_message_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an outage a stolen token posts orders that the modem refuses, to keep the service from everything else: with 20,000 of them left
    aside, one look through what waits took a minute of the processor."""
    looks = 0
    left_aside = Lane.left_aside

    def counted(lane: Lane, monotonic: float) -> Set[int]:
        nonlocal looks
        looks += 1
        return left_aside(lane, monotonic)

    monkeypatch.setattr(Lane, "left_aside", counted)
    only_texts = {"on": "order.*", "to": "customer", "via": ["twilio", "modem"]}
    taken = []
    async with Heart(tmp_path, shop(route=[only_texts, ROUTES[2]])) as heart:
        await heart.cut_the_line()
        for few in range(2):
            for n in range(5):
                heart.providers.will("modem", NOT_THEM)
                await heart.tell(f"e{few}-{n}", ref=f"B-{few}-{n}")
            await heart.pass_time(1800)
            looks = 0
            await heart.pass_time(600)
            taken.append(looks)
        assert len(heart.providers.left) == 10, "the modem was asked once for each"
    assert taken[0] == taken[1], "twice as many wait"
