"""Which of the modem's memories is read: what is deleted there is what was read there, also where the answer came late."""

from pathlib import Path

import pytest

from daemon.modem.errors import NotCommitted
from daemon.modem.multipart import Incoming
from daemon.modem.simulator import CHARACTERS, SimulatedModem, oracle
from daemon.modem.status import Stage
from outbox.outcome import Unknown
from tests.support.gsm import bench
from tests.support.modem_shop import ADA, BEN, open_shop


def _empty(modem: SimulatedModem) -> bool:
    return not any(modem.state.memories.values())


def _put(modem: SimulatedModem, memory: str, text: str, sender: str, *, now: int) -> str:
    """A text that came in there, and how it is announced."""
    return f'+CMTI: "{memory}",{modem.state.put(memory, oracle.deliver(text, sender, now))}'


async def test_what_lies_in_a_memory_that_is_selected_late_is_read_before_it_is_deleted(tmp_path: Path) -> None:
    """The stick obeys, and says so only after it was given up."""
    async with bench(tmp_path) as b:
        await b.ready()
        await b.clock.sleep(5)
        b.modem.faults.late['AT+CPMS="ME"'] = 6.0
        now = b.clock.now()
        words = [_put(b.modem, "SM", "On my way", BEN, now=now), _put(b.modem, "ME", "STOP", ADA, now=now)]
        b.modem.say("\r\n".join(words))
        await b.clock.until(lambda: _empty(b.modem), within=700)
        assert sorted({message.text for message in b.ear.messages}) == ["On my way", "STOP"]


@pytest.mark.parametrize("final", ["+CMS ERROR: 38", "ERROR"])
async def test_a_texts_late_refusal_that_seems_to_refuse_a_memory_deletes_nothing_unread(
    tmp_path: Path, final: str
) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        await shop.clock.sleep(5)
        began = shop.clock.monotonic()
        shop.modem.faults.errors["AT+CMGS"] = [final]
        shop.modem.faults.answers_later = 75
        assert isinstance(await shop.send(), Unknown)
        await shop.clock.sleep(74 - (shop.clock.monotonic() - began))
        shop.modem.faults.late['AT+CPMS="ME"'] = 3.0
        now = shop.clock.now()
        words = [_put(shop.modem, "SM", "On my way", BEN, now=now), _put(shop.modem, "ME", "STOP", ADA, now=now)]
        shop.modem.say("\r\n".join(words))
        await shop.clock.until(lambda: not shop.modem.faults.late, within=5)
        await shop.clock.until(lambda: _empty(shop.modem), within=90)
        assert sorted({(reply.text, reply.consent) for reply in shop.record.replies}) == [
            ("On my way", None),
            ("STOP", "stop"),
        ]


async def test_a_stick_of_one_memory_is_read_on_whatever_it_calls_it_while_an_answer_is_owed(tmp_path: Path) -> None:
    async with bench(tmp_path, character="bare") as b:
        await b.ready()
        b.modem.faults.silent_after_pdu = True
        await b.send()
        b.modem.say('+CMTI: "ME",1')
        await b.clock.sleep(5)
        b.modem.receive("STOP", ADA)
        await b.clock.until(lambda: b.ear.messages, within=70)
        assert [message.text for message in b.ear.messages] == ["STOP"]


@pytest.mark.parametrize("where", ["SM", "ME", "inline"])
async def test_a_text_that_can_not_be_put_on_record_keeps_later_ones_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """She said YES, then STOP: the disk is unwilling just as YES comes, and willing a moment later."""
    async with bench(tmp_path) as b:
        await b.ready()
        await b.clock.sleep(5)
        willing, refused = b.ear.message, list[Incoming]()

        async def moody(message: Incoming) -> None:
            if not refused:
                refused.append(message)
                raise NotCommitted("the disk is busy")
            await willing(message)

        monkeypatch.setattr(b.ear, "message", moody)
        now = b.clock.now()
        words = [_put(b.modem, "SM", "STOP", ADA, now=now - 60_000)]
        if where == "inline":
            pdu = oracle.deliver("YES", ADA, now - 120_000)
            words.append(f"+CMT: ,{len(pdu) // 2 - 8}\r\n{pdu}")
        else:
            words.append(_put(b.modem, where, "YES", ADA, now=now - 120_000))
        b.modem.say("\r\n".join(words))
        await b.clock.until(lambda: len(b.ear.messages) == 2, within=130)
        assert [message.text for message in b.ear.messages] == ["YES", "STOP"]
        await b.clock.until(lambda: _empty(b.modem), within=60)
        assert len(b.ear.messages) == 2


async def test_a_stick_that_takes_the_place_of_one_that_could_not_list_its_texts_is_asked_for_its_own(
    tmp_path: Path,
) -> None:
    """It does not tell how full its memory is, so that its places can't be read one by one."""
    async with bench(tmp_path) as b:
        b.modem.faults.silent.add("AT+CMGL")
        await b.ready()
        await b.clock.until(lambda: "CMGL" in b.driver.status.trouble)
        b.plug.pull()
        await b.until_stage(Stage.ABSENT)
        b.modem.faults.silent.clear()
        b.modem.state.character, b.modem.state.imei = CHARACTERS["bare"], "356938035643809"
        _put(b.modem, "SM", "STOP", ADA, now=b.clock.now())
        b.plug.put()
        await b.clock.until(lambda: b.ear.messages, within=120)
        assert [message.text for message in b.ear.messages] == ["STOP"]
