"""The modem's life against the simulator: set up, sending, hearing, hanging, vanishing."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemon.modem.codes import Kind
from daemon.modem.command_queue import CutOff, NotStarted
from daemon.modem.config import AUTO, Config
from daemon.modem.dialogue import CommandRefused, Silent
from daemon.modem.driver import Driver
from daemon.modem.errors import NotCommitted
from daemon.modem.pdu import submits
from daemon.modem.simulator import CHARACTERS, Sim, SimulatedModem
from daemon.modem.status import Stage
from tests.support.gsm import Bench, MemoryNotes, bench, plugged

both_ports = pytest.mark.parametrize("kind", ["pty", "tcp"])
ADA = "+447700900123"


@both_ports
@pytest.mark.parametrize("character", CHARACTERS)
async def test_every_family_is_set_up_sends_and_hears(tmp_path: Path, kind: str, character: str) -> None:
    async with bench(tmp_path, kind=kind, character=character) as b:
        await b.ready()
        transmission = await b.send()
        assert transmission.complete
        assert transmission.references == tuple(b.modem.references)
        assert b.modem.texts() == [(ADA, "Your balloons are ready")]
        await b.clock.until(lambda: b.ear.reports)
        assert b.ear.reports[0].reference == transmission.references[0]
        b.modem.receive("on my way!", ADA)
        await b.clock.until(lambda: b.ear.messages, within=5)
        assert b.ear.messages[0].text == "on my way!"
        await b.clock.until(lambda: not any(b.modem.state.memories.values()))
        status = b.driver.status
        assert status.identity.model == CHARACTERS[character].model
        if character != "bare":  # which can't be asked for any of it
            assert (status.bars, status.operator, status.registration_text) == (4, "Simulated Mobile", "home")


async def test_long_texts_go_in_parts_that_share_a_reference(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        text = "Your balloons are ready 🎈 " * 9
        transmission = await b.send(text)
        assert transmission.complete
        assert len(transmission.references) > 1
        assert b.modem.texts() == [(ADA, text)]


# ------------------------------------------------------------ what goes wrong while sending


async def test_a_passing_refusal_of_a_later_part_is_tried_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.on_sent = lambda one: b.modem.faults.errors.update(
            {"AT+CMGS": ["+CMS ERROR: 42"]} if one.part[2] == 1 else {}
        )
        transmission = await b.send("a" * 300)
        assert transmission.complete
        assert b.modem.texts() == [(ADA, "a" * 300)]


async def test_a_lasting_refusal_of_a_later_part_leaves_it_partly_sent(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.on_sent = lambda _: b.modem.faults.errors.update({"AT+CMGS": ["+CMS ERROR: 42"] * 3})
        transmission = await b.send("a" * 300)
        assert len(transmission.references) == 1
        assert isinstance(transmission.trouble, CommandRefused)


@pytest.mark.parametrize(
    ("final", "kind"), [("+CMS ERROR: 38", Kind.RETRY), ("+CMS ERROR: 1", Kind.RECIPIENT), ("ERROR", Kind.UNSURE)]
)
async def test_a_refusal_after_the_pdu(tmp_path: Path, final: str, kind: Kind) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.faults.errors["AT+CMGS"] = [final]
        transmission = await b.send()
        assert isinstance(transmission.trouble, CommandRefused)
        assert (transmission.trouble.fault.kind, transmission.trouble.written) == (kind, True)
        assert b.driver.status.trouble
        assert (await b.send()).complete


@both_ports
async def test_no_prompt_leaves_the_modem_usable(tmp_path: Path, kind: str) -> None:
    async with bench(tmp_path, kind=kind) as b:
        await b.ready()
        b.modem.faults.no_prompt = True
        transmission = await b.send()
        assert isinstance(transmission.trouble, Silent)
        assert not transmission.trouble.written
        assert b.modem.sent == []
        b.modem.faults.no_prompt = False
        assert (await b.send()).complete
        assert b.modem.texts() == [(ADA, "Your balloons are ready")]
        assert b.driver.status.resets == 0


@both_ports
async def test_silence_after_the_pdu_is_never_called_sent(tmp_path: Path, kind: str) -> None:
    async with bench(tmp_path, kind=kind) as b:
        await b.ready()
        b.modem.faults.silent_after_pdu = True
        transmission = await b.send()
        assert transmission.references == ()
        assert transmission.trouble == Silent("the modem did not answer AT+CMGS in time", written=True)
        assert len(b.modem.sent) == 1
        b.modem.faults.silent_after_pdu = False
        assert (await b.send("again")).complete


@both_ports
@pytest.mark.parametrize("moment", ["unplug_in_pdu", "unplug_after_pdu"])
async def test_unplugged_amid_a_message(tmp_path: Path, kind: str, moment: str) -> None:
    async with bench(tmp_path, kind=kind) as b:
        await b.ready()
        setattr(b.modem.faults, moment, True)
        transmission = await b.send()
        assert transmission.references == ()
        assert isinstance(transmission.trouble, Silent)
        if moment == "unplug_after_pdu":
            assert transmission.trouble.written
        await b.until_stage(Stage.ABSENT)
        with pytest.raises(NotStarted):
            await b.driver.send(submits(ADA, "once more", reference=8), timeout=60)
        setattr(b.modem.faults, moment, False)
        b.plug.put()
        await b.ready()
        assert (await b.send()).complete


async def test_a_slow_network_is_waited_for(tmp_path: Path) -> None:
    async with bench(tmp_path, character="ec25") as b:
        await b.ready()
        b.modem.faults.network_seconds = 110
        assert (await b.send()).complete


async def test_who_gives_up_waiting_is_told_whether_it_was_begun(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.faults.network_seconds = 50
        async with asyncio.TaskGroup() as group:
            first = group.create_task(b.send("one"))
            await b.clock.until(lambda: b.modem.commands[-1].startswith("AT+CMGS="))
            with pytest.raises(NotStarted, match="busy"):
                await b.driver.ussd("*100#", timeout=5)
            assert (await first).complete
        with pytest.raises(CutOff):
            await b.driver.send(submits(ADA, "two", reference=1), timeout=5)
        assert (await b.send("three")).complete
        assert [text for _, text in b.modem.texts()] == ["one", "two", "three"]


# ------------------------------------------------------------ coming and going


@both_ports
async def test_pulled_out_and_put_back(tmp_path: Path, kind: str) -> None:
    async with bench(tmp_path, kind=kind) as b:
        await b.ready()
        b.plug.pull()
        await b.until_stage(Stage.ABSENT)
        assert b.driver.status.trouble
        assert b.driver.status.bars == 0
        b.plug.put()
        await b.ready()
        assert (await b.send()).complete


async def test_absent_from_the_start(tmp_path: Path) -> None:
    async with bench(tmp_path, kind="pty") as b:
        b.plug.pull()
        await b.until_stage(Stage.ABSENT)
        await b.clock.until(lambda: "no such device" in b.driver.status.trouble)
        b.plug.put()
        await b.ready()


async def test_a_modem_that_restarts_by_itself_is_set_up_again(tmp_path: Path) -> None:
    async with bench(tmp_path, kind="pty", character="sim800") as b:
        await b.ready()
        before = b.modem.commands.count("AT+CMGF=0")
        b.modem.state.forget()
        b.modem.say("RDY")
        await b.clock.until(lambda: b.modem.state.announces == 1, within=30)
        assert b.modem.commands.count("AT+CMGF=0") > before
        assert b.driver.status.resets == 0


async def test_stopping_is_quick_and_turns_work_away(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
    assert b.driver.status.stage is Stage.STOPPED
    with pytest.raises(NotStarted, match="stopping"):
        await b.send()


# ------------------------------------------------------------ SIM


async def test_no_sim_waits_for_a_person_and_goes_on_when_it_is_there(tmp_path: Path) -> None:
    async with bench(tmp_path, sim=Sim(present=False)) as b:
        await b.until_stage(Stage.NEEDS_PERSON)
        assert (b.driver.status.sim, b.driver.status.code) == ("no SIM", "CME 10")
        assert "SIM" in b.driver.status.remedy
        b.modem.state.sim.present = True
        await b.ready()
        assert b.driver.status.sim == "ready"


async def test_what_a_person_is_to_do_is_told_for_as_long_as_they_do_not(tmp_path: Path) -> None:
    """It is asked again each five minutes; nobody else holds its port then."""
    async with bench(tmp_path, kind="pty", sim=Sim(present=False)) as b:
        await b.until_stage(Stage.NEEDS_PERSON)
        since, asked = b.driver.status.since, b.modem.commands.count("AT+CPIN?")
        await b.clock.until(lambda: b.modem.commands.count("AT+CPIN?") >= asked + 3)
        assert (b.driver.status.stage, b.driver.status.since) == (Stage.NEEDS_PERSON, since)
        assert b.driver.status.reason == "no SIM"
        assert "SIM" in b.driver.status.remedy


async def test_pulling_the_stick_out_while_it_waits_for_a_person_is_noticed_at_once(tmp_path: Path) -> None:
    async with bench(tmp_path, kind="pty", sim=Sim(present=False)) as b:
        await b.until_stage(Stage.NEEDS_PERSON)
        waiting = b.clock.monotonic()
        b.plug.pull()
        b.modem.state.sim.present = True
        b.plug.put()
        await b.ready()
        assert b.clock.monotonic() - waiting < 60


async def test_memories_that_are_not_ready_yet_are_waited_for(tmp_path: Path) -> None:
    async with bench(
        tmp_path, prepare=lambda modem: modem.faults.errors.update({"AT+CPMS": ["+CME ERROR: 14"] * 5})
    ) as b:
        await b.ready()
        assert b.driver.status.resets == 0


async def test_memories_that_never_get_ready_are_a_reason_to_recover(tmp_path: Path) -> None:
    def prepare(modem: SimulatedModem) -> None:
        modem.faults.errors["AT+CPMS"] = ["+CME ERROR: 515"] * 25

    async with bench(tmp_path, prepare=prepare) as b:
        await b.until_stage(Stage.RECOVERING)
        await b.ready()
        assert b.driver.status.resets == 1


async def test_a_modem_whose_radio_is_off_is_switched_on(tmp_path: Path) -> None:
    async with bench(tmp_path, prepare=lambda modem: setattr(modem.faults, "radio_off", True)) as b:
        await b.ready()
        assert "AT+CFUN=1" in b.modem.commands


async def test_a_modem_that_tells_of_nothing_by_itself_is_swept(tmp_path: Path) -> None:
    """AT+CNMI refused in all its forms: the sweeps find what came in."""
    async with bench(tmp_path, prepare=lambda modem: modem.faults.errors.update({"AT+CNMI": ["ERROR"] * 4})) as b:
        await b.ready()
        b.modem.receive("hello", ADA)
        await b.clock.until(lambda: b.ear.messages, within=70)


async def test_a_busy_sim_is_waited_for(tmp_path: Path) -> None:
    async with bench(tmp_path, sim=Sim(busy=6)) as b:
        await b.ready()


# ------------------------------------------------------------ USSD


@pytest.mark.parametrize("character", ["plain", "e3372"])
async def test_service_codes_are_answered(tmp_path: Path, character: str) -> None:
    async with bench(tmp_path, character=character) as b:
        await b.ready()
        assert (await b.driver.ussd("*100#")).text == "Your credit is 10.00"
        refused = await b.driver.ussd("*999#")
        assert (refused.text, refused.refused) == ("", "not supported by this network")
        with pytest.raises(ValueError, match="service code"):
            await b.driver.ussd("rm -rf")


async def test_the_credit_is_asked_for_once_a_day(tmp_path: Path) -> None:
    async with bench(tmp_path, balance_code="*100#") as b:
        await b.ready()
        await b.clock.until(lambda: b.driver.status.credit)
        assert b.driver.status.credit == "Your credit is 10.00"
        b.modem.state.ussd["*100#"] = "Your credit is 9.50"
        await b.clock.sleep(3600)
        assert sum(command.startswith("AT+CUSD=1") for command in b.modem.commands) == 1


async def test_the_credit_is_asked_for_soon_after_a_slow_start(tmp_path: Path) -> None:
    async with bench(tmp_path, balance_code="*100#") as b:
        b.modem.state.registration = 2
        await b.clock.sleep(150)
        b.modem.state.registration = 1
        await b.clock.until(lambda: b.driver.status.credit, within=180)


async def test_a_stick_that_refuses_the_code_of_the_credit_is_not_brought_back_for_it(tmp_path: Path) -> None:
    """By 4G alone few can ask."""
    async with bench(
        tmp_path, balance_code="*100#", prepare=lambda modem: modem.faults.errors.update({"AT+CUSD": ["ERROR"] * 9})
    ) as b:
        await b.ready()
        await b.clock.until(lambda: b.driver.status.credit, within=300)
        assert b.driver.status.credit == "the modem answered AT+CUSD with ERROR: error without a reason"
        await b.clock.sleep(600)
        assert (b.driver.status.stage, b.driver.status.resets) == (Stage.READY, 0)


async def test_a_network_that_never_answers_a_code(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.faults.errors["AT+CUSD"] = ["OK"]
        assert (await b.driver.ussd("*100#")).refused == "the network did not answer"
        assert (await b.send()).complete


async def test_a_busy_database_is_no_reason_to_restart_the_modem(tmp_path: Path) -> None:
    class Busy(MemoryNotes):
        busy = True

        async def get(self, key: str) -> str | None:
            if self.busy:
                raise NotCommitted("another program holds the database")
            return await super().get(key)

    notes = Busy()
    async with bench(tmp_path, notes=notes) as b:
        await b.clock.sleep(120)
        assert b.driver.status.stage is Stage.STARTING
        notes.busy = False
        await b.ready()
        assert b.driver.status.resets == 0
        assert "AT+CFUN=4" not in b.modem.commands


A_LONG_TIME = 1e9
"""Seconds of the clock, which runs on while the machine starts a program in its own time."""


@asynccontextmanager
async def _plugged(folder: Path) -> AsyncIterator[Bench]:
    async with bench(folder, kind="pty") as b:
        await b.ready()
    async with plugged("pty", b.modem, b.clock, random.Random(1), folder), asyncio.TaskGroup() as group:
        passing = group.create_task(b.clock.pass_by())
        yield b
        passing.cancel()


@asynccontextmanager
async def _finding(b: Bench, folder: Path, power_command: Sequence[str] = ()) -> AsyncIterator[Driver]:
    """A service that finds the modem by itself, from its start to its end."""
    config = Config(device=AUTO, probe=(str(folder / "modem*"),), power_command=tuple(power_command))
    stop, driver = asyncio.Event(), Driver(config, b.ear, b.notes, b.clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(driver.run(stop))
        yield driver
        stop.set()


async def test_a_hung_modem_that_was_found_by_itself_is_recovered_and_not_called_absent(tmp_path: Path) -> None:
    async with _plugged(tmp_path) as b, _finding(b, tmp_path) as driver:
        await b.clock.until(lambda: driver.status.stage is Stage.READY)
        b.modem.faults.hung = "radio"
        await b.clock.until(lambda: driver.status.stage is Stage.RECOVERING)
        await b.clock.until(lambda: driver.status.stage is Stage.READY)
        assert driver.status.resets == 2


async def test_recovery_of_one_that_was_found_by_itself_outlasts_its_rest_and_the_service(tmp_path: Path) -> None:
    cuts = tmp_path / "cuts"
    command = ["sh", "-c", f"printf x >> {cuts}"]
    async with _plugged(tmp_path) as b:
        async with _finding(b, tmp_path) as driver:
            await b.clock.until(lambda: driver.status.stage is Stage.READY)
        b.modem.faults.hung = "for good"
        async with _finding(b, tmp_path, command) as driver:
            await b.clock.until(lambda: driver.status.stage is Stage.GIVEN_UP, within=A_LONG_TIME)
            assert cuts.read_text() == "x"
            await b.clock.until(lambda: cuts.read_text() == "xx", within=A_LONG_TIME)
            b.modem.faults.hung = ""
            await b.clock.until(lambda: driver.status.stage is Stage.READY)
