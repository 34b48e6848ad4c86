"""The SIM's PIN: once, and a wrong one never twice."""

from pathlib import Path

import pytest

from daemon.modem.simulator import Sim
from daemon.modem.status import Stage
from tests.support.gsm import MemoryNotes, bench


def _entered(commands: list[str]) -> int:
    return sum(command.startswith("AT+CPIN=") for command in commands)


@pytest.mark.parametrize("character", ["plain", "e3372", "sim800", "ec25", "wavecom"])
async def test_the_pin_is_given_once(tmp_path: Path, character: str) -> None:
    async with bench(tmp_path, character=character, sim=Sim(pin="4711"), pin="4711") as b:
        await b.ready()
        assert _entered(b.modem.commands) == 1
        assert b.notes.kept == {}


async def test_given_again_after_the_modem_restarted(tmp_path: Path) -> None:
    async with bench(tmp_path, kind="pty", sim=Sim(pin="4711"), pin="4711") as b:
        await b.ready()
        b.plug.pull()
        await b.until_stage(Stage.ABSENT)
        b.plug.put()
        await b.ready()
        assert _entered(b.modem.commands) == 2


@pytest.mark.parametrize("character", ["plain", "sim800", "wavecom"])
async def test_a_wrong_pin_is_tried_once_and_never_again(tmp_path: Path, character: str) -> None:
    notes, sim = MemoryNotes(), Sim(pin="4711")
    for _ in range(3):  # as many starts of the service
        async with bench(tmp_path, character=character, sim=sim, pin="0000", notes=notes) as b:
            await b.until_stage(Stage.NEEDS_PERSON)
            assert b.driver.status.code == "CME 16"
            await b.clock.sleep(650)  # it looks again each five minutes
    assert sim.tries == 2
    assert "0000" not in str(notes.kept)


async def test_another_pin_may_be_tried_after_a_wrong_one(tmp_path: Path) -> None:
    notes, sim = MemoryNotes(), Sim(pin="4711")
    async with bench(tmp_path, sim=sim, pin="0000", notes=notes) as b:
        await b.until_stage(Stage.NEEDS_PERSON)
    async with bench(tmp_path, sim=sim, pin="4711", notes=notes) as b:
        await b.ready()
    assert sim.tries == 3
    assert notes.kept == {}


async def test_the_last_try_is_left_to_a_person(tmp_path: Path) -> None:
    sim = Sim(pin="4711", tries=1)
    async with bench(tmp_path, character="sim800", sim=sim, pin="4711") as b:
        await b.until_stage(Stage.NEEDS_PERSON)
        assert _entered(b.modem.commands) == 0
        assert "one try" in b.driver.status.trouble


async def test_a_locked_sim_is_left_alone(tmp_path: Path) -> None:
    async with bench(tmp_path, sim=Sim(pin="4711", tries=0), pin="4711") as b:
        await b.until_stage(Stage.NEEDS_PERSON)
        assert _entered(b.modem.commands) == 0
        assert "PUK" in b.driver.status.remedy


async def test_without_a_pin_it_says_where_to_put_it(tmp_path: Path) -> None:
    async with bench(tmp_path, sim=Sim(pin="4711")) as b:
        await b.until_stage(Stage.NEEDS_PERSON)
        assert "MODEM_PIN" in b.driver.status.remedy


async def test_it_is_noted_before_it_is_tried(tmp_path: Path) -> None:
    """Unplugged while the PIN is on its way: whether it was wrong is not known, and the SIM can't say."""
    notes = MemoryNotes()
    async with bench(tmp_path, character="wavecom", sim=Sim(pin="4711"), pin="4711", notes=notes) as b:
        b.modem.faults.silent.add("AT+CPIN=")
        await b.clock.until(lambda: b.notes.kept)
        assert _entered(b.modem.commands) <= 1
        b.plug.pull()
    entered = _entered(b.modem.commands)
    async with bench(tmp_path, character="wavecom", sim=Sim(pin="4711"), pin="4711", notes=notes) as b:
        await b.until_stage(Stage.NEEDS_PERSON)
        assert entered + _entered(b.modem.commands) == 1


async def test_a_cut_off_try_is_repeated_where_the_sim_says_that_none_was_lost(tmp_path: Path) -> None:
    notes = MemoryNotes()
    async with bench(tmp_path, character="sim800", sim=Sim(pin="4711"), pin="4711", notes=notes) as b:
        b.modem.faults.silent.add("AT+CPIN=")
        await b.clock.until(lambda: b.notes.kept)
        b.plug.pull()
    async with bench(tmp_path, character="sim800", sim=Sim(pin="4711"), pin="4711", notes=notes) as b:
        await b.ready()
        assert notes.kept == {}


async def test_a_cut_off_try_that_had_succeeded_is_seen_to_have(tmp_path: Path) -> None:
    notes = MemoryNotes()
    async with bench(tmp_path, sim=Sim(pin="4711"), pin="4711", notes=notes) as b:
        await b.ready()
        notes.kept["modem.pin"] = "tried:0123456789abcdef"
        b.modem.say("RDY")  # set up again; the SIM stays unlocked
        await b.clock.until(lambda: not notes.kept)


async def test_a_busy_sim_costs_no_try(tmp_path: Path) -> None:
    async with bench(tmp_path, character="wavecom", sim=Sim(pin="4711"), pin="4711") as b:
        await b.clock.until(lambda: "AT+CPIN?" in b.modem.commands)
        b.modem.faults.errors["AT+CPIN"] = ["+CME ERROR: 14"]
        await b.ready()
        assert b.modem.state.sim.tries == 3
        assert b.notes.kept == {}
