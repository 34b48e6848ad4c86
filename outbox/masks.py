"""Addresses as they may be shown: enough to recognise one's own, not enough to use. Pure."""

import re


def mask_phone(number: str) -> str:
    """`+447700900123` as `+44…0123`: the country's beginning and the last four digits."""
    if len(number) < 8:
        return "…"
    return f"{number[:3]}…{number[-4:]}"


def mask_email(address: str) -> str:
    """`ada@example.com` as `a…@example.com`."""
    local, at, host = address.rpartition("@")
    return f"{local[:1]}…@{host}" if at else "…"


def mask_address(address: str) -> str:
    """Any address, masked as its kind wants it: phone numbers, mail addresses, and ids of a chat or device."""
    if "@" in address:
        return mask_email(address)
    if re.fullmatch(r"\+?\d[\d ]{5,}", address):
        return mask_phone(address)
    return f"{address[:2]}…{address[-2:]}" if len(address) > 8 else "…" if address else ""
