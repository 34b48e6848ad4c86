"""An address as people at headquarters type it is the one that stores know: else nobody is found by it, and an opt-out by hand silences nobody."""

import pytest

from daemon.channels.registry import CHANNELS, channel_class
from daemon.hq.page.person import REACHED_BY, may_be_address, read_address
from daemon.planner.rules.addresses import usable_address


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("+447700900123", "+447700900123"),
        ("+44 (0)7700 900123", "+447700900123"),
        ("0044 (0) 7700/900-123", "+447700900123"),
        ("+49 (0)151 234 567 89", "+4915123456789"),
        ("+39 06 1234 5678", "+390612345678"),
        (" +1 (415) 555.0132", "+14155550132"),
        ("+44 7700 9001", None),
        ("+44 7700 900123 456", None),
        ("+999 7700 900123", None),
        ("07700 900123", None),
        ("B-1042", None),
    ],
)
def test_a_number(typed: str, known: str | None) -> None:
    found = read_address(typed)
    assert (found and (found.kind, found.address)) == (known and ("phone", known))
    if known is not None:
        assert known == usable_address("phone", typed.strip().replace("0044", "+44"), "US")


@pytest.mark.parametrize(
    "typed", ["Ada@Example.com", "ada@example.com,", "ada@example.com.", "<ada@example.com>", "a@b"]
)
def test_a_mail_address(typed: str) -> None:
    found = read_address(typed)
    assert (found.address if found else None) == usable_address("email", typed, "GB")


@pytest.mark.parametrize(
    ("typed", "may"),
    [("+447700900123", True), ("07700 900123", True), ("(020) 7946 0123", True), ("ada@example", True), ("B-1042", False), ("1042", False)],
)  # fmt: skip
def test_what_stands_in_no_address_line(typed: str, may: bool) -> None:
    assert may_be_address(typed) is may


@pytest.mark.parametrize("kind", ["phone", "email"])
def test_what_may_be_stopped_there_is_what_channels_send_there(kind: str) -> None:
    channels = [channel_class(name) for name in CHANNELS]
    assert set(REACHED_BY[kind]) == {each.medium for each in channels if kind in each.address_kinds} | {"all"}
