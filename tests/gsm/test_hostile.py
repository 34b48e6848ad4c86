"""Bad cables: octets one by one, in random pieces, late, and lost; words amid answers. What is called sent was sent."""

from pathlib import Path

import pytest

from daemon.modem.desk import CutOff, NotStarted
from daemon.modem.dialogue import Silent
from daemon.modem.simulator import SimulatedModem
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
