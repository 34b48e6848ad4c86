"""Which addresses are usable."""

import pytest

from daemon.channels.registry import channel_class
from daemon.planner.recipients import Reach, customer_recipient, way_to
from daemon.planner.rules.addresses import region, usable_address
from outbox.model import Customer


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


@pytest.mark.parametrize(
    ("number", "country", "read"),
    [
        ("0151 23456789", "DE", "+4915123456789"),
        ("0151 23456789", "Germany", "+4915123456789"),
        ("0151 23456789", "Deutschland", "+4915123456789"),
        ("06 12 34 56 78", "FR", "+33612345678"),
        ("+33 6 12 34 56 78", "DE", "+33612345678"),
        ("07400 123456", "UK", "+447400123456"),
        ("07400 123456", None, "+447400123456"),
        ("07400 123456", "Atlantis", "+447400123456"),
        ("07400 123456", "US", "+447400123456"),
        ("12", "FR", None),
    ],
)
def test_a_number_is_read_in_the_customers_country_then_in_the_stores(
    number: str, country: str | None, read: str | None
) -> None:
    customer = Customer(phone=number, country=country)
    assert customer_recipient(customer, "GB").addresses.get("phone") == read


def test_what_is_no_country_is_none() -> None:
    assert [region(text) for text in (None, "", "XX", "ZZZ", " gb ", "España")] == [None, None, None, None, "GB", "ES"]


VIA = {"twilio": Reach("sms", ("phone",)), "sendgrid": Reach("email", ("email",)), "fcm": Reach("push", ("fcm",))}


@pytest.mark.parametrize(
    ("customer", "first"),
    [
        (Customer(phone="385 92 1234567", email="ada@example.com"), "sendgrid"),
        (Customer(phone="385 92 1234567", email="ada@example.com", country="AT"), "twilio"),
        (Customer(phone="+385 92 1234567", email="ada@example.com"), "twilio"),
        (Customer(phone="0664 1234567", email="ada@example.com"), "twilio"),
        (Customer(phone="385 92 1234567"), "twilio"),
    ],
)
def test_a_number_that_is_good_in_two_readings_goes_behind_mail(customer: Customer, first: str) -> None:
    assert way_to(customer_recipient(customer, "AT"), ("twilio", "sendgrid"), VIA, ("AT", "HR")).via[0] == first


def test_a_guest_without_a_mail_address_is_not_told_by_the_shops_mail() -> None:
    """The shop answers 201 to the note and mails nobody: the next channel is the one that tells."""
    channels = {"twilio": VIA["twilio"], "woocommerce": Reach("crm", channel_class("woocommerce").address_kinds)}
    guest = customer_recipient(Customer(phone="07400 123456"), "GB")
    assert way_to(guest, ("woocommerce", "twilio"), channels, ("GB",)).via == ("twilio",)
    known = customer_recipient(Customer(phone="07400 123456", email="ada@example.com"), "GB")
    assert way_to(known, ("woocommerce", "twilio"), channels, ("GB",)).via == ("woocommerce", "twilio")


@pytest.mark.parametrize("country", ["GB", "DE", "US"])
@pytest.mark.parametrize("digits", ["85432", "60777", "112"])
def test_digits_that_mean_something_only_locally_are_no_number_abroad(country: str, digits: str) -> None:
    assert usable_address("phone", digits, country) is None
