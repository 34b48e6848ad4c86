"""Taking secrets and personal data out of what people and logs may see. A leaf: pure functions on text."""

import re
from collections.abc import Iterable
from urllib.parse import quote

from outbox.masks import mask_address, mask_email, mask_phone

_SHORTEST_SECRET = 4
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PHONE = re.compile(r"(?<![\w.:-])\+?\d(?:[ -]?\d){8,14}(?![\w:.-])")


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
