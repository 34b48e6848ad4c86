"""Taking secrets and personal data out of what people and logs may see. A leaf: pure functions on text."""

import base64
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, unquote

from outbox.masks import mask_address, mask_email, mask_phone

_SHORTEST_SECRET = 4
_LONG = 40
"""Characters of a secret that are looked for: by as many it is known."""
_WORD = 16
"""Characters of one word of a secret that say something of it: fewer are a key's head and foot, or any word of a passphrase."""
_BETWEEN = re.compile(r"[\s,]+")
_MAIL = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PHONE = re.compile(r"(?<![\w.:-])\+?\d(?:[ -]?\d){8,14}(?![\w:.-])")


def mask_contacts(text: str) -> str:
    """Words in which any mail address or phone number may stand, known or not, with each of them masked."""
    text = _MAIL.sub(lambda found: mask_email(found[0]), text)
    return _PHONE.sub(lambda found: mask_phone(found[0]), text)


def scrub(text: str, secrets: Iterable[str], addresses: Iterable[str]) -> str:
    """A provider's words with our secrets and the recipient's addresses taken out: also where they stand percent-encoded, escaped as in
    JSON or HTML, in base64 or hexadecimal (an echo of our Authorization header), in another case, or without a number's plus sign."""
    if not text:
        return text
    known = sorted({part for s in secrets for part in _parts(s)}, key=len, reverse=True)
    is_escaped = _ESCAPES.search(text) is not None
    for secret in known:
        if is_escaped or _stands(secret, text):
            text = _spelt(secret).sub("[secret]", text)
    text = _BASE64.sub(lambda found: "[secret]" if _holds(found[0], known) else found[0], text)
    for address in sorted((a for a in addresses if a), key=len, reverse=True):
        forms = {address, quote(address, safe=""), address.removeprefix("+")}
        for form in sorted(forms, key=len, reverse=True):
            text = re.sub(re.escape(form), mask_address(address), text, flags=re.IGNORECASE)
    return text


def _parts(secret: str) -> Iterable[str]:
    """What is looked for: the secret; of a long one the lines of a key, each of two keys where one takes over from the other, and what is
    on one line (a passphrase, the box's words) piece by piece too."""
    words = _BETWEEN.split(secret)
    if len(words) == 1 or len(secret) <= _LONG:
        return [secret] if len(secret) >= _SHORTEST_SECRET else []
    parts = [word for word in words if len(word) >= _WORD]
    return parts if "\n" in secret else [*parts, *_pieces(secret)]


def _pieces(secret: str) -> Iterable[str]:
    """All of it, in pieces alike that are looked for whole."""
    size = -(-len(secret) // -(-len(secret) // _LONG))
    return (secret[at : at + size] for at in range(0, len(secret), size))


def _stands(secret: str, text: str) -> bool:
    """Whether a text without any escape may hold it: looked at first, since the pattern for all its spellings takes 5 ms to make."""
    return secret[:_LONG] in text or _hex(secret) in text.lower()


def _hex(secret: str) -> str:
    return _bytes(secret[:_LONG]).hex()


def _bytes(text: str) -> bytes:
    """A variable of the environment may hold what is no text at all."""
    return text.encode("utf-8", "surrogatepass")


@lru_cache(maxsize=128)
def _spelt(secret: str) -> re.Pattern[str]:
    """The secret with each of its characters as it is or escaped, and the whole in hexadecimal; a long one by how it begins."""
    begins, goes_on = secret[:_LONG], r"\S*" if len(secret) > _LONG else ""
    return re.compile(f"(?:{''.join(map(_either, begins))}|(?i:{_hex(secret)})){goes_on}")


def _either(character: str) -> str:
    percent = "".join(f"%{byte:02x}" for byte in _bytes(character))
    units = character.encode("utf-16-be", "surrogatepass").hex()
    escaped = "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
    code = ord(character)
    forms = [
        re.escape(character),
        f"(?i:{re.escape(percent)})",
        f"(?i:{re.escape(escaped)})",
        f"&#0*{code};",
        f"(?i:&#x0*{code:x};)",
    ]
    forms += [re.escape(f"\\{character}")] if character in "\\\"/'" else []
    forms += [re.escape(_NAMED[character])] if character in _NAMED else []
    return f"(?:{'|'.join(reversed(forms))})"


_ESCAPES = re.compile(r"[%\\&+]")
"""One of these is in whatever `_either` finds that is not the character itself."""
_NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;", " ": "+", "\n": "\\n", "\t": "\\t"}
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]|\\/|(?:%|\\u00)2[BbFf]){8,}(?:=|(?:%|\\u00)3[Dd]){0,2}")


def _holds(run: str, secrets: Iterable[str]) -> bool:
    """Whether base64 in it, whichever alphabet, padded or not, and wherever it begins, decodes to something with a secret in it."""
    letters = unquote(run.replace("\\/", "/").replace("\\u00", "%")).translate(_STANDARD).rstrip("=")
    decoded = [
        base64.b64decode(part + "=" * (-len(part) % 4)) for at in range(4) if len(part := _whole(letters[at:])) > 1
    ]
    return any(_bytes(secret[:_LONG]) in text for text in decoded for secret in secrets)


_STANDARD = str.maketrans("-_", "+/")


def _whole(letters: str) -> str:
    """Without a last letter that is no whole byte."""
    return letters[:-1] if len(letters) % 4 == 1 else letters
