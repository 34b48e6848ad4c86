"""What comes in is on record before it leaves the modem, and the modem's memory never stays full."""

import re
from pathlib import Path

import pytest

from daemon.modem.simulator import Sim, SimulatedModem, oracle
from tests.support.gsm import Bench, bench

ADA = "+447700900123"
characters = pytest.mark.parametrize("character", ["plain", "e3372", "sim7600"])


def _empty(b: Bench) -> bool:
    return not any(b.modem.state.memories.values())


async def _texts(b: Bench, count: int) -> list[str]:
    await b.clock.until(lambda: len(b.ear.messages) >= count)
    await b.clock.until(lambda: _empty(b))
    return [message.text for message in b.ear.messages]


@characters
@pytest.mark.parametrize("text", ["STOP", "çok teşekkürler", "👍 thanks", "{5€} [ok]", "a" * 160])
async def test_any_alphabet(tmp_path: Path, character: str, text: str) -> None:
    async with bench(tmp_path, character=character) as b:
        await b.ready()
        b.modem.receive(text, ADA)
        assert await _texts(b, 1) == [text]
        assert b.ear.messages[0].sender.value == ADA


@characters
async def test_a_long_text_in_any_order(tmp_path: Path, character: str) -> None:
    async with bench(tmp_path, character=character) as b:
        await b.ready()
        text = "Could you please put my balloons aside until tomorrow evening? " * 4
        for pdu in reversed(b.modem.delivers(text, ADA, parts=3)):
            b.modem.receive_pdu(pdu)
            await b.clock.sleep(20)
        assert await _texts(b, 1) == [text]
        assert b.ear.messages[0].complete


async def test_a_part_that_never_comes(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.receive_pdu(b.modem.delivers("Tuesday at five, please", ADA, parts=2)[0])
        began = b.clock.monotonic()
        assert await _texts(b, 1) == ["Tuesday at f[…]"]
        assert 600 <= b.clock.monotonic() - began <= 700
        assert not b.ear.messages[0].complete


async def test_what_waited_while_the_service_was_down(tmp_path: Path) -> None:
    def prepare(modem: SimulatedModem) -> None:
        modem.receive("first", ADA)
        modem.state.put("ME", oracle.deliver("in the other memory", ADA, 1_795_515_300_000))

    async with bench(tmp_path, prepare=prepare) as b:
        await b.ready()
        assert sorted(await _texts(b, 2)) == ["first", "in the other memory"]


@pytest.mark.parametrize(("yes", "stop"), [("SM", "SM"), ("ME", "SM"), ("inline", "SM"), ("SM", "inline")])
async def test_texts_are_handed_over_in_the_order_in_which_they_were_sent(tmp_path: Path, yes: str, stop: str) -> None:
    """She said YES, then STOP: read the other way round she would go on being texted."""
    async with bench(tmp_path) as b:
        await b.ready()
        await b.clock.sleep(5)
        now, words = b.clock.now(), []
        for text, where, sent_at in (("STOP", stop, now - 60_000), ("YES", yes, now - 120_000)):
            pdu = oracle.deliver(text, ADA, sent_at)
            inline = f"+CMT: ,{len(pdu) // 2 - 8}\r\n{pdu}"
            words.append(inline if where == "inline" else f'+CMTI: "{where}",{b.modem.state.put(where, pdu)}')
        b.modem.say("\r\n".join(words))
        assert await _texts(b, 2) == ["YES", "STOP"]


async def test_a_memory_that_can_not_be_read_keeps_no_text_of_another(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        await b.clock.sleep(5)
        b.modem.faults.silent.add('AT+CPMS="ME"')
        b.modem.receive("STOP", ADA)
        b.modem.say('+CMTI: "ME",1')
        await b.clock.until(lambda: b.ear.messages, within=30)
        await b.clock.until(lambda: _empty(b), within=60)
        assert [message.text for message in b.ear.messages] == ["STOP"]


async def test_what_was_never_announced_is_found_by_the_sweep(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.state.announces = 0
        b.modem.receive("psst", ADA)
        assert await _texts(b, 1) == ["psst"]


async def test_nothing_is_deleted_before_it_is_on_record(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.ear.refuses = True
        b.modem.receive("STOP", ADA)
        await b.clock.sleep(300)
        assert not _empty(b)
        assert not any(command.startswith("AT+CMGD") for command in b.modem.commands)
        b.ear.refuses = False
        assert await _texts(b, 1) == ["STOP"]


@pytest.mark.parametrize("character", ["plain", "e3372"])
async def test_words_that_nobody_knows_amid_a_listing_cost_no_message(tmp_path: Path, character: str) -> None:
    """Makers have their own, and say them between a place and its PDU."""
    async with bench(tmp_path, character=character) as b:
        await b.ready()
        b.modem.faults.amid.extend(["^DSFLOWRPT:0000002A,00000000,00000000", "+CIEV: 2,4"] * 200)
        texts = [f"STOP {n}" for n in range(8)]
        for text in texts:
            b.modem.receive(text, ADA)
            await b.clock.sleep(130)
        assert await _texts(b, 8) == texts
        assert b.driver.status.ignored == 0


@pytest.mark.parametrize("name", ["S\xcd", "s!", "", "MS"])
async def test_a_bit_that_flipped_in_the_name_of_a_memory_costs_no_text_and_ends_nothing(
    tmp_path: Path, name: str
) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.state.announces = 0
        b.modem.receive("STOP", ADA)
        b.modem.say(f'+CMTI: "{name}",1')
        await b.clock.until(lambda: b.ear.messages, within=70)
        assert (await b.send()).complete


@pytest.mark.parametrize("head", [b"", b"~"])
@pytest.mark.parametrize(("octets", "instead", "times"), [(1, b"", 1), (2, b"", 1), (1, b"~", 1), (1, b"~", 2)])
@pytest.mark.parametrize("at", [0, 1, 2, 17, 25, 38])
async def test_what_the_line_garbled_is_read_again_and_not_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, octets: int, instead: bytes, times: int, head: bytes
) -> None:
    """Somewhere in the first PDU that is listed, some octets are lost; or one is another, and then another one as it is read again. So may
    the length be that is said before it."""
    async with bench(tmp_path) as b:
        await b.ready()
        wire, garbled = b.modem._wire, []
        assert wire is not None
        whole = wire.send

        def send(data: bytes) -> None:
            if (pdu := re.search(rb"[0-9A-F]{40,}", data)) and len(garbled) < times:
                place = pdu.start() + at + len(garbled)
                garbled.append(pdu[0])
                data = data[:place] + instead + data[place + octets :]
            elif head and data.startswith(b"\r\n+CMG") and len(garbled) < times:
                data = data[:-3] + head + data[-2:]
            whole(data)

        monkeypatch.setattr(wire, "send", send)
        b.modem.receive("STOP", ADA)
        assert await _texts(b, 1) == ["STOP"]
        assert len(garbled) == times
        assert b.driver.status.ignored == 0


async def test_a_message_handed_over_twice_has_one_id(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.faults.errors["AT+CMGD"] = ["+CMS ERROR: 314"]
        b.modem.receive("STOP", ADA)
        assert await _texts(b, 2) == ["STOP", "STOP"]
        assert len({message.id for message in b.ear.messages}) == 1


@pytest.mark.parametrize("again", [0, 1])
async def test_a_part_that_stays_or_comes_once_more_is_no_text_of_its_own(tmp_path: Path, again: int) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.faults.errors["AT+CMGD"] = ["+CMS ERROR: 314"]
        parts = b.modem.delivers("Could you put my balloons aside until Tuesday?", ADA, parts=2)
        for pdu in parts:
            b.modem.receive_pdu(pdu)
        await b.clock.until(lambda: b.ear.messages)
        await b.clock.sleep(5)
        b.modem.receive_pdu(parts[again])
        await b.clock.sleep(800)
        assert [message.text for message in b.ear.messages] == ["Could you put my balloons aside until Tuesday?"]
        assert _empty(b)


async def test_two_equal_texts_of_different_moments_have_two_ids(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.receive("yes", ADA)
        await _texts(b, 1)
        await b.clock.sleep(5)
        b.modem.receive("yes", ADA)
        await _texts(b, 2)
        assert len({message.id for message in b.ear.messages}) == 2


async def test_equal_texts_of_different_moments_have_two_ids_also_where_the_service_centre_writes_no_moment(
    tmp_path: Path,
) -> None:
    """STOP, START, and STOP again."""
    stop = "07911356131313F3040B915155210300F00000" + "00" * 7 + "0453EA130A"
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.receive_pdu(stop)
        await _texts(b, 1)
        await b.clock.sleep(5)
        b.modem.receive_pdu(stop)
        await _texts(b, 2)
        await b.clock.sleep(5)
        b.modem.say(f"+CMT: ,{len(stop) // 2 - 8}\r\n{stop}")
        await _texts(b, 3)
        await b.clock.sleep(5)
        b.modem.faults.errors["AT+CMGD"] = ["+CMS ERROR: 314"]
        b.modem.receive_pdu(stop)
        assert await _texts(b, 5) == ["STOP"] * 5
        ids = [message.id for message in b.ear.messages]
        assert len(set(ids[:4])) == 4
        assert ids[3] == ids[4]  # handed over twice


async def test_parts_do_not_fill_the_memory_for_good(tmp_path: Path) -> None:
    async with bench(tmp_path, sim=Sim(capacity=5)) as b:
        await b.ready()
        for _ in range(4):
            b.modem.receive_pdu(b.modem.delivers("Tuesday at five, please", ADA, parts=2)[0])
        await b.clock.sleep(200)
        assert _empty(b)
        assert len(b.ear.messages) == 4


async def test_a_memory_that_was_full_after_a_night_tears_no_long_text(tmp_path: Path) -> None:
    """The second part waits at the network until there is room."""
    long, waiting = "Could you put my balloons aside until Tuesday?", []

    def prepare(modem: SimulatedModem) -> None:
        first, second = modem.delivers(long, ADA, parts=2)
        modem.receive_pdu(first)
        waiting.append(second)
        for n in range(19):
            modem.receive(f"order {n}", ADA)

    async with bench(tmp_path, prepare=prepare) as b:
        await b.clock.until(lambda: len(b.ear.messages) >= 19 and len(b.modem.state.memories["SM"]) == 1)
        b.modem.receive_pdu(waiting[0])
        assert (await _texts(b, 20))[-1] == long
        assert len(b.ear.messages) == 20


async def test_drafts_that_fill_a_memory_tear_no_long_text(tmp_path: Path) -> None:
    """A SIM that was in somebody's phone for years."""
    async with bench(tmp_path) as b:
        await b.ready()
        for _ in range(17):
            b.modem.state.put("SM", "0001000B915155214365F700000731D98C56B3DD00", status=2)
        for pdu in b.modem.delivers("Could you put my balloons aside until Tuesday?", ADA, parts=2):
            b.modem.receive_pdu(pdu)
            await b.clock.sleep(20)
        assert [message.text for message in b.ear.messages] == ["Could you put my balloons aside until Tuesday?"]


async def test_what_is_not_for_people_is_thrown_away_and_counted(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        for pdu in (
            "00440B915155210300F00004621142112213400A0605040B8423F0010203",  # to a port
            "00040B915155210300F000C86211421122134002E834",  # voice mail
            "00040B915155210300F040006211421122134002E834",  # silent
            "0011223344",  # no SMS
        ):
            b.modem.receive_pdu(pdu)
        b.modem.receive("hello", ADA)
        assert await _texts(b, 1) == ["hello"]
        await b.clock.until(lambda: b.driver.status.ignored == 4)


async def test_drafts_that_somebody_left_are_left(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.modem.state.put("SM", "0001000B915155214365F700000731D98C56B3DD00", status=2)
        b.modem.receive("hello", ADA)
        await b.clock.until(lambda: b.ear.messages)
        await b.clock.sleep(130)
        assert len(b.modem.state.memories["SM"]) == 1
        assert len(b.ear.messages) == 1


@pytest.mark.parametrize("character", ["plain", "sim7600"])
async def test_reports_inline_and_stored(tmp_path: Path, character: str) -> None:
    async with bench(tmp_path, character=character) as b:
        await b.ready()
        b.modem.faults.report_status = 0x46
        reference = (await b.send()).references[0]
        await b.clock.until(lambda: b.ear.reports)
        assert [(report.reference, report.status) for report in b.ear.reports] == [(reference, 0x46)]
        assert b.modem.state.reports == (2 if character == "sim7600" else 1)
        await b.clock.until(lambda: _empty(b))


async def test_an_inline_report_that_can_not_be_recorded_is_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.ear.refuses = True
        await b.send()
        await b.clock.sleep(120)
        b.ear.refuses = False
        await b.clock.until(lambda: b.ear.reports)
        assert len(b.ear.reports) == 1


async def test_the_memorys_room_is_told(tmp_path: Path) -> None:
    async with bench(tmp_path, sim=Sim(capacity=12)) as b:
        await b.ready()
        await b.clock.until(lambda: b.driver.status.storage)
        assert b.driver.status.storage is not None
        assert b.driver.status.storage.total == 12


@pytest.mark.parametrize("character", ["sierra", "sim7600", "ec25"])
async def test_reports_that_are_announced_anywhere_are_fetched_at_once(tmp_path: Path, character: str) -> None:
    """In SM though no listing shows them, in SR though no list of memories names it."""
    async with bench(tmp_path, character=character) as b:
        await b.ready()
        b.modem.state.reports = 2
        reference = (await b.send()).references[0]
        await b.clock.until(lambda: b.ear.reports, within=15)
        assert b.ear.reports[0].reference == reference
        await b.clock.until(lambda: _empty(b))


@pytest.mark.parametrize("amid", ["", "^RSSI: 17\r\n"])
async def test_parts_that_come_inline_are_joined(tmp_path: Path, amid: str) -> None:
    """+CMT, as a stick hands on what it does not store; `amid`: what it says of its own before the PDU."""
    async with bench(tmp_path) as b:
        await b.ready()
        text = "Could you please put my balloons aside until tomorrow evening? " * 4
        for pdu in reversed(b.modem.delivers(text, ADA, parts=3)):
            b.modem.say(f"+CMT: ,{len(pdu) // 2 - 8}\r\n{amid}{pdu}")
            await b.clock.sleep(20)
        await b.clock.until(lambda: b.ear.messages, within=5)
        assert [message.text for message in b.ear.messages] == [text]
        b.modem.say(f"+CMT: ,{len(pdu) // 2 - 8}\r\n{b.modem.delivers('Tuesday at five, please', ADA, parts=2)[0]}")
        began = b.clock.monotonic()
        await b.clock.until(lambda: len(b.ear.messages) == 2)
        assert b.ear.messages[1].text == "Tuesday at f[…]"
        assert 600 <= b.clock.monotonic() - began <= 700


async def test_an_inline_text_that_can_not_be_recorded_is_kept(tmp_path: Path) -> None:
    async with bench(tmp_path) as b:
        await b.ready()
        b.ear.refuses = True
        [pdu] = b.modem.delivers("STOP", ADA)
        b.modem.say(f"+CMT: ,{len(pdu) // 2 - 8}\r\n{pdu}")
        await b.clock.sleep(120)
        b.ear.refuses = False
        await b.clock.until(lambda: b.ear.messages)
        await b.clock.sleep(120)
        assert [message.text for message in b.ear.messages] == ["STOP"]


async def test_a_report_of_which_the_line_lost_an_octet_delivers_nothing(tmp_path: Path) -> None:
    """One of its second time: what stands where "expired" was is 0 then, "received by the phone"."""
    whole = "07911356131313F3064D0B915155214365F762114211221340621142112254404600"
    async with bench(tmp_path) as b:
        await b.ready()
        for pdu in (whole.removesuffix("404600") + "4600", whole):
            b.modem.say(f"+CDS: 26\r\n{pdu}")
        await b.clock.until(lambda: b.ear.reports)
        assert [report.status for report in b.ear.reports] == [0x46]
        assert b.driver.status.ignored == 1


async def test_an_inline_text_of_which_the_line_lost_an_octet_is_marked(tmp_path: Path) -> None:
    """It might be anybody's STOP."""
    async with bench(tmp_path) as b:
        await b.ready()
        [pdu] = b.modem.delivers("STOP", ADA)
        for octets in (len(pdu) // 2 - 7, len(pdu) // 2 - 8):
            b.modem.say(f"+CMT: ,{octets}\r\n{pdu}")
            await b.clock.sleep(5)
        assert [(message.text, message.complete) for message in b.ear.messages] == [("STOP", False), ("STOP", True)]
