"""Which message a status report is about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.modem import pdu
from daemon.modem.pdu import Delivery, StatusReport
from daemon.modem.reports import WINDOW_MS, Awaited, Handle, Reports, match, same_number
from daemon.modem.simulator import oracle
from tests.support.gsm import MemoryNotes

NOW = 1_795_515_300_000
ADA = "+447700900123"


def _report(reference: int, *, number: str = ADA, status: int = 0) -> StatusReport:
    report = pdu.decode(oracle.status_report(reference, number, NOW, status))
    assert isinstance(report, StatusReport)
    return report


def _awaited(*references: int, device: str = "m", number: str = ADA, age: int = 1000) -> Awaited:
    return Awaited(Handle(device, NOW - age, references), number)


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


def test_the_newest_of_one_reference_is_meant() -> None:
    old, new = _awaited(7, age=86_400_000), _awaited(7, age=1000)
    assert match(_report(7), [old, new], device="m", now=NOW) is new


def test_another_number_modem_reference_or_age_is_not_meant() -> None:
    for other in (
        _awaited(8),
        _awaited(7, number="+447700900999"),
        _awaited(7, device="x"),
        _awaited(7, age=WINDOW_MS + 1),
    ):
        assert match(_report(7), [other], device="m", now=NOW) is None


def test_any_part_finds_its_text() -> None:
    text = _awaited(254, 255, 0)
    assert match(_report(0), [text], device="m", now=NOW) is text


@pytest.mark.parametrize(
    ("status", "delivery"),
    [(0x00, Delivery.DELIVERED), (0x01, Delivery.FORWARDED), (0x46, Delivery.FAILED), (0x62, Delivery.FAILED)],
)
async def test_one_part_is_judged_at_once(status: int, delivery: Delivery) -> None:
    notes = MemoryNotes()
    verdict = await Reports(notes).judge(_report(7, status=status), _awaited(7))
    assert verdict is not None
    assert verdict.delivery is delivery
    assert notes.writes == 0


async def test_still_trying_is_no_verdict() -> None:
    assert await Reports(MemoryNotes()).judge(_report(7, status=0x20), _awaited(7)) is None


async def test_all_parts_must_arrive_across_restarts() -> None:
    notes, text = MemoryNotes(), _awaited(7, 8, 9)
    assert await Reports(notes).judge(_report(8), text) is None
    assert await Reports(notes).judge(_report(8), text) is None  # twice
    assert await Reports(notes).judge(_report(7), text) is None
    verdict = await Reports(notes).judge(_report(9), text)
    assert verdict is not None
    assert (verdict.delivery, verdict.detail) == (Delivery.DELIVERED, "all 3 parts: received by the phone")
    assert notes.kept == {}


async def test_one_failed_part_fails_the_text() -> None:
    notes, text = MemoryNotes(), _awaited(7, 8)
    assert await Reports(notes).judge(_report(7), text) is None
    verdict = await Reports(notes).judge(_report(8, status=0x46), text)
    assert verdict is not None
    assert (verdict.delivery, verdict.detail) == (Delivery.FAILED, "part 2 of 2: validity period expired")


async def test_forwarded_parts_are_no_proof() -> None:
    notes, text = MemoryNotes(), _awaited(7, 8)
    assert await Reports(notes).judge(_report(7, status=0x01), text) is None
    verdict = await Reports(notes).judge(_report(8), text)
    assert verdict is not None
    assert verdict.delivery is Delivery.FORWARDED


async def test_half_reported_texts_take_bounded_room() -> None:
    notes = MemoryNotes()
    for n in range(200):
        await Reports(notes).judge(_report(7), _awaited(7, 8, age=n))
    assert len(notes.kept["modem.parts"]) < 10_000
