"""A modem that hangs, and one without a network: brought back by the least step that helps."""

import asyncio
import sys
from pathlib import Path

import pytest

from daemon.modem.command_queue import NotStarted
from daemon.modem.dialogue import CommandRefused, Silent, Taken
from daemon.modem.simulator import SimulatedModem
from daemon.modem.status import Stage
from tests.support.gsm import MemoryNotes, bench

both_ports = pytest.mark.parametrize("kind", ["pty", "tcp"])
ADA = "+447700900123"


# ------------------------------------------------------------ hanging


@both_ports
@pytest.mark.parametrize(("hung", "resets"), [("radio", 2), ("restart", 3)])
async def test_a_hung_modem_is_brought_back_by_the_least_step_that_helps(
    tmp_path: Path, kind: str, hung: str, resets: int
) -> None:
    async with bench(tmp_path, kind=kind) as b:
        await b.ready()
        b.modem.faults.hung = hung
        await b.until_stage(Stage.RECOVERING)
        await b.ready()
        assert b.driver.status.resets == resets
        assert b.modem.starts == (2 if hung == "restart" else 1)
        assert (await b.send()).complete


async def test_a_stick_that_would_come_back_as_a_cd_rom_is_not_told_to_restart(tmp_path: Path) -> None:
    async with bench(tmp_path, kind="pty", character="e3372") as b:
        await b.ready()
        b.modem.faults.hung = "for good"
        await b.until_stage(Stage.GIVEN_UP)
        assert "AT+CFUN=1,1" not in b.modem.commands
        b.modem.faults.hung = ""
        await b.ready()


@pytest.mark.parametrize("trouble", ["hangs from the start", "never gets ready"])
async def test_a_stick_that_was_never_ready_is_not_told_to_restart_either(tmp_path: Path, trouble: str) -> None:
    """It may be one that would come back as a CD-ROM, and stay one."""

    def prepare(modem: SimulatedModem) -> None:
        if trouble == "hangs from the start":
            modem.faults.hung = "for good"
        else:
            modem.faults.errors["AT+CPMS"] = ["+CME ERROR: 515"] * 200

    async with bench(tmp_path, kind="pty", character="e3372", prepare=prepare) as b:
        await b.until_stage(Stage.GIVEN_UP)
        assert "AT+CFUN=1,1" not in b.modem.commands
        b.modem.faults.hung = ""
        b.modem.faults.errors.clear()
        await b.ready()


@pytest.mark.parametrize("character", ["plain", "e3372"])
async def test_a_stick_that_hangs_from_the_start_is_known_from_the_run_before(tmp_path: Path, character: str) -> None:
    notes = MemoryNotes()
    async with bench(tmp_path, kind="pty", character=character, notes=notes) as b:
        await b.ready()

    def prepare(modem: SimulatedModem) -> None:
        modem.faults.hung = "restart"

    async with bench(tmp_path, kind="pty", character=character, notes=notes, prepare=prepare) as b:
        await b.clock.until(lambda: b.driver.status.stage in (Stage.READY, Stage.GIVEN_UP))
        assert ("AT+CFUN=1,1" in b.modem.commands) is (character == "plain")


async def test_a_stick_that_was_put_in_and_hangs_may_be_another_than_the_one_before(tmp_path: Path) -> None:
    async with bench(tmp_path, kind="pty") as b:
        await b.ready()
        b.plug.pull()
        await b.until_stage(Stage.ABSENT)
        b.modem.faults.hung = "restart"
        b.plug.put()
        await b.until_stage(Stage.GIVEN_UP)
        assert "AT+CFUN=1,1" not in b.modem.commands


async def test_reopening_may_be_enough(tmp_path: Path) -> None:
    async with bench(tmp_path, kind="tcp") as b:
        await b.ready()
        b.modem.faults.hung = "reopen"
        await b.until_stage(Stage.RECOVERING)
        await b.ready()
        assert b.driver.status.resets == 1


async def test_the_owners_power_command_is_the_last_step(tmp_path: Path) -> None:
    flag = tmp_path / "power was cut"
    command = [sys.executable, "-c", f"open({str(flag)!r}, 'w').close()"]
    async with bench(tmp_path, power_command=command) as b:
        await b.ready()
        b.modem.faults.hung = "power"
        await b.clock.until(flag.exists)
        b.modem.faults.hung = ""
        await b.ready()
        assert b.driver.status.resets == 4


async def test_a_modem_beyond_help_is_left_alone_and_tried_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.faults.hung = "for good"
        await b.until_stage(Stage.GIVEN_UP)
        assert b.driver.status.trouble
        given_up = b.clock.monotonic()
        with pytest.raises(NotStarted):
            await b.send()
        b.modem.faults.hung = ""
        await b.ready()
        assert 299 < b.clock.monotonic() - given_up < 330


async def test_each_new_trouble_begins_with_the_first_step_once_it_worked_well(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.faults.hung = "radio"
        await b.until_stage(Stage.RECOVERING)
        await b.ready()
        await b.clock.sleep(300)
        b.modem.faults.hung = "radio"
        await b.until_stage(Stage.RECOVERING)
        await b.ready()
        assert b.driver.status.resets == 4


async def test_a_listing_that_hangs_is_not_asked_for_again(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.modem.faults.silent.add("AT+CMGL")
        await b.ready()
        b.modem.receive("on my way!", ADA)
        await b.clock.until(lambda: b.ear.messages)
        assert b.modem.commands.count("AT+CMGL=4") == 1


@pytest.mark.parametrize("left_out", ["AT+CGSN", "AT+CGMM", "AT+CGMR"])
async def test_nor_once_it_was_out_and_says_less_of_itself_than_before(tmp_path: Path, left_out: str) -> None:
    """What has just started refuses a question now and then: with each restart that brought it back it was made to hang once more."""
    async with bench(tmp_path) as b:
        b.modem.faults.silent.add("AT+CMGL")
        await b.clock.until(lambda: "CMGL" in b.driver.status.trouble)
        b.plug.pull()
        await b.until_stage(Stage.ABSENT)
        b.modem.faults.errors[left_out] = ["+CME ERROR: 14"]
        b.plug.put()
        await b.ready()
        b.modem.receive("on my way!", ADA)
        await b.clock.until(lambda: b.ear.messages)
        assert not b.modem.faults.errors[left_out], "it was asked who it is again"
        assert b.modem.commands.count("AT+CMGL=4") == 1


@pytest.mark.parametrize("fault", ["no_prompt", "silent_after_pdu"])
async def test_a_modem_that_says_nothing_to_texts_is_brought_back_in_rising_steps(tmp_path: Path, fault: str) -> None:
    """It answers all other commands."""
    async with bench(tmp_path) as b:
        await b.ready()
        setattr(b.modem.faults, fault, True)
        for resets in (0, 0, 1, 2):
            await b.ready()
            assert isinstance((await b.send()).trouble, Silent)
            await b.clock.sleep(30)
            assert b.driver.status.resets == resets
        assert "AT+CFUN=4" in b.modem.commands
        setattr(b.modem.faults, fault, False)
        await b.ready()
        assert (await b.send()).complete


async def test_a_restart_that_the_modem_does_not_confirm_ends_no_wait_for_a_late_answer(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.faults.silent_after_pdu = True
        b.modem.faults.silent.add("AT+CFUN=1,1")
        for _ in range(5):
            await b.ready()
            assert (await b.send()).unanswered
        await b.clock.until(lambda: "AT+CFUN=1,1" in b.modem.commands, within=60)
        await b.ready()
        assert b.driver.owed_seconds > 0


async def test_a_modem_that_answers_late_does_not_hang(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        for _ in range(4):
            b.modem.faults.answers_later = 75
            assert (await b.send()).unanswered
            await b.clock.until(lambda: not b.driver.owed_seconds, within=30)
        assert b.driver.status.resets == 0


async def test_a_modem_that_answers_the_third_text_in_a_row_just_as_it_is_given_up_does_not_hang(
    tmp_path: Path,
) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.faults.silent_after_pdu = True
        for _ in range(2):
            assert (await b.send()).unanswered
        b.modem.faults.silent_after_pdu = False
        await b.clock.sleep(b.driver.owed_seconds)
        b.modem.faults.slow, b.modem.faults.answers_later = 0.4, 60.7
        assert (await b.send()).unanswered
        await b.clock.sleep(30)
        assert b.ear.answers == [Taken(b.modem.references[-1])]
        assert b.driver.status.resets == 0


# ------------------------------------------------------------ network


async def test_without_a_network_nothing_goes_and_the_radio_is_cycled(tmp_path: Path) -> None:
    def prepare(modem: SimulatedModem) -> None:
        modem.state.registration = 2

    async with bench(tmp_path, prepare=prepare) as b:
        await b.until_stage(Stage.SEARCHING)
        await b.clock.until(lambda: "AT+CFUN=4" in b.modem.commands, within=300)
        assert "signal" in b.driver.status.remedy
        b.modem.state.registration = 5
        await b.ready()
        assert b.driver.status.registration_text == "roaming"


async def test_the_radio_is_cycled_less_and_less_often(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        b.modem.state.registration = 2
        await b.until_stage(Stage.SEARCHING)
        await b.clock.sleep(3600)
        assert 2 <= b.modem.commands.count("AT+CFUN=4") <= 3


@pytest.mark.parametrize("trouble", ["slow", "busy"])
async def test_a_radio_that_stays_off_after_a_cycle_is_switched_on(tmp_path: Path, trouble: str) -> None:
    """It is still at switching it off when it is to be switched on, or says that it is busy; the network is back meanwhile."""

    def prepare(modem: SimulatedModem) -> None:
        modem.state.registration = 2

    async with bench(tmp_path, prepare=prepare) as b:
        await b.until_stage(Stage.SEARCHING)
        b.modem.faults.late["AT+CFUN=4" if trouble == "slow" else "AT+CFUN=1"] = 30.0 if trouble == "slow" else 3.0
        await b.clock.until(lambda: not b.modem.faults.late, within=300)
        b.modem.faults.errors["AT+CFUN"] = ["+CME ERROR: 515"] * (trouble == "busy")
        b.modem.state.registration = 1
        await b.until_stage(Stage.READY, within=180)
        assert b.driver.status.resets == 1


async def test_lte_alone_counts(tmp_path: Path) -> None:
    def prepare(modem: SimulatedModem) -> None:
        modem.state.registration = 6

    async with bench(tmp_path, character="ec25", prepare=prepare) as b:
        await b.ready()
        assert b.driver.status.registration_text == "home, SMS only"


async def test_texts_that_4g_does_not_carry_are_sent_the_old_way(tmp_path: Path) -> None:
    async with bench(tmp_path, character="ec25") as b:
        await b.ready()
        b.modem.faults.no_sms_over_lte = True
        assert [(await b.send()).complete for _ in range(4)] == [False, False, False, True]


async def test_a_stick_that_goes_as_it_is_told_to_send_the_old_way_leaves_the_refusal_as_it_was(tmp_path: Path) -> None:
    async with bench(tmp_path, kind="pty", character="ec25") as b:
        await b.ready()
        b.modem.faults.no_sms_over_lte = True
        b.modem.faults.late["AT+CGSMS=1"] = 3.0
        for _ in range(2):
            await b.send()
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(b.send())
            await b.clock.until(lambda: b.modem.commands[-1] == "AT+CGSMS=1")
            b.plug.pull()
        assert isinstance(sending.result().trouble, CommandRefused)
        await b.until_stage(Stage.ABSENT)
        b.plug.put()
        await b.ready()
        assert [(await b.send()).complete for _ in range(2)] == [False, True]


async def test_where_that_helps_nothing_the_owner_is_told_how_to_keep_it_out_of_4g(tmp_path: Path) -> None:
    async with bench(tmp_path, character="ec25") as b:
        await b.ready()
        b.modem.faults.errors["AT+CGSMS"] = ["ERROR"]
        b.modem.faults.no_sms_over_lte = True
        for _ in range(4):
            await b.send()
        assert 'AT+QCFG="nwscanmode",2' in b.driver.status.remedy


async def test_a_low_voltage_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path, character="sim800") as b:
        await b.ready()
        b.modem.say("UNDER-VOLTAGE WARNNING")
        await b.clock.until(lambda: "voltage" in b.driver.status.trouble)
        assert "power supply" in b.driver.status.remedy
