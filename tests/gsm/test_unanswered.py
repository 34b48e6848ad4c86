"""A text whose answer never came: which report tells that the network has it."""

from dataclasses import replace

import pytest

from daemon.modem.pdu import StatusReport
from daemon.modem.reports import Course
from tests.support.ledger import NOW, Book, report_on


async def test_a_report_answers_for_the_one_text_that_it_can_be_about() -> None:
    book = Book()
    text = await book.text(course=Course.UNANSWERED)
    assert await book.ledger.answers(text, report_on(9))


@pytest.mark.parametrize(
    "report",
    [
        report_on(9, number="+447700900999"),
        report_on(9, taken_at=NOW - 400_000),
        report_on(9, taken_at=NOW + 86_400_000),
        replace(report_on(9), sent_at=None),
    ],
)
async def test_a_report_of_another_number_or_time_answers_for_nothing(report: StatusReport) -> None:
    book = Book()
    text = await book.text(course=Course.UNANSWERED)
    assert not await book.ledger.answers(text, report)


async def test_a_report_that_may_be_about_either_of_two_texts_answers_for_none() -> None:
    book = Book()
    first = await book.text(course=Course.UNANSWERED, age=60_000, attempt="m1.1")
    second = await book.text(course=Course.UNANSWERED, attempt="m2.1")
    assert not await book.ledger.answers(first, report_on(9))
    assert not await book.ledger.answers(second, report_on(9))


async def test_a_report_that_may_be_about_a_text_whose_reference_the_modem_said_wrongly_answers_for_none() -> None:
    """By a modem that calls all its texts 0, where the network does not. Once a report named what the modem said, it is believed."""
    book = Book()
    text = await book.text(course=Course.UNANSWERED, age=60_000)
    await book.taken(0, age=30_000)
    report = report_on(17, taken_at=NOW - 30_000)
    assert not await book.ledger.answers(text, report)
    assert await book.judge(report_on(0, taken_at=NOW - 30_000))
    assert await book.ledger.answers(text, report)


async def test_a_report_that_may_be_about_either_try_of_one_text_answers_for_it() -> None:
    book = Book()
    await book.text(course=Course.UNANSWERED, age=60_000, attempt="m1.1")
    second = await book.text(course=Course.UNANSWERED, attempt="m1.2")
    assert await book.ledger.answers(second, report_on(9))


async def test_a_report_that_comes_to_another_stick_answers_for_no_text_of_that_one() -> None:
    """The SIM was put into it: the report is about what went out by the one before."""
    book = Book()
    await book.taken(9, age=60_000, device="x")
    text = await book.text(course=Course.UNANSWERED)
    assert not await book.ledger.answers(text, report_on(9, taken_at=NOW - 60_000))


async def test_a_long_text_is_not_answered_for_by_onereport_on() -> None:
    book = Book()
    assert not await book.ledger.answers(await book.text(course=Course.UNANSWERED, parts=2), report_on(9))
