"""Service codes such as *100#, which operators answer with a text: the SIM's credit (3GPP TS 22.090; 27.007, 7.15).

The reply comes later and out of turn, so the driver hands over what it hears.
"""

import re
from dataclasses import dataclass, field

from daemon.modem import answers, gsm7
from daemon.modem.userdata import Alphabet, alphabet_of

REPLY_SECONDS = 30.0
CANCEL = "AT+CUSD=2"
_CODE = re.compile(r"[*#0-9+]{1,40}")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}){4,}")
_SEPTET_PADDING = 0x0D  # a carriage return fills seven spare bits (TS 23.038, 6.1.2.3.1)


@dataclass(frozen=True)
class UssdReply:
    """The network's answer. `wants_more`: it is a menu and waits for a choice."""

    text: str = field(repr=False)
    wants_more: bool = False
    refused: str = ""
    """Why there is no text: "not supported", "timed out"."""


_REFUSALS = {2: "ended by the network", 4: "not supported by this network", 5: "timed out"}


def request(code: str, *, packed: bool) -> str:
    """The command that sends it. Raises ValueError for what is no service code."""
    if not _CODE.fullmatch(code):
        raise ValueError("a service code is made of digits, * and #, such as *100#")
    text = gsm7.pack(gsm7.encode(code)).hex().upper() if packed else code
    return f'AT+CUSD=1,"{text}",15'


def reply(word: str, *, packed: bool) -> UssdReply | None:
    """Read +CUSD: status, "text", coding; None when it is none."""
    if not word.startswith("+CUSD:"):
        return None
    head, _, rest = word[6:].partition(",")
    status = int(head) if head.strip().isdecimal() else 0
    quoted = rest.rpartition('"')
    coding = answers.split_fields(quoted[2].lstrip(","))
    scheme = int(coding[-1]) if coding and coding[-1].isdecimal() else 15
    text = _text(quoted[0].lstrip().removeprefix('"'), scheme, packed)
    return UssdReply(text, wants_more=status == 1, refused="" if text else _REFUSALS.get(status, ""))


def _text(raw: str, scheme: int, packed: bool) -> str:
    if not _HEX.fullmatch(raw):
        return raw
    octets = bytes.fromhex(raw)
    alphabet = Alphabet.GSM7 if scheme == 15 else alphabet_of(scheme)
    if alphabet is Alphabet.UCS2 and len(octets) % 2 == 0:
        return octets.decode("utf-16-be", "replace")
    if alphabet is Alphabet.OCTETS:
        return octets.decode("latin-1")
    if packed:
        codes = gsm7.unpack(octets, len(octets) * 8 // 7)
        padded = len(codes) % 8 == 0 and codes.endswith(bytes([_SEPTET_PADDING]))
        return gsm7.decode(codes[:-1] if padded else codes)
    return raw
