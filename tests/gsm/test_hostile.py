"""Bad cables: octets one by one, in random pieces, late, and lost; words amid answers. What is called sent was sent."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.modem.command_queue import CutOff, NotStarted
from daemon.modem.dialogue import Silent
from daemon.modem.sending import Transmission
from daemon.modem.simulator import Faults, SimulatedModem
from tests.support.gsm import bench

ADA = "+447700900123"
both_ports = pytest.mark.parametrize("kind", ["pty", "tcp"])


@both_ports
@pytest.mark.parametrize("chunk", [1, 0])
@pytest.mark.parametrize("character", ["plain", "e3372"])
async def test_octets_in_pieces(tmp_path: Path, kind: str, chunk: int, character: str) -> None:
    def prepare(modem: SimulatedModem) -> None:
        modem.faults.chunk = chunk
        modem.faults.junk = b"\0\xff\xfe\r\nOK\r\n^BOOT:1,0,0,0,0\r\n> "

    async with bench(tmp_path, kind=kind, character=character, prepare=prepare) as b:
        await b.ready()
        assert (await b.send("ready 🎈" * 20)).complete
        b.modem.receive("on my way!", ADA)
        await b.clock.until(lambda: b.ear.messages)
        assert b.driver.status.resets == 0


async def test_slow_answers(tmp_path: Path) -> None:
    async with bench(tmp_path, prepare=lambda modem: setattr(modem.faults, "slow", 1.2)) as b:
        await b.ready()
        assert (await b.send()).complete
        assert b.driver.status.resets == 0


async def test_words_amid_every_answer(tmp_path: Path) -> None:
    words = ['+CMTI: "SM",1', "^RSSI:17", "RING", "+CREG: 1", "SMS Ready", "NO CARRIER", "^HCSQ:1,2"] * 20

    async with bench(tmp_path, prepare=lambda modem: modem.faults.amid.extend(words)) as b:
        await b.ready()
        for n in range(5):
            assert (await b.send(f"order {n}")).complete
        assert [text for _, text in b.modem.texts()] == [f"order {n}" for n in range(5)]
        assert b.driver.status.resets == 0


async def test_a_modem_that_always_echoes(tmp_path: Path) -> None:
    def prepare(modem: SimulatedModem) -> None:
        modem.faults.errors["ATE0"] = ["ERROR"] * 100

    async with bench(tmp_path, prepare=prepare) as b:
        await b.ready()
        assert (await b.send("a" * 300)).complete
        assert b.modem.state.echo


@pytest.mark.parametrize("seed", range(6))
async def test_losing_octets_never_makes_a_message_sent_that_was_not(tmp_path: Path, seed: int) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem._wire._rng.seed(seed)  # type: ignore[union-attr]
        b.modem.faults.lose_output = 0.01 * (1 + seed % 3)
        b.modem.faults.lose_input = 0.002 * (seed % 3)
        called_sent: list[str] = []
        for n in range(12):
            await b.clock.until(lambda: b.driver.status.stage == "ready", within=7200)
            try:
                transmission = await b.send(f"order {n}")
            except (NotStarted, CutOff):
                continue
            if transmission.complete:
                called_sent.append(f"order {n}")
            elif isinstance(transmission.trouble, Silent) and not transmission.trouble.written:
                assert f"order {n}" not in [text for _, text in b.modem.texts()]
        really_sent = [text for _, text in b.modem.texts()]
        assert [text for text in called_sent if text not in really_sent] == []


@pytest.mark.parametrize(
    "command", ["AT", "AT+CREG?", "AT+COPS?", "AT+CSQ", "AT+CPMS?", "AT+CMGL=4", "AT+CMGD=1", "AT+CUSD=2"]
)
@pytest.mark.parametrize("seconds", [6.0, 25.0])
async def test_an_answer_that_comes_late_confuses_nothing(tmp_path: Path, command: str, seconds: float) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.faults.late[command] = seconds
        b.modem.receive("on my way!", ADA)
        await b.clock.sleep(200)
        assert (await b.send("one")).complete
        b.modem.receive("here I am", ADA)
        await b.clock.sleep(200)
        transmission = await b.send("two")
        assert transmission.references == tuple(b.modem.references[1:])
        assert [message.text for message in b.ear.messages if message.text == "here I am"] == ["here I am"]
        assert b.driver.status.operator == "Simulated Mobile"
        assert b.driver.status.registration_text == "home"


_FAULTS: dict[str, Callable[[Faults], object]] = {
    "none": lambda faults: None,
    "no prompt": lambda faults: setattr(faults, "no_prompt", True),
    "early error": lambda faults: faults.early_errors.append("ERROR"),
    "late error": lambda faults: faults.errors.update({"AT+CMGS": ["+CMS ERROR: 42"]}),
    "silent": lambda faults: setattr(faults, "silent_after_pdu", True),
    "pulled amid": lambda faults: setattr(faults, "unplug_in_pdu", True),
    "pulled after": lambda faults: setattr(faults, "unplug_after_pdu", True),
    "slow network": lambda faults: setattr(faults, "network_seconds", 50.0),
    "too slow network": lambda faults: setattr(faults, "network_seconds", 70.0),
    "hung": lambda faults: setattr(faults, "hung", "radio"),
    "words": lambda faults: faults.amid.extend(["RING", "NO CARRIER", '+CMTI: "SM",1']),
}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(sorted(_FAULTS)), min_size=1, max_size=6), st.sampled_from(["e3372", "plain", "ec25"]))
def test_whatever_goes_wrong_only_what_the_network_took_is_called_sent(
    tmp_path: Path, faults: list[str], character: str
) -> None:
    async def run() -> None:
        async with bench(tmp_path, character=character) as b:
            for n, fault in enumerate(faults):
                await b.ready()
                _FAULTS[fault](b.modem.faults)
                taken = len(b.modem.references)
                try:
                    transmission = await b.send(f"order {n}")
                except (NotStarted, CutOff):
                    transmission = Transmission(1)
                if transmission.complete:
                    assert transmission.references == tuple(b.modem.references[taken:])
                elif isinstance(transmission.trouble, Silent) and not transmission.trouble.written:
                    assert len(b.modem.references) == taken
                b.modem.faults.__dict__.update(Faults().__dict__)
                b.plug.put()
            texts = [text for _, text in b.modem.texts()]
            assert len(texts) == len(set(texts))

    asyncio.run(run())
