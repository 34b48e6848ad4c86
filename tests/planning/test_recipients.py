"""Which addresses are usable."""

import pytest

from daemon.planner.recipients import usable_address


@pytest.mark.parametrize(
    ("value", "country", "number"),
    [
        ("07700 900123", "GB", "+447700900123"),
        ("+44 7700 900123", "DE", "+447700900123"),
        ("0044 7700 900123", "GB", "+447700900123"),
        ("(0151) 1234-5678", "DE", "+4915112345678"),
        ("06 12 34 56 78", "fr", "+33612345678"),
        ("555-010-0199", "US", "+15550100199"),
        ("07700 900123 ext. 4", "GB", "+447700900123"),
        ("", "GB", None),
        ("   ", "GB", None),
        ("12", "GB", None),
        ("n/a", "GB", None),
        ("07700 900123 900123 900123", "GB", None),
        ("+999 12345678", "GB", None),
        ("\udcff0", "GB", None),
        ("1" * 5000, "GB", None),
    ],
)
def test_phone_numbers(value: str, country: str, number: str | None) -> None:
    assert usable_address("phone", value, country) == number
    assert usable_address("whatsapp", value, country) == number


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        (" ada.l+balloons@mail.example.co.uk ", "ada.l+balloons@mail.example.co.uk"),
        ("zoë@bücher.example", "zoë@bücher.example"),
        ("ada@example", None),
        ("ada.example.com", None),
        ("ada@@example.com", None),
        ("ada@example..com", None),
        ("ada lovelace@example.com", None),
        ("ada@example.com\nBcc: eve@example.com", None),
        ("<ada@example.com>", None),
        ("a@b.c, d@e.f", None),
        ("x" * 250 + "@example.com", None),
        ("", None),
    ],
)
def test_mail_addresses(value: str, address: str | None) -> None:
    assert usable_address("email", value, "GB") == address


def test_other_addresses_only_lose_the_space_around_them() -> None:
    assert usable_address("fcm", " dGhpcyBpcw:APA91 ", "GB") == "dGhpcyBpcw:APA91"
