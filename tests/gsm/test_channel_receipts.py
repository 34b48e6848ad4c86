"""The modem as a channel: receipts, looking up what is unknown, and replies."""

import asyncio
from pathlib import Path

import pytest

from daemon.channels._modem_sender import address as address_of
from daemon.channels.base import Sent
from daemon.modem.addresses import Address, NumberType
from outbox.model import Attempt
from outbox.outcome import Accepted, CannotTell, Found, ReceiptState, Unknown
from tests.support.gsm import MemoryNotes
from tests.support.modem_shop import ADA, TEXT, Shop, open_shop

# ------------------------------------------------------------ receipts


async def _taken(shop: Shop, text: str = TEXT) -> Accepted:
    outcome = await shop.send(text)
    assert isinstance(outcome, Accepted)
    return outcome


@pytest.mark.parametrize(
    ("status", "state"),
    [(0x00, ReceiptState.DELIVERED), (0x46, ReceiptState.UNDELIVERED), (0x01, ReceiptState.SENT)],
)
async def test_a_report_becomes_a_receipt(tmp_path: Path, status: int, state: ReceiptState) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_status = status
        outcome = await _taken(shop)
        await shop.clock.until(lambda: shop.record.receipts)
        (update,) = shop.record.receipts
        assert (update.state, update.provider_id) == (state, outcome.provider_id)
        assert update.at
        assert update.code == f"ST {status:#04x}"


async def test_a_report_that_comes_before_the_networks_answer(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_first = True
        outcome = await _taken(shop)
        await shop.clock.until(lambda: shop.record.receipts, within=5)
        assert shop.record.receipts[0].provider_id == outcome.provider_id


async def test_a_report_that_may_be_on_either_of_two_texts_is_put_down_to_neither(tmp_path: Path) -> None:
    """The stick calls them alike, and the service centre took the first one late: which of them could not be delivered?"""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        began, before = shop.clock.now(), shop.modem._reference
        for text in ("A", "B"):
            shop.modem._reference = before
            await _taken(shop, text)
            await shop.clock.sleep(6)
        assert len(set(shop.modem.references)) == 1
        shop.modem.report(shop.modem.references[0], ADA, 0x46, taken_at=began + 4000)
        await shop.clock.sleep(5)
        assert shop.record.receipts == []


async def test_a_long_text_is_delivered_when_all_its_parts_are_across_a_restart(tmp_path: Path) -> None:
    notes = MemoryNotes()
    async with open_shop(tmp_path, notes=notes) as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        outcome = await _taken(shop, "a" * 400)
        references = shop.modem.references
        record = shop.record
        for reference in references[:2]:
            shop.modem.report(reference, ADA, 0)
        await shop.clock.until(lambda: notes.kept["modem.sent"].count("delivered") == 2)
        assert record.receipts == []
    async with open_shop(tmp_path, notes=notes, record=record) as shop:
        await shop.ready()
        shop.modem.report(references[2], "447700900123", 0)
        await shop.clock.until(lambda: record.receipts)
        assert [(update.state, update.provider_id) for update in record.receipts] == [
            (ReceiptState.DELIVERED, outcome.provider_id)
        ]


async def test_a_wrapped_reference_means_the_newest(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.report_status = None
        first = await _taken(shop)
        shop.modem._reference -= 1
        await shop.clock.sleep(1000)
        second = await _taken(shop)
        assert shop.modem.references[0] == shop.modem.references[1]
        assert first.provider_id != second.provider_id
        shop.modem.report(shop.modem.references[0], ADA, 0)
        await shop.clock.until(lambda: shop.record.receipts)
        assert shop.record.receipts[0].provider_id == second.provider_id


@pytest.mark.parametrize(
    ("before", "later"), [(0, 1), (0, 3), (1, 0)], ids=["then not at once", "then no more", "at first not"]
)
async def test_a_modem_that_leaves_its_number_out_after_a_start_is_the_one_it_was(
    tmp_path: Path, before: int, later: int
) -> None:
    """As one does that has just started: what could not be delivered is told all the same."""
    async with open_shop(tmp_path) as shop:
        shop.modem.faults.errors["AT+CGSN"] = ["+CME ERROR: 14"] * before
        await shop.ready()
        shop.modem.faults.report_status = None
        outcome = await _taken(shop)
        shop.modem.faults.errors["AT+CGSN"] = ["+CME ERROR: 14"] * later
        shop.modem.start_anew("RDY")
        await shop.clock.until(lambda: shop.channel.status().stage == "starting", within=60)
        await shop.ready()
        shop.modem.report(shop.modem.references[0], ADA, 0x46)
        await shop.clock.until(lambda: shop.record.receipts, within=120)
        [update] = shop.record.receipts
        assert (update.state, update.provider_id) == (ReceiptState.UNDELIVERED, outcome.provider_id)


async def test_a_busy_database_loses_no_report(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.record.busy = True
        await _taken(shop)
        await shop.clock.sleep(130)
        shop.record.busy = False
        await shop.clock.until(lambda: shop.record.receipts)


async def test_a_report_of_somebody_elses_is_no_receipt(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.report(7, ADA, 0)
        await shop.clock.sleep(130)
        assert shop.record.receipts == []


# ------------------------------------------------------------ looking up what is unknown


async def test_a_report_tells_that_an_unknown_message_was_sent(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.silent_after_pdu = True
        shop.modem.faults.report_seconds = 70
        started = shop.clock.now()
        outcome = await shop.send()
        assert isinstance(outcome, Unknown)
        attempt = shop.record.keep(outcome, started_at=started)
        sent = Sent(attempt=attempt, order_ref="B-1042", trigger="order.ready", now=shop.clock.now())
        assert isinstance(await shop.channel.lookup(sent), CannotTell)
        await shop.clock.until(lambda: shop.channel._unmatched)
        found = await shop.channel.lookup(sent)
        assert isinstance(found, Found)
        assert found.receipt is ReceiptState.DELIVERED
        assert found.provider_id.endswith(f"-{shop.modem.references[0]}")
        other = shop.record.keep(outcome, started_at=started, message="m2")
        asked = Sent(attempt=other, order_ref="B-1043", trigger="order.ready", now=shop.clock.now())
        assert not isinstance(await shop.channel.lookup(asked), Found)  # one report answers for one message


async def test_a_reference_that_comes_late_tells_that_an_unknown_message_was_sent(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.network_seconds = 75
        shop.modem.faults.report_status = None
        attempt = shop.record.keep(Unknown("x"))
        assert isinstance(await shop.send(), Unknown)
        shop.modem.faults.network_seconds = 0
        await shop.clock.until(lambda: shop.modem.references)
        await shop.clock.sleep(5)
        found = await shop.channel.lookup(
            Sent(attempt=attempt, order_ref="B-1042", trigger="order.ready", now=shop.clock.now())
        )
        assert isinstance(found, Found)
        assert found.provider_id.endswith(f"-{shop.modem.references[0]}")


async def test_what_was_taken_just_before_a_crash_is_found(tmp_path: Path) -> None:
    """The network gave its reference, and the service died before the outcome was on record."""
    notes = MemoryNotes()
    async with open_shop(tmp_path, notes=notes) as shop:
        await shop.ready()
        attempt = shop.record.keep(Unknown("the service stopped"))
        outcome = await _taken(shop)
    async with open_shop(tmp_path, notes=notes) as shop:
        sent = Sent(attempt=attempt, order_ref="B-1042", trigger="order.ready", now=shop.clock.now())
        assert await shop.channel.lookup(sent) == Found(outcome.provider_id)


async def _waits(shop: Shop, attempt: Attempt) -> bool:
    sent = Sent(attempt=attempt, order_ref="B", trigger="order.ready", now=shop.clock.now())
    answer = await shop.channel.lookup(sent)
    assert isinstance(answer, CannotTell)
    return answer.again is not None


@pytest.mark.parametrize("character", ["plain", "ec25", "sim7600"])
async def test_a_report_is_given_ninety_seconds_since_the_answer_was_given_up(tmp_path: Path, character: str) -> None:
    """Also where the network may take two minutes to answer."""
    async with open_shop(tmp_path, character=character) as shop:
        await shop.ready()
        shop.modem.faults.silent_after_pdu = True
        shop.modem.faults.report_status = None
        attempt = shop.record.keep(Unknown("x"))
        assert isinstance(await shop.send(), Unknown)
        given_up = shop.clock.monotonic()
        await shop.clock.sleep(given_up + 85 - shop.clock.monotonic())
        assert await _waits(shop, attempt)
        await shop.clock.sleep(10)
        assert not await _waits(shop, attempt)


async def test_a_report_is_given_time_since_the_modem_is_ready_again(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.unplug_after_pdu = True
        shop.modem.faults.report_status = None
        attempt = shop.record.keep(Unknown("x"))
        assert isinstance(await shop.send(), Unknown)
        await shop.clock.sleep(20)
        assert await _waits(shop, attempt)  # the modem is away
        shop.modem.faults.unplug_after_pdu = False
        shop.plug.put()
        await shop.ready()
        await shop.clock.sleep(60)
        assert await _waits(shop, attempt)
        await shop.clock.sleep(40)
        assert not await _waits(shop, attempt)


@pytest.mark.parametrize("step", [3600, -3600])
@pytest.mark.parametrize("killed", [True, False])
async def test_a_clock_that_is_set_meanwhile_neither_ends_the_wait_for_a_report_nor_prolongs_it(
    tmp_path: Path, step: int, killed: bool
) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.silent_after_pdu = True
        shop.modem.faults.report_status = None
        attempt = shop.record.keep(Unknown("x"))
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(shop.send())
            await shop.clock.until(lambda: shop.modem.sent)
            if killed:
                await shop.again(killed=True)
                sending.cancel()
            else:
                await sending
        await shop.ready()
        shop.clock.step(step)
        await shop.clock.sleep(60)
        assert await _waits(shop, attempt)
        await shop.clock.sleep(40)
        assert not await _waits(shop, attempt)


async def test_a_text_whose_parts_are_still_going_out_is_not_repeated(tmp_path: Path) -> None:
    """Four parts of fifty seconds each: longer than `timeout`, and all of them arrive."""
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.faults.network_seconds = 50
        shop.modem.faults.report_status = None
        attempt = shop.record.keep(Unknown("x"))
        assert isinstance(await shop.send("a" * 600), Unknown)
        assert len(shop.modem.sent) == 3
        for _ in range(2):
            assert await _waits(shop, attempt)
            await shop.clock.sleep(8)
        await shop.clock.until(lambda: len(shop.modem.sent) == 4)
        await shop.clock.sleep(5)
        sent = Sent(attempt=attempt, order_ref="B", trigger="order.ready", now=shop.clock.now())
        assert isinstance(await shop.channel.lookup(sent), Found)


# ------------------------------------------------------------ replies


@pytest.mark.parametrize(
    ("text", "consent"),
    [("STOP", "stop"), ("Arrêt !", "stop"), ("START", "start"), ("HELP", None), ("on my way!", None)],
)
async def test_what_customers_write(tmp_path: Path, text: str, consent: str | None) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.receive(text, ADA)
        await shop.clock.until(lambda: shop.record.replies)
        (reply,) = shop.record.replies
        assert (reply.address, reply.text, reply.consent) == (ADA, text, consent)
        assert reply.id
        assert reply.at


@pytest.mark.parametrize(
    ("sender", "address", "consent"),
    [
        ("07700900123", ADA, "stop"),
        ("Balloon", "Balloon", None),
        ("60777", "60777", None),
        ("85432", "85432", None),
        ("+85432", "+85432", None),
        ("854321", "854321", None),
        ("8543219", "8543219", None),  # a neighbour's number without its area
    ],
)
async def test_who_wrote_and_whether_they_can_opt_out(
    tmp_path: Path, sender: str, address: str, consent: str | None
) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.modem.receive("STOP", sender)
        await shop.clock.until(lambda: shop.record.replies)
        reply = shop.record.replies[0]
        assert (reply.address, reply.consent, reply.is_person) == (address, consent, consent is not None)


@pytest.mark.parametrize("country", ["DE", "SE", "FI", "LU"])
@pytest.mark.parametrize("text", ["STOP", "START"])
async def test_digits_without_their_area_silence_no_stranger(tmp_path: Path, country: str, text: str) -> None:
    """There they are a number of their own, somebody else's."""
    async with open_shop(tmp_path, country=country) as shop:
        await shop.ready()
        shop.modem.receive(text, "8543219")
        await shop.clock.until(lambda: shop.record.replies)
        reply = shop.record.replies[0]
        assert (reply.address, reply.consent, reply.is_person) == ("8543219", None, False)


@pytest.mark.parametrize("kind", list(NumberType))
@pytest.mark.parametrize(
    ("country", "value", "number"),
    [
        ("GB", "7911123456", "+447911123456"),
        ("FR", "612345678", "+33612345678"),
        ("US", "4155552671", "+14155552671"),
        ("DE", "01711234567", "+491711234567"),
        ("DE", "8543219", None),
    ],
)
def test_only_numbers_that_people_text_from_are_people(
    kind: NumberType, country: str, value: str, number: str | None
) -> None:
    """What a network, or an office's own exchange, means by some digits is its own."""
    if kind is NumberType.INTERNATIONAL:
        value = number or f"+49{value}"
        assert address_of(Address(value, kind), country) == (value, True)
    elif number and kind in (NumberType.UNKNOWN, NumberType.NATIONAL):
        assert address_of(Address(value, kind), country) == (number, True)
    else:
        assert address_of(Address(value, kind), country) == (value, False)


async def test_a_text_of_which_a_part_never_came_is_a_persons_and_not_whole(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        first, _ = shop.modem.delivers("please STOP texting me about your offers", ADA, parts=2)
        shop.modem.receive_pdu(first)
        await shop.clock.until(lambda: shop.record.replies)
        [reply] = shop.record.replies
        assert (reply.address, reply.text, reply.consent) == (ADA, "please STOP texting […]", None)
        assert (reply.is_person, reply.is_whole) == (True, False)


async def test_a_reply_stays_in_the_modem_until_it_is_on_record(tmp_path: Path) -> None:
    async with open_shop(tmp_path) as shop:
        await shop.ready()
        shop.record.busy = True
        shop.modem.receive("STOP", ADA)
        await shop.clock.sleep(130)
        assert any(shop.modem.state.memories.values())
        shop.record.busy = False
        await shop.clock.until(lambda: shop.record.replies)
        await shop.clock.until(lambda: not any(shop.modem.state.memories.values()))
