"""A stick that starts anew without a word has forgotten what it was told: it is noticed before it sends what was not meant."""

import asyncio
from pathlib import Path

import pytest

from daemon.modem.command_queue import NotStarted
from daemon.modem.dialogue import Silent, Taken
from daemon.modem.simulator import CHARACTERS, Sim
from daemon.modem.status import Stage
from tests.support.gsm import bench
from tests.support.modem_shop import ADA, open_shop

both_ports = pytest.mark.parametrize("kind", ["pty", "tcp"])


@both_ports
@pytest.mark.parametrize("character", CHARACTERS)
async def test_a_modem_that_woke_in_text_mode_is_never_given_a_pdu_to_send_as_words(
    tmp_path: Path, kind: str, character: str
) -> None:
    async with bench(tmp_path, kind=kind, character=character) as b:
        await b.ready()
        b.modem.state.forget()
        b.modem.state.text_mode = True
        await b.send()
        assert [number for number, _ in b.modem.texts()] in ([], [ADA])
        await b.clock.until(lambda: not b.modem.state.echo)
        assert (await b.send("again")).complete
        assert b.modem.texts()[-1] == (ADA, "again")
        assert {number for number, _ in b.modem.texts()} == {ADA}


@both_ports
async def test_a_modem_that_starts_anew_between_two_commands_gets_no_pdu(tmp_path: Path, kind: str) -> None:
    """It said OK to PDU mode, and forgot it before it was told of the text: that it repeats what it is told gives it away."""
    async with bench(tmp_path, kind=kind) as b:
        await b.ready()
        b.modem.faults.forgets_after = "AT+CMGF=0"
        transmission = await b.send()
        assert isinstance(transmission.trouble, Silent)
        assert not transmission.trouble.written
        assert b.modem.sent == []
        await b.clock.until(lambda: not b.modem.state.echo)
        assert (await b.send()).complete
        assert [number for number, _ in b.modem.texts()] == [ADA]


@pytest.mark.parametrize("word", ["RDY", "^SYSSTART", "+CPIN: SIM PIN", "NORMAL POWER DOWN"])
async def test_a_word_of_a_start_amid_a_text_ends_it_without_waiting_and_without_claiming_anything(
    tmp_path: Path, word: str
) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.faults.network_seconds = 30
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(b.send())
            await b.clock.until(lambda: b.modem.commands[-1].startswith("AT+CMGS="))
            await b.clock.sleep(2)
            began = b.clock.monotonic()
            b.modem.start_anew(word)
            transmission = await sending
        assert transmission.trouble == Silent("the modem started anew", written=True)
        assert b.clock.monotonic() - began < 5


@pytest.mark.parametrize("word", ["Call Ready", "SMS Ready", "+CPIN: READY", "PB DONE", "+CFUN: 1"])
async def test_a_word_that_may_tell_of_a_start_has_everything_looked_at(tmp_path: Path, word: str) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        await b.clock.sleep(5)
        commands = len(b.modem.commands)
        b.modem.say(word)
        await b.clock.sleep(5)
        assert b.modem.commands[commands:] == ["AT+CMEE?"]  # all is as it was
        b.modem.state.forget()
        b.modem.say(word)
        await b.clock.until(lambda: b.modem.state.announces == 1, within=15)
        assert b.driver.status.resets == 0


async def test_switching_the_radio_on_is_not_taken_for_a_start(tmp_path: Path) -> None:
    async with bench(tmp_path, character="bare") as b:
        await b.ready()
        assert b.driver._session is not None
        b.driver._session._cycled_at = b.clock.monotonic()
        await b.clock.sleep(5)
        commands = b.modem.commands.count("AT+CMGF=0")
        b.modem.say("SMS Ready")
        await b.clock.sleep(10)
        assert b.modem.commands.count("AT+CMGF=0") == commands


async def test_a_start_that_is_only_assumed_ends_no_wait_for_a_late_answer(tmp_path: Path) -> None:
    """The network came back, and the stick says what others say after a start: the next text must not take that answer for its own."""
    async with bench(tmp_path, character="bare") as b:
        await b.ready()
        await b.clock.sleep(90)
        b.modem.faults.answers_later = 75
        assert (await b.send("for Ada")).unanswered
        set_up = b.modem.commands.count("AT+CMGF=0")
        b.modem.say("SMS Ready")
        await b.clock.until(lambda: b.modem.commands.count("AT+CMGF=0") > set_up, within=10)
        assert b.driver.owed_seconds > 60
        assert (await b.send("for Ben")).references == (b.modem.references[1],)
        assert [answer.reference for answer in b.ear.answers if isinstance(answer, Taken)] == [b.modem.references[0]]


async def test_what_a_stick_says_while_it_is_set_up_again_is_heard(tmp_path: Path) -> None:
    """The late answer to a text, as it is set up because it may have started anew."""
    async with bench(tmp_path, character="bare") as b:
        await b.ready()
        await b.clock.sleep(90)
        began = b.clock.monotonic()
        b.modem.faults.answers_later = 85
        assert (await b.send()).unanswered
        await b.clock.sleep(80 - (b.clock.monotonic() - began))
        set_up = b.modem.commands.count("AT+CMGF=0")
        b.modem.faults.slow = 1.0
        b.modem.say("SMS Ready")
        await b.clock.until(lambda: not b.modem._later, within=10)
        assert b.modem.commands.count("AT+CMGF=0") == set_up  # it is still being set up
        await b.clock.until(lambda: b.ear.answers, within=120)
        assert b.ear.answers == [Taken(b.modem.references[0])]


async def test_what_a_stick_handed_on_before_it_started_anew_is_kept_though_it_says_less_of_itself(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        await b.clock.sleep(5)
        text = "Could you put my balloons aside until Tuesday?"
        first, second = (f"+CMT: ,{len(pdu) // 2 - 8}\r\n{pdu}" for pdu in b.modem.delivers(text, ADA, parts=2))
        b.modem.say(first)
        await b.clock.sleep(5)
        b.modem.faults.errors["AT+CGMR"] = ["ERROR"]
        b.modem.start_anew("RDY")
        await b.clock.until(lambda: b.modem.state.announces, within=60)
        await b.ready()
        b.modem.say(second)
        await b.clock.until(lambda: b.ear.messages, within=15)
        assert [message.text for message in b.ear.messages] == [text]


async def test_while_a_stick_is_set_up_again_texts_wait_untried(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.slow = 1.0
        shop.modem.start_anew("RDY")
        await shop.clock.until(lambda: shop.channel.obstacle(), within=5)
        await shop.ready()
        assert shop.channel.obstacle() is None


async def test_a_text_that_came_as_a_stick_was_set_up_again_is_turned_away_once_that_needs_a_person(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path, sim=Sim(pin="1234"), pin="1234") as b:
        await b.ready()
        b.modem.state.sim.tries = 0
        b.modem.faults.slow = 1.0
        b.modem.start_anew("RDY")
        await b.until_stage(Stage.STARTING, within=5)
        began = b.clock.monotonic()
        with pytest.raises(NotStarted, match="PUK"):
            await b.send()
        assert b.clock.monotonic() - began < 60
