"""The record's page says nothing of what it has not read, and catches up with a service that was away."""

import pytest

from tests.support.counter import opened
from tests.support.fake_service import FakeService
from tui.screens import audit


async def test_a_record_that_was_not_read_is_not_said_to_be_empty_and_is_read_once_the_service_is_back() -> None:
    """ "0 of 0 entries, nothing here" stood there, and stayed until one had looked at another page."""
    async with opened() as counter:
        await counter.service.stop()
        await counter.see("SERVICE AWAY")
        await counter.press("7")
        await counter.see("reading")
        assert "entries" not in counter.text
        assert "nothing here" not in counter.text
        await counter.service.start()
        await counter.see("4 of 4 entries", passing=1)


async def test_a_record_that_one_may_not_read_is_not_said_to_be_empty() -> None:
    def staff_only(service: FakeService) -> None:
        service.refuse["/v1/audit"] = (403, "this needs the scope admin")

    async with opened(prepare=staff_only) as counter:
        await counter.press("7")
        await counter.until(lambda: counter.text.count("The record can't be read: this needs the scope admin") == 2)
        assert "nothing here" not in counter.text


async def test_a_record_longer_than_what_is_read_back_is_not_said_to_be_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST", 3)
    async with opened() as counter:
        await counter.press("7")
        await counter.see("3 of the newest 3 entries")
