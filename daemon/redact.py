"""Taking secrets and personal data out of what people and logs may see. A leaf: pure functions on text."""

import re
from collections.abc import Iterable
from urllib.parse import quote

_SHORTEST_SECRET = 4
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PHONE = re.compile(r"(?<![\w.:-])\+?\d(?:[ -]?\d){8,14}(?![\w:.-])")


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


def mask_contacts(text: str) -> str:
    """Words in which any mail address or phone number may stand, known or not, with each of them masked."""
    text = _MAIL.sub(lambda found: mask_email(found[0]), text)
    return _PHONE.sub(lambda found: mask_phone(found[0]), text)


def scrub(text: str, secrets: Iterable[str], addresses: Iterable[str]) -> str:
    """A provider's words with our secrets and the recipient's addresses taken out, also where they stand percent-encoded,
    in another case, or without a number's plus sign."""
    for secret in sorted((s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len, reverse=True):
        for form in {secret, quote(secret, safe="")}:
            text = text.replace(form, "[secret]")
    for address in sorted((a for a in addresses if a), key=len, reverse=True):
        forms = {address, quote(address, safe=""), address.removeprefix("+")}
        for form in sorted(forms, key=len, reverse=True):
            text = re.sub(re.escape(form), mask_address(address), text, flags=re.IGNORECASE)
    return text
