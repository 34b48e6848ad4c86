"""What scanners send, and which order's number is in it."""

import pytest

from tests.screens.test_read import order
from tui.line.read import find
from tui.line.scan import numbers

ORDERS = {
    each.ref: each for each in (order("B-1042"), order("1004"), order("77123"), order("C-12345"), order("501234567890"))
}


@pytest.mark.parametrize(
    ("scanned", "ref"),
    [
        ("B-1042", "B-1042"),
        ("b-1042", "B-1042"),
        ("1042", "B-1042"),
        ("1004", "1004"),
        ("]C0B-1042", "B-1042"),
        ("]C1400B-1042", "B-1042"),
        ("(400)B-1042", "B-1042"),
        ("]Q1https://shop.example/orders/B-1042", "B-1042"),
        ("https://shop.example/orders/B-1042?from=label", "B-1042"),
        ("ORDER:1004", "1004"),
        ("*B-1042*", "B-1042"),
        ("B-1042B", "B-1042"),
        ("]E05012345678900", "501234567890"),
        ("5012345678900", "501234567890"),
        ("2000000771236", "77123"),
        ("2200000771230", "77123"),
        ("/1004", "1004"),
    ],
)
def test_an_order_is_found_whatever_a_scanner_puts_around_its_number(scanned: str, ref: str) -> None:
    assert [each.ref for each in find(scanned, ORDERS)] == [ref]


@pytest.mark.parametrize("scanned", ["5012345678901", "4006381333931", "99999", "B-10421"])
def test_what_holds_no_number_of_ours_finds_nothing(scanned: str) -> None:
    assert not find(scanned, ORDERS)


def test_the_number_as_it_stands_comes_first() -> None:
    assert next(numbers("  ]C0B-1042 ")) == "B-1042"
