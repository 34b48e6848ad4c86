"""Links in what customers and tills wrote, found as a phone would find them: pure.

A text message bears the store's own number and name, so a link that a stranger put into an order's note or a customer's name would
be believed. Phones make links of much more than URLs: of bare domains, mail addresses and IP addresses, in any script, with any
character that Unicode holds equal to a dot.
"""

import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

_TLDS_FILE = Path(__file__).with_name("tlds.txt")
"""The Latin top-level domains of the root zone. Those in other scripts (and `xn--`) are known by their letters."""
_SPECIAL = ("example", "invalid", "local", "localhost", "onion", "test", "internal")

_DOTS = "．。｡․﹒"
"""What stands for a dot in a host name (UTS 46), or looks like one."""
_LABEL = r"[^\W_][\w-]{0,62}"
_HOST = rf"(?:{_LABEL}\.)+(?:xn--[a-z0-9-]{{2,59}}|[^\W\d_]{{2,63}})(?![\w-])"
_IPV4 = r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)"
_TAIL = r"\.?(?::\d{1,5})?(?:[/?#\\][^\s<>\"]*)?"
_CANDIDATE = re.compile(
    rf"(?P<url>[a-z][a-z0-9+.-]{{1,30}}:[/\\]{{1,3}}[^\s<>\"]*)"
    rf"|(?P<scheme>(?<!\w)(?:mailto|tel|sms|smsto|javascript|data|intent|market|facetime|geo):[^\s<>\"]+)"
    rf"|(?P<user>[\w.%+-]{{1,64}}@)?(?P<host>{_HOST}|{_IPV4})(?P<tail>{_TAIL})",
    re.IGNORECASE,
)
_LONGEST = 4000
"""Characters of one field that are looked through and kept: no text message is a third as long."""
_SPACES = re.compile(r"[ \t]{2,}")
_JOINTS = re.compile(r"[.:@/\\]")
_DEEPEST = 4


def without_links(text: str, hosts: Collection[str] = ()) -> str:
    """The text less what a phone would make a link of, but for links to these hosts and those beneath them. What only may be
    a domain (`foam.Please`) is taken apart by a space instead."""
    text = text[:_LONGEST]
    plain = _comparable(text)
    if len(plain) > _LONGEST:
        text = plain = plain[:_LONGEST]
    if "." not in plain and ":" not in plain:
        return text
    cleaned = _cleaned(plain, hosts)
    return text if cleaned == plain else cleaned


def _cleaned(plain: str, hosts: Collection[str]) -> str:
    """What stands around a link may be one itself once that is gone; of what is nested deeper than anybody writes, nothing stays that links."""
    for _ in range(_DEEPEST):
        cleaned = _CANDIDATE.sub(lambda found: _kept(found, hosts), plain)
        if cleaned == plain:
            return plain
        plain = _SPACES.sub(" ", cleaned).strip(" ")
    return _SPACES.sub(" ", _JOINTS.sub(" ", plain)).strip(" ")


def has_links(text: str) -> bool:
    """Whether a phone would make a link of any of it."""
    return without_links(text) != text


def _comparable(text: str) -> str:
    """With every dot a dot, full-width letters plain, and nothing invisible inside a name."""
    if text.isascii():
        return text
    plain = "".join("." if each in _DOTS else each for each in text if unicodedata.category(each) != "Cf")
    return plain if plain == text else unicodedata.normalize("NFKC", plain)


def _kept(found: re.Match[str], hosts: Collection[str]) -> str:
    whole = found[0]
    if found["url"]:
        return whole if _is_allowed(whole, hosts) else ""
    if found["scheme"]:
        return ""
    if found["user"] is None and _is_allowed(f"https://{whole}", hosts):
        return whole
    if found["user"] or len(found["tail"]) > 1 or _is_domain(found["host"]):
        return ""
    return whole.replace(".", ". ").rstrip()


def _is_domain(host: str) -> bool:
    last = host.rpartition(".")[2].lower()
    return last.isdigit() or last.startswith("xn--") or not last.isascii() or last in _top_level()


def _is_allowed(url: str, hosts: Collection[str]) -> bool:
    """Only a plain web address says for sure where it leads: no user part, no backslash, no other scheme."""
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".").lower()
    except ValueError:
        return False
    if parts.scheme.lower() not in ("http", "https") or not host or "@" in parts.netloc or "\\" in url:
        return False
    return any(host == one or host.endswith(f".{one}") for one in (each.lower().strip(".") for each in hosts))


@lru_cache(maxsize=1)
def _top_level() -> frozenset[str]:
    return frozenset(_TLDS_FILE.read_text(encoding="ascii").split()) | frozenset(_SPECIAL)
