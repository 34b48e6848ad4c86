"""Which message a status report is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.modem import pdu
from daemon.modem.errors import NotCommitted
from daemon.modem.pdu import Delivery, StatusReport
from daemon.modem.reports import MOST_TEXTS, WINDOW_MS, Handle, Ledger, Matched, Verdict, same_number
from daemon.modem.simulator import oracle
from tests.support.fake_clock import FakeClock
from tests.support.gsm import MemoryNotes

NOW = 1_795_515_300_000
ADA = "+447700900123"


def _report(reference: int, *, number: str = ADA, status: int = 0) -> StatusReport:
    report = pdu.decode(oracle.status_report(reference, number, NOW, status))
    assert isinstance(report, StatusReport)
    return report


def _handle(*references: int, device: str = "m", age: int = 1000) -> Handle:
    return Handle(device, NOW - age, references)


async def _ledger(*handles: Handle, number: str = ADA, notes: MemoryNotes | None = None) -> Ledger:
    ledger = Ledger(notes or MemoryNotes(), FakeClock(NOW))
    for handle in handles:
        await ledger.add(handle, number)
    return ledger


@given(st.from_regex(r"[0-9a-f]{8}", fullmatch=True), st.integers(0, 2**45), st.lists(st.integers(0, 255), min_size=1))
def test_handles_come_back(device: str, stamp: int, references: list[int]) -> None:
    handle = Handle(device, stamp, tuple(references))
    assert Handle.parse(str(handle)) == handle


@pytest.mark.parametrize("text", ["", "SM123", "a-b", "a-b-c", "a-1-", "a-1-2.x"])
def test_other_ids_are_no_handles(text: str) -> None:
    assert Handle.parse(text) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (ADA, "447700900123", True),
        (ADA, "07700900123", True),
        (ADA, "+447700900124", False),
        (ADA, "", False),
        ("+15551234567", "5551234567", True),
        ("12345", "12345", True),
        ("12345", "+447700912345", False),
    ],
)
def test_numbers_with_and_without_their_country(one: str, other: str, same: bool) -> None:
    assert same_number(one, other) is same


async def test_the_newest_of_one_reference_is_meant() -> None:
    ledger = await _ledger(_handle(7, age=86_400_000), _handle(7, age=1000))
    assert await ledger.judge(_report(7), device="m") == _delivered(_handle(7, age=1000))


async def test_once_its_end_is_on_record_the_next_older_is_meant() -> None:
    old, new = _handle(7, age=86_400_000), _handle(7, age=1000)
    ledger = await _ledger(old, new)
    await ledger.close(new)
    assert await ledger.judge(_report(7), device="m") == _delivered(old)


@pytest.mark.parametrize(
    ("handle", "number"),
    [
        (_handle(8), ADA),
        (_handle(7), "+447700900999"),
        (_handle(7, device="x"), ADA),
        (_handle(7, age=WINDOW_MS + 1), ADA),
    ],
)
async def test_another_reference_number_modem_or_age_is_not_meant(handle: Handle, number: str) -> None:
    assert await (await _ledger(handle, number=number)).judge(_report(7), device="m") is None


def _delivered(handle: Handle, detail: str = "received by the phone") -> Matched:
    return Matched(Verdict(handle, Delivery.DELIVERED, "ST 0x00", detail))


@pytest.mark.parametrize(
    ("status", "delivery"),
    [(0x00, Delivery.DELIVERED), (0x01, Delivery.FORWARDED), (0x46, Delivery.FAILED), (0x62, Delivery.FAILED)],
)
async def test_one_part_is_judged_at_once_and_again_alike(status: int, delivery: Delivery) -> None:
    notes = MemoryNotes()
    ledger = await _ledger(_handle(7), notes=notes)
    writes = notes.writes
    for _ in range(2):
        matched = await ledger.judge(_report(7, status=status), device="m")
        assert matched is not None
        assert matched.verdict is not None
        assert matched.verdict.delivery is delivery
    assert notes.writes == writes


async def test_still_trying_is_no_verdict() -> None:
    assert await (await _ledger(_handle(7))).judge(_report(7, status=0x20), device="m") == Matched(None)


async def test_all_parts_must_arrive_across_restarts() -> None:
    notes, handle = MemoryNotes(), _handle(255, 0, 1)
    await _ledger(handle, notes=notes)
    for reference in (0, 0, 255):  # one of them twice
        assert await (await _ledger(notes=notes)).judge(_report(reference), device="m") == Matched(None)
    matched = await (await _ledger(notes=notes)).judge(_report(1), device="m")
    assert matched == _delivered(handle, "all 3 parts: received by the phone")


async def test_one_failed_part_fails_the_text() -> None:
    ledger = await _ledger(_handle(7, 8))
    assert await ledger.judge(_report(7), device="m") == Matched(None)
    matched = await ledger.judge(_report(8, status=0x46), device="m")
    assert matched == Matched(
        Verdict(_handle(7, 8), Delivery.FAILED, "ST 0x46", "part 2 of 2: validity period expired")
    )


async def test_forwarded_parts_are_no_proof() -> None:
    ledger = await _ledger(_handle(7, 8))
    await ledger.judge(_report(7, status=0x01), device="m")
    matched = await ledger.judge(_report(8), device="m")
    assert matched is not None
    assert matched.verdict is not None
    assert matched.verdict.delivery is Delivery.FORWARDED


async def test_the_notes_are_small_and_hold_no_number() -> None:
    notes = MemoryNotes()
    await _ledger(*(_handle(n % 256, age=n) for n in range(400)), notes=notes)
    kept = notes.kept["modem.sent"]
    assert len(kept) < 50 * MOST_TEXTS
    assert ADA[-8:] not in kept
    await _ledger(_handle(1, age=-WINDOW_MS), notes=notes)


async def test_a_disk_that_is_unwilling_costs_no_text_that_was_sent() -> None:
    class Unwilling(MemoryNotes):
        async def set(self, key: str, value: str) -> None:
            raise NotCommitted("busy")

    ledger = await _ledger(_handle(7), notes=Unwilling())
    assert await ledger.judge(_report(7), device="m") == _delivered(_handle(7))


async def test_what_went_out_before_a_crash_is_found() -> None:
    ledger = await _ledger(_handle(7, age=1000))
    assert await ledger.find(ADA, since=NOW - 2000, until=NOW) == _handle(7, age=1000)
    assert await ledger.find("+447700900999", since=NOW - 2000, until=NOW) is None
    assert await ledger.find(ADA, since=NOW - 500, until=NOW) is None
    assert await ledger.find(ADA, since=NOW - 5000, until=NOW - 2000) is None
