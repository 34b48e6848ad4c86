"""Which message a status report is about: modem, reference, number and time, all of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.modem.errors import NotCommitted
from daemon.modem.pdu import Delivery
from daemon.modem.reports import MOST_TEXTS, WINDOW_MS, Course, Handle, Matched, TextOutcome, same_number
from tests.support.gsm import MemoryNotes
from tests.support.ledger import ADA, NOW, Book, report_on


@given(st.from_regex(r"[0-9a-f]{8}", fullmatch=True), st.integers(0, 2**45), st.lists(st.integers(0, 255), min_size=1))
def test_handles_come_back(device: str, stamp: int, references: list[int]) -> None:
    handle = Handle(device, stamp, tuple(references))
    assert Handle.parse(str(handle)) == handle


@pytest.mark.parametrize("text", ["", "SM123", "a-b", "a-b-c", "a-1-2.x"])
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
    book = Book()
    await book.taken(7, age=86_400_000)
    new = await book.taken(7)
    assert await book.judge(report_on(7)) == _delivered(new)


async def test_a_repeated_report_is_about_the_text_that_it_was_about_and_about_no_other() -> None:
    """The network says it again, after a newer text to the same customer took the same reference."""
    book = Book()
    old = await book.taken(7, age=3_600_000)
    report = report_on(7, taken_at=NOW - 3_600_000)
    assert await book.judge(report) == _delivered(old)
    await book.taken(7)
    for _ in range(2):
        assert await book.again().judge(report) == _delivered(old)


async def test_a_report_of_yesterday_is_not_about_todays_text_of_that_reference() -> None:
    book = Book()
    await book.taken(7)
    assert await book.judge(report_on(7, taken_at=NOW - 86_400_000, done_at=NOW)) is None


async def test_without_a_time_only_the_one_text_that_fits_is_meant() -> None:
    book = Book()
    one = await book.taken(7)
    timeless = replace(report_on(7), sent_at=None)
    assert await book.judge(timeless) == _delivered(one)
    await book.taken(7, age=2000)
    assert await book.judge(timeless) is None


@pytest.mark.parametrize("status", [0x00, 0x46])
async def test_a_report_that_fits_two_texts_of_these_minutes_is_neithers(status: int) -> None:
    """By a modem that calls all its texts 0: the service centre took the older one as late as the newer one was sent."""
    book = Book()
    await book.taken(0, age=10_000)
    await book.taken(0, age=4_000)
    assert await book.judge(report_on(0, status=status, taken_at=NOW - 6_000)) is None


async def test_a_clock_that_is_years_behind_costs_no_receipt_and_makes_none() -> None:
    book = Book()
    sent = await book.taken(7)
    years = 3 * 365 * 86_400_000
    assert await book.judge(report_on(7, taken_at=NOW + years, done_at=NOW + years + 2000)) == _delivered(sent)
    too_long = report_on(7, taken_at=NOW + years - 86_400_000, done_at=NOW + years)
    assert await book.judge(too_long) is None  # a day on its way; the text was sent a second ago


async def test_while_our_clock_is_behind_a_repeated_report_delivers_no_newer_text_of_its_reference() -> None:
    """By an hour: both texts seem to be from long before the report's moment, and the newer one is the less so."""
    book = Book()
    await book.taken(7, age=1_260_000)
    await book.taken(7, age=60_000)
    assert await book.judge(report_on(7, taken_at=NOW + 2_340_000, done_at=NOW + 2_345_000)) is None


@pytest.mark.parametrize("course", [Course.TAKEN, Course.UNANSWERED])
@pytest.mark.parametrize("step", [7200, 3 * 365 * 86_400, -7200])
async def test_a_clock_that_was_set_since_costs_no_receipt(step: int, course: Course) -> None:
    """It was behind when the power came back, and the line brought the time."""
    book = Book()
    text = await book.ledger.begin(device="m", number=ADA, reference="m1.1", parts=1)
    await book.ledger.end(text, (7,) if course is Course.TAKEN else (), course)
    book.clock.step(step)
    await book.clock.advance(3600)
    other = await book.ledger.begin(device="m", number="+447700900999", reference="m2.1", parts=1)
    await book.ledger.end(other, (9,), Course.TAKEN)
    taken_at = book.clock.now() - 3_600_000
    report = report_on(7, taken_at=taken_at, done_at=book.clock.now())
    if course is Course.UNANSWERED:
        assert await book.ledger.answers(text, report)
    else:
        assert await book.judge(report) == _delivered(text.handle)


@pytest.mark.parametrize("step", [-7200, -3 * 365 * 86_400])
async def test_a_clock_that_is_behind_after_a_power_cut_costs_no_receipt(step: int) -> None:
    """A Pi comes up with the time that it noted last, and the line that would bring the right one is down."""
    before = Book()
    sent = await before.taken(7)
    unanswered = await before.text(course=Course.UNANSWERED, attempt="m9.1", number="+447700900999")
    book = before.again()
    book.clock.step(step)
    report = report_on(7, taken_at=NOW, done_at=NOW + 3_600_000)
    assert await book.judge(report) == _delivered(sent)
    found = await book.ledger.attempt("m9.1")
    assert found is not None
    assert found.handle == unanswered.handle
    assert await book.ledger.answers(found, report_on(9, number="+447700900999", taken_at=NOW, done_at=NOW + 3_600_000))
    too_early = report_on(7, taken_at=NOW - 86_400_000, done_at=NOW)
    assert await book.judge(too_early) is None  # another text's of that reference


@pytest.mark.parametrize(
    ("reference", "age", "number", "device"),
    [
        (8, 1000, ADA, "m"),
        (7, 1000, "+447700900999", "m"),
        (7, 1000, ADA, "x"),
        (7, WINDOW_MS + 1, ADA, "m"),
    ],
)
async def test_another_reference_number_modem_or_age_is_not_meant(
    reference: int, age: int, number: str, device: str
) -> None:
    book = Book()
    await book.taken(reference, age=age, number=number, device=device)
    assert await book.judge(report_on(7, taken_at=NOW - age)) is None


def _delivered(handle: Handle, detail: str = "received by the phone") -> Matched:
    return Matched(TextOutcome(handle, Delivery.DELIVERED, "ST 0x00", detail))


@pytest.mark.parametrize(
    ("status", "delivery"),
    [(0x00, Delivery.DELIVERED), (0x01, Delivery.FORWARDED), (0x46, Delivery.FAILED), (0x62, Delivery.FAILED)],
)
async def test_one_part_is_judged_at_once_and_again_alike(status: int, delivery: Delivery) -> None:
    book = Book()
    await book.taken(7)
    writes = book.notes.writes
    for _ in range(2):
        matched = await book.judge(report_on(7, status=status))
        assert matched is not None
        assert matched.verdict is not None
        assert matched.verdict.delivery is delivery
    assert book.notes.writes == writes


async def test_still_trying_is_no_verdict() -> None:
    book = Book()
    await book.taken(7)
    assert await book.judge(report_on(7, status=0x20)) == Matched(None)


async def test_all_parts_must_arrive_across_restarts() -> None:
    book = Book()
    handle = await book.taken(255, 0, 1)
    for reference in (0, 0, 255):  # one of them twice
        assert await book.again().judge(report_on(reference)) == Matched(None)
    assert await book.again().judge(report_on(1)) == _delivered(handle, "all 3 parts: received by the phone")


async def test_parts_that_arrived_are_no_whole_text() -> None:
    """The last part was refused, or nobody answered for it."""
    for course in (Course.BROKEN, Course.UNANSWERED):
        book = Book()
        await book.text(7, 8, course=course, parts=3)
        for reference in (7, 8):
            assert await book.judge(report_on(reference)) == Matched(None)


async def test_one_failed_part_fails_the_text() -> None:
    book = Book()
    handle = await book.taken(7, 8)
    assert await book.judge(report_on(7)) == Matched(None)
    matched = await book.judge(report_on(8, status=0x46))
    assert matched == Matched(TextOutcome(handle, Delivery.FAILED, "ST 0x46", "part 2 of 2: validity period expired"))


async def test_forwarded_parts_are_no_proof() -> None:
    book = Book()
    await book.taken(7, 8)
    await book.judge(report_on(7, status=0x01))
    matched = await book.judge(report_on(8))
    assert matched is not None
    assert matched.verdict is not None
    assert matched.verdict.delivery is Delivery.FORWARDED


@pytest.mark.parametrize("references", [(0, 0, 0), (7, 8, 7)])
async def test_parts_that_the_modem_tells_not_apart_are_never_all_delivered(references: tuple[int, ...]) -> None:
    """Some say the same reference for each: a report on one part looks like a report on all."""
    book = Book()
    await book.taken(*references)
    for reference in [*references, *references]:
        matched = await book.judge(report_on(reference))
        assert matched is not None
        assert matched.verdict is None or matched.verdict.delivery is Delivery.FORWARDED


async def test_the_notes_are_small_and_hold_no_number() -> None:
    book = Book()
    for n in range(300):
        await book.taken(n % 256, age=n)
    kept = book.notes.kept["modem.sent"]
    assert len(kept) < 80 * MOST_TEXTS
    assert ADA[-8:] not in kept


async def test_a_text_that_can_not_be_noted_is_not_to_be_sent_and_one_that_was_is_not_forgotten() -> None:
    class Moody(MemoryNotes):
        willing = False

        async def set(self, key: str, value: str) -> None:
            if not self.willing:
                raise NotCommitted("busy")
            await super().set(key, value)

    notes = Moody()
    book = Book(notes)
    with pytest.raises(NotCommitted):
        await book.taken(7)
    assert await book.ledger.attempt("m1.1") is None
    notes.willing = True
    text = await book.ledger.begin(device="m", number=ADA, reference="m2.1", parts=1)
    notes.willing = False
    await book.ledger.end(text, (7,), Course.TAKEN)
    assert await book.judge(report_on(7)) == _delivered(text.handle)


async def test_a_try_is_known_by_its_own_name_across_restarts() -> None:
    book = Book()
    text = await book.text(7, course=Course.TAKEN, attempt="m9.1")
    await book.text(course=None, attempt="m9.2")
    found = await book.again().ledger.attempt("m9.1")
    assert found is not None
    assert found.handle == text.handle
    assert await book.again().ledger.attempt("m9.2") is None  # nothing of it left


async def test_a_try_that_a_crash_cut_off_is_unanswered() -> None:
    book = Book()
    await book.ledger.begin(device="m", number=ADA, reference="m1.1", parts=1)
    found = await book.again().ledger.last_unanswered()
    assert found is not None
    assert found.course is Course.UNANSWERED


async def test_what_earlier_releases_noted_is_understood() -> None:
    notes = MemoryNotes()
    book = Book(notes)
    handle = await book.taken(7)
    mark = (await book.ledger.attempt("m1.1")).mark  # type: ignore[union-attr]
    notes.kept["modem.sent"] = f'[["{handle}","{mark}",{{}}]]'
    assert await book.again().judge(report_on(7)) == _delivered(handle)
    assert not await book.again().ledger.remembers(NOW)


@given(
    st.sets(st.tuples(st.integers(0, 6), st.integers(0, 3), st.sampled_from([ADA, "+447700900999"])), min_size=1),
    st.data(),
)
async def test_a_report_is_never_credited_to_another_text(
    texts: set[tuple[int, int, str]], data: st.DataObject
) -> None:
    """References that wrap, two customers, hours apart: each report, in any order and again and again, counts for its own text."""
    book = Book()
    sent = [
        (await book.taken(reference, age=hours * 3_600_000, number=number), number)
        for hours, reference, number in sorted(texts, reverse=True)
    ]
    for handle, number in data.draw(st.lists(st.sampled_from(sent), max_size=12)):
        report = report_on(handle.references[0], number=number, taken_at=handle.stamp)
        assert await book.judge(report) == _delivered(handle)
