"""How often a message goes of which nobody can tell whether it arrived, when it is repeated, and where it goes then: not often, and not to staff
while there is a good way."""

from pathlib import Path

import pytest

from daemon.dispatch.fallback import REPEAT_AFTER
from outbox.model import State
from outbox.outcome import CannotTell, Lookup, Unknown
from tests.support.heart import ROUTES, Heart, shop
from tests.support.scripted import CUT, Modem, Request

TROUBLE = Unknown("HTTP 500", code="500")


def nobody_can_tell(heart: Heart, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that sends no reports, or a list that is longer than one page."""
    monkeypatch.setattr(heart.providers, "look_up", lambda *_, **__: CannotTell("nobody can tell"))


def by(*via: str) -> dict[str, object]:
    return {"on": "order.*", "to": "customer", "via": list(via)}


async def test_a_provider_that_takes_all_and_answers_nothing_delivers_no_message_more_than_twice(
    heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server looks through each mail for longer than we wait, or its API has another field for its yes since this morning."""
    nobody_can_tell(heart, monkeypatch)
    for channel in ("vonage", "modem"):
        heart.providers.will(channel, *[CUT] * 30, arrives=True)
    await heart.tell("e1", "refund.issued")
    await heart.pass_time(7200)
    message = await heart.message()
    assert [one.channel for one in heart.providers.arrived] == ["vonage", "vonage", "modem"]
    assert (message.state, message.reason.code) == (State.UNKNOWN, "staff_decide")


# ---------------------------------------------------------------- the modem, while the line is down


@pytest.mark.parametrize("meanwhile", ["nothing", "restart", "back for a moment"])
async def test_in_an_outage_the_modem_texts_nobody_more_than_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """The way behind it lies beyond the line: the modem took the text from there again, and one customer had twenty of them."""
    async with Heart(tmp_path, shop(route=[by("twilio", "modem", "sendgrid"), ROUTES[2]])) as heart:
        nobody_can_tell(heart, monkeypatch)
        heart.providers.will("modem", *[CUT] * 30, arrives=True)
        await heart.cut_the_line()
        await heart.tell("e1")
        await heart.pass_time(1200)
        if meanwhile == "restart":
            await heart.stop()
            await heart.start()
        if meanwhile == "back for a moment":
            for channel in ("sendgrid", "twilio"):
                await heart.engine.board.pause(channel, reason="", actor="Mia")
            heart.providers.line_is_cut = False
            await heart.pass_time(10)
            heart.providers.line_is_cut = True
            await heart.tell("reveals again", "payment.failed", "B-9")
            for channel in ("sendgrid", "twilio"):
                await heart.engine.board.resume(channel, actor="Mia")
        await heart.pass_time(3600)
        assert heart.providers.texts("modem") == ["order.ready"] * 2
        heart.providers.line_is_cut = False
        await heart.pass_time(20)
        assert heart.providers.texts("sendgrid").count("order.ready") == 1


async def test_what_is_in_doubt_again_out_of_its_turn_goes_the_way_behind_the_modem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own channel comes last by then, and is not taken for that way."""
    monkeypatch.setattr(Modem, "can_look_up", False)
    async with Heart(tmp_path, shop(route=[by("vonage", "modem", "sendgrid"), ROUTES[2]])) as heart:
        heart.providers.will("vonage", TROUBLE)
        heart.providers.will("modem", CUT)
        await heart.tell("e1")
        await heart.pass_time(2)
        await heart.cut_the_line()
        await heart.pass_time(400)
        message = await heart.message()
        assert (message.via, message.channel) == (("modem", "sendgrid", "vonage"), "sendgrid")


async def the_modem_passes_on(heart: Heart, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an outage it has left a refund in doubt twice, and it waits for a way beyond the line."""
    nobody_can_tell(heart, monkeypatch)
    heart.providers.will("modem", CUT, CUT)
    await heart.cut_the_line()
    await heart.tell("e1", "refund.issued")
    await heart.pass_time(900)
    message = await heart.message()
    assert (message.state, message.channel) == (State.QUEUED, "vonage")


async def test_what_the_modem_passed_on_holds_up_no_news_of_its_order(
    heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it was ready went to nobody for the whole outage, beside a modem that had nothing to do."""
    await the_modem_passes_on(heart, monkeypatch)
    await heart.tell("e2", "order.ready")
    await heart.pass_time(300)
    assert heart.providers.texts("modem") == ["order.ready"]
    heart.providers.line_is_cut = False
    await heart.pass_time(20)
    assert heart.providers.texts("vonage") == ["refund.issued"]


@pytest.mark.parametrize("meanwhile", ["nothing", "restart"])
async def test_what_the_modem_passed_on_is_its_again_where_staff_say_so(
    heart: Heart, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """Once: what it leaves in doubt again goes on."""
    await the_modem_passes_on(heart, monkeypatch)
    if meanwhile == "restart":
        await heart.stop()
        await heart.start()
    heart.providers.will("modem", CUT, arrives=True)
    await heart.box.spool.retry((await heart.message()).id, actor="Mia")
    await heart.pass_time(3600)
    assert heart.providers.texts("modem") == ["refund.issued"]
    assert (await heart.message()).channel == "vonage"


# ---------------------------------------------------------------- what the line cut, or our own end


def cuts_the_line(heart: Heart, channel: str) -> None:
    """What leaves by that channel, as long as there is something in its script."""

    async def leaves(request: Request) -> None:
        heart.providers.line_is_cut = request.channel == channel and bool(heart.providers.script[channel])

    heart.providers.on_leaving = leaves


@pytest.mark.parametrize("channel", ["sendgrid", "twilio"])
@pytest.mark.parametrize("times", [2, 3])
async def test_what_the_line_cut_is_no_doubt_of_the_provider_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: str, times: int
) -> None:
    """It goes twice under one message, by a channel that can be asked or one that can't: staff were left with it. There is an end to it
    all the same."""
    async with Heart(tmp_path, shop(route=[by(channel)])) as heart:
        nobody_can_tell(heart, monkeypatch)
        heart.providers.will(channel, *[CUT] * times)
        cuts_the_line(heart, channel)
        await heart.tell("e1")
        for _ in range(times):
            assert heart.engine.uplink.is_down
            heart.providers.line_is_cut = False
            await heart.pass_time(20)
        message = await heart.message()
        assert len(heart.providers.left) == 3
        assert (message.reason.code == "staff_decide") == (message.state is State.UNKNOWN) == (times == 3)


async def test_what_is_found_to_have_revealed_an_outage_goes_as_soon_as_the_line_is_back(tmp_path: Path) -> None:
    """A moment before, another provider was reached: it looked like the provider's own trouble, which is waited out."""
    async with Heart(tmp_path, shop(route=[by("sendgrid"), *ROUTES[4:]])) as heart:
        await heart.tell("e1", "refund.issued", "B-1")
        heart.providers.will("sendgrid", CUT)
        await heart.tell("e2", "order.ready", "B-2")
        assert not heart.engine.uplink.is_down
        heart.providers.line_is_cut = True
        await heart.pass_time(2)
        await heart.tell("e3", "order.ready", "B-3")
        assert heart.engine.uplink.is_down
        heart.providers.line_is_cut = False
        await heart.pass_time(10)
        assert [await heart.states(ref) for ref in ("B-2", "B-3")] == [[State.SENT]] * 2


@pytest.mark.parametrize("times", [2, 3])
async def test_what_our_own_end_cut_stays_known_as_that_while_the_modem_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """The power fails under it, and again under its repeat: staff were left with it, and read that it waited for a status report. A stick that
    takes the box down with each text ends there all the same."""
    async with Heart(tmp_path, shop(route=[by("modem")])) as heart:
        began = heart.clock.monotonic()

        def look_up(*_: object, **__: object) -> Lookup:
            waits = heart.clock.monotonic() < began + 90
            return CannotTell("waiting for a status report", again=10 if waits else None)

        monkeypatch.setattr(heart.providers, "look_up", look_up)
        heart.providers.waits = True
        await heart.tell("e1")
        for kills in range(1, times + 1):
            assert await heart.states() == [State.SENDING]
            await heart.kill()
            heart.providers.waits = kills < times
            began = heart.clock.monotonic()
            await heart.start()
            await heart.pass_time(95)
        message = await heart.message()
        assert len(heart.providers.left) == 3
        if times == 2:
            assert message.state is State.SENT
        else:
            assert (message.state, message.reason.code) == (State.UNKNOWN, "staff_decide")
            assert "Tether stopped before the answer came" in message.reason


# ---------------------------------------------------------------- the provider's own trouble


async def test_a_provider_s_trouble_of_minutes_leaves_staff_with_nothing(tmp_path: Path) -> None:
    """The one repeat was spent within two seconds of it."""
    async with Heart(tmp_path, shop(route=[by("sendgrid")])) as heart:
        heart.providers.will("sendgrid", *[TROUBLE] * 30)
        await heart.tell("e1")
        await heart.pass_time(REPEAT_AFTER - 60)
        heart.providers.script["sendgrid"].clear()
        await heart.pass_time(120)
        message = await heart.message()
        assert (message.state, message.possible_duplicate, len(heart.providers.left)) == (State.SENT, True, 2)


async def test_a_mail_that_waits_for_its_provider_s_trouble_to_pass_holds_up_nothing(tmp_path: Path) -> None:
    """Five minutes of them, though the text has a way of its own."""
    receipt = {"on": "payment.*", "to": "customer", "via": ["sendgrid"]}
    async with Heart(tmp_path, shop(route=[receipt, by("twilio")])) as heart:
        heart.providers.will("sendgrid", TROUBLE)
        await heart.tell("e1", "payment.confirmed")
        await heart.tell("e2", "order.ready")
        assert heart.providers.texts() == ["order.ready"]
        await heart.pass_time(REPEAT_AFTER + 5)
        assert heart.providers.texts() == ["order.ready", "payment.confirmed"]


@pytest.mark.parametrize("channel", ["vonage", "twilio"])
async def test_what_is_in_doubt_twice_waits_for_a_way_that_is_only_paused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: str
) -> None:
    async with Heart(tmp_path, shop(route=[by(channel, "sendgrid")])) as heart:
        nobody_can_tell(heart, monkeypatch)
        heart.providers.will(channel, *[CUT] * 2)
        await heart.engine.board.pause("sendgrid", reason="", actor="Mia")
        await heart.tell("e1")
        await heart.pass_time(400)
        message = await heart.message()
        assert (message.state, message.channel) == (State.QUEUED, "sendgrid")
        await heart.engine.board.resume("sendgrid", actor="Mia")
        await heart.still()
        assert heart.providers.texts("sendgrid") == ["order.ready"]
