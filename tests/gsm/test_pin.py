"""The SIM's PIN: once, and a wrong one never twice."""

import asyncio
from pathlib import Path
from typing import cast

import pytest

from daemon.modem.codes import fault
from daemon.modem.dialogue import Dialogue
from daemon.modem.errors import CommandFailed, NeedsPerson, NoAnswer
from daemon.modem.pin import unlock
from daemon.modem.simulator import Sim
from daemon.modem.status import Stage
from tests.support.fake_clock import FakeClock
from tests.support.gsm import MemoryNotes, bench


def _entered(commands: list[str]) -> int:
    return sum(command.startswith("AT+CPIN=") for command in commands)


@pytest.mark.parametrize("character", ["plain", "e3372", "sim800", "ec25", "wavecom"])
async def test_the_pin_is_given_once(tmp_path: Path, character: str) -> None:
    async with bench(tmp_path, character=character, sim=Sim(pin="4711"), pin="4711") as b:
        await b.ready()
        assert _entered(b.modem.commands) == 1
        assert "modem.pin" not in b.notes.kept


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
    assert "modem.pin" not in notes.kept


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


async def test_the_pin_that_was_wrong_may_be_the_one_chosen_with_the_puk(tmp_path: Path) -> None:
    sim = Sim(pin="4711")
    async with bench(tmp_path, sim=sim, pin="0000") as b:
        await b.clock.until(lambda: b.driver.status.code == "CME 16")
        sim.tries = 0  # somebody tried on
        await b.clock.until(lambda: b.driver.status.code == "CME 12")
        sim.pin, sim.tries = "0000", 3
        await b.ready()
        assert _entered(b.modem.commands) == 2
        assert "modem.pin" not in b.notes.kept


async def test_without_a_pin_it_says_where_to_put_it(tmp_path: Path) -> None:
    async with bench(tmp_path, sim=Sim(pin="4711")) as b:
        await b.until_stage(Stage.NEEDS_PERSON)
        assert "MODEM_PIN" in b.driver.status.remedy


async def test_it_is_noted_before_it_is_tried(tmp_path: Path) -> None:
    """Unplugged while the PIN is on its way: whether it was wrong is not known, and the SIM can't say."""
    notes = MemoryNotes()
    async with bench(tmp_path, character="wavecom", sim=Sim(pin="4711"), pin="4711", notes=notes) as b:
        b.modem.faults.silent.add("AT+CPIN=")
        await b.clock.until(lambda: b.notes.kept.get("modem.pin"))
        assert _entered(b.modem.commands) <= 1
        b.plug.pull()
    entered = _entered(b.modem.commands)
    async with bench(tmp_path, character="wavecom", sim=Sim(pin="4711"), pin="4711", notes=notes) as b:
        await b.until_stage(Stage.NEEDS_PERSON)
        assert entered + _entered(b.modem.commands) == 1
        assert "wrong" not in b.driver.status.reason  # it is right
        assert "change it there" in b.driver.status.remedy


async def test_a_cut_off_try_is_repeated_where_the_sim_says_that_none_was_lost(tmp_path: Path) -> None:
    notes = MemoryNotes()
    async with bench(tmp_path, character="sim800", sim=Sim(pin="4711"), pin="4711", notes=notes) as b:
        b.modem.faults.silent.add("AT+CPIN=")
        await b.clock.until(lambda: b.notes.kept.get("modem.pin"))
        b.plug.pull()
    async with bench(tmp_path, character="sim800", sim=Sim(pin="4711"), pin="4711", notes=notes) as b:
        await b.ready()
        assert "modem.pin" not in notes.kept


async def test_a_cut_off_try_that_had_succeeded_is_seen_to_have(tmp_path: Path) -> None:
    notes = MemoryNotes()
    async with bench(tmp_path, sim=Sim(pin="4711"), pin="4711", notes=notes) as b:
        await b.ready()
        notes.kept["modem.pin"] = "tried:0123456789abcdef"
        b.modem.say("RDY")  # set up again; the SIM stays unlocked
        await b.clock.until(lambda: "modem.pin" not in notes.kept)


async def test_a_busy_sim_costs_no_try(tmp_path: Path) -> None:
    async with bench(tmp_path, character="wavecom", sim=Sim(pin="4711"), pin="4711") as b:
        await b.clock.until(lambda: "AT+CPIN?" in b.modem.commands)
        b.modem.faults.errors["AT+CPIN"] = ["+CME ERROR: 14"]
        await b.ready()
        assert b.modem.state.sim.tries == 3
        assert "modem.pin" not in b.notes.kept


class Card:
    """A modem that answers AT+CPIN? in its own way, for what the simulator's SIM never says."""

    def __init__(self, *states: str) -> None:
        self._states = list(states)

    async def command(self, text: str, *, timeout: float = 5.0, enough: str = "") -> list[str]:
        if text != "AT+CPIN?":
            raise CommandFailed(text, fault("ERROR"))
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        if state.startswith("+CM"):
            raise CommandFailed(text, fault(state))
        return [f"+CPIN: {state}"] if state else []


async def _unlock(*states: str) -> None:
    clock = FakeClock()

    async def unlocking() -> None:
        await unlock(cast(Dialogue, Card(*states)), clock, pin="4711", notes=MemoryNotes())

    async with asyncio.TaskGroup() as group:
        task = group.create_task(unlocking())
        while not task.done():
            await clock.advance(2)


@pytest.mark.parametrize("states", [("READY",), ("+CME ERROR: 14", "READY"), ("NOT READY", "", "READY")])
async def test_a_sim_that_needs_a_moment(states: tuple[str, ...]) -> None:
    await _unlock(*states)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("NOT INSERTED", "no SIM"),
        ("+CME ERROR: 13", "SIM failure"),
        ("PH-SIM PIN", "something else"),
        ("SIM PUK", "PUK"),
    ],
)
async def test_a_sim_that_needs_a_person(state: str, why: str) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await _unlock(state)
    (reason,) = caught.value.exceptions
    assert isinstance(reason, NeedsPerson)
    assert why in str(reason)


@pytest.mark.parametrize(("state", "kind"), [("+CME ERROR: 100", CommandFailed), ("", NoAnswer)])
async def test_a_sim_that_says_nothing_of_use(state: str, kind: type) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await _unlock(state)
    assert isinstance(caught.value.exceptions[0], kind)


class FallenSilent(Card):
    """It wants its PIN, and says nothing any more when it is asked whether it still listens."""

    def __init__(self) -> None:
        super().__init__("SIM PIN")
        self.said: list[str] = []

    async def command(self, text: str, *, timeout: float = 5.0, enough: str = "") -> list[str]:
        self.said.append(text)
        return await super().command(text, timeout=timeout, enough=enough)

    async def settle(self) -> None:
        raise NoAnswer("AT+CMEE?")


async def test_a_pin_that_was_never_said_does_not_count_as_tried() -> None:
    """Else a modem without a counter of tries would want a person for a few seconds of silence after it was switched on."""
    notes, modem = MemoryNotes(), FallenSilent()
    with pytest.raises(NoAnswer):
        await unlock(cast(Dialogue, modem), FakeClock(), pin="4711", notes=notes)
    assert _entered(modem.said) == 0
    assert "modem.pin" not in notes.kept
