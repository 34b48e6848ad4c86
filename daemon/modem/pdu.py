"""SMS as the modem takes and gives them in PDU mode (3GPP TS 23.040, 9.2): frozen values and their octets. Pure.

Numbers and words of people are left out of every `repr`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from daemon.modem import userdata
from daemon.modem.addresses import (
    Address,
    address_octets,
    decode_address,
    decode_moment,
    encode_address,
    encode_service_centre,
)
from daemon.modem.split import split
from daemon.modem.userdata import Alphabet, Concat, Words

_DELIVER, _SUBMIT, _STATUS_REPORT = 0, 1, 2
_RELATIVE_VALIDITY, _WANTS_REPORT, _HAS_HEADER = 0x10, 0x20, 0x40
_SCHEMES = {Alphabet.GSM7: 0x00, Alphabet.UCS2: 0x08}
_SILENT = 0x40  # TP-PID "short message type 0": acknowledged and thrown away
_MINUTE, _HOUR, _DAY, _WEEK = 60, 3600, 86400, 604800
SHORTEST_VALIDITY = 5 * _MINUTE


class PduError(ValueError):
    """Octets that are no SMS we know: says what is wrong, never what was in them."""


@dataclass(frozen=True)
class Submit:
    """SMS-SUBMIT: one part of one text, on its way out."""

    number: str = field(repr=False)
    text: str = field(repr=False)
    concat: Concat | None = None
    validity: float | None = None
    """Seconds for which the service centre may keep trying; None: as long as it likes."""
    wants_report: bool = True
    alphabet: Alphabet | None = None
    """The whole text's; None: the narrowest that carries this part. Phones join the parts of one text as the first one is written."""
    reference: int = 0
    """What it is to be called (TP-MR, 0 to 255). Most modems put their own in its place."""

    def tpdu(self) -> bytes:
        """The octets, without the service centre. Raises ValueError for a number that can't be sent to."""
        alphabet = self.alphabet or userdata.narrowest(self.text)
        length, data = userdata.encode(self.text, alphabet, self.concat.header() if self.concat else b"")
        first = _SUBMIT
        first |= _RELATIVE_VALIDITY if self.validity is not None else 0
        first |= _WANTS_REPORT if self.wants_report else 0
        first |= _HAS_HEADER if self.concat else 0
        validity = b"" if self.validity is None else bytes([validity_octet(self.validity)])
        head = bytes([first, self.reference]) + encode_address(self.number) + bytes([0, _SCHEMES[alphabet]])
        return head + validity + bytes([length]) + data

    def command(self, service_centre: str = "") -> tuple[int, str]:
        """What AT+CMGS takes: the TPDU's length in octets, and the PDU in hex with its service centre before it."""
        tpdu = self.tpdu()
        return len(tpdu), (encode_service_centre(service_centre) + tpdu).hex().upper()


def submits(
    number: str, text: str, *, reference: int, validity: float | None = None, wants_report: bool = True
) -> list[Submit]:
    """The SMS that carry one text. `reference` (0 to 255) joins the parts of a long one, and is the first part's own: a modem
    that passes ours on would else give all texts the same."""
    parts = split(text)
    joined: Sequence[Concat | None] = (
        [None] if len(parts) == 1 else [Concat(reference, len(parts), n) for n in range(1, len(parts) + 1)]
    )
    alphabet = userdata.narrowest(text)
    return [
        Submit(number, part, concat, validity, wants_report, alphabet, (reference + n) % 256)
        for n, (part, concat) in enumerate(zip(parts, joined, strict=True))
    ]


def validity_octet(seconds: float) -> int:
    """TP-VP, relative format: the longest span that is no longer than asked, and at least the shortest there is, 5 minutes."""
    if seconds <= 12 * _HOUR:
        return max(int(seconds // (5 * _MINUTE)) - 1, 0)
    if seconds < 2 * _DAY:
        return min(143 + int((seconds - 12 * _HOUR) // (30 * _MINUTE)), 167)
    if seconds < 5 * _WEEK:
        return 166 + min(int(seconds // _DAY), 30)
    return 192 + min(int(seconds // _WEEK), 63)


@dataclass(frozen=True)
class Deliver:
    """SMS-DELIVER: somebody wrote to us, or one part of it."""

    sender: Address
    sent_at: datetime | None
    words: Words
    scheme: int = 0
    protocol: int = 0

    @property
    def for_people(self) -> bool:
        """Words that a person may want to read: no silent, binary or voice mail message, nothing addressed to a port."""
        readable = self.words.alphabet in (Alphabet.GSM7, Alphabet.UCS2) and not self.words.header.to_application
        return readable and self.protocol != _SILENT and not userdata.is_indication(self.scheme)


class Delivery(StrEnum):
    """What TP-ST says became of a message (TS 23.040, 9.2.3.15)."""

    DELIVERED = "delivered"
    FORWARDED = "forwarded"
    """Passed on or replaced: the service centre can't confirm that it arrived."""
    TRYING = "trying"
    FAILED = "failed"
    RESERVED = "reserved"


_CAUSES = (
    "congestion",
    "phone busy",
    "no response from the phone",
    "service rejected",
    "quality of service not available",
    "error in the phone",
)
_STATUS = {
    0x00: "received by the phone",
    0x01: "forwarded, not confirmed",
    0x02: "replaced by the service centre",
    0x40: "remote procedure error",
    0x41: "incompatible destination",
    0x42: "rejected by the phone",
    0x43: "number not obtainable",
    0x44: "quality of service not available",
    0x45: "no interworking available",
    0x46: "validity period expired",
    0x47: "deleted by the sender",
    0x48: "deleted by the service centre",
    0x49: "message unknown to the service centre",
    **{0x20 + code: f"{cause}; still trying" for code, cause in enumerate(_CAUSES)},
    **{0x60 + code: f"{cause}; given up" for code, cause in enumerate(_CAUSES)},
}


@dataclass(frozen=True)
class StatusReport:
    """SMS-STATUS-REPORT: the service centre's word on a message of ours."""

    reference: int
    """The +CMGS reference, 0 to 255: it wraps."""
    recipient: Address
    sent_at: datetime | None
    done_at: datetime | None
    status: int

    @property
    def delivery(self) -> Delivery:
        if self.status == 0x00:
            return Delivery.DELIVERED
        if self.status in (0x01, 0x02):
            return Delivery.FORWARDED
        if 0x20 <= self.status < 0x40:
            return Delivery.TRYING
        return Delivery.FAILED if 0x40 <= self.status < 0x80 else Delivery.RESERVED

    @property
    def meaning(self) -> str:
        return _STATUS.get(self.status, f"status {self.status:#04x}")


@dataclass(frozen=True)
class Other:
    """A message of another type, such as a draft that somebody left on the SIM."""

    type: int


def decode(text: str) -> Deliver | StatusReport | Other:
    """Read a PDU as the modem prints it: hex, the service centre first. Raises PduError."""
    try:
        octets = bytes.fromhex(text)
        tpdu = octets[octets[0] + 1 :]
        kind = tpdu[0] & 3
        if kind == _DELIVER:
            return _deliver(tpdu)
        return _status_report(tpdu) if kind == _STATUS_REPORT else Other(kind)
    except (ValueError, IndexError) as error:
        raise PduError(f"no SMS in a PDU of {len(text)} characters: {type(error).__name__}") from None


def _deliver(tpdu: bytes) -> Deliver:
    end = 2 + address_octets(tpdu[1])
    protocol, scheme = tpdu[end], tpdu[end + 1]
    length = tpdu[end + 9]
    words = userdata.decode(tpdu[end + 10 :], length, scheme, has_header=bool(tpdu[0] & _HAS_HEADER))
    return Deliver(
        decode_address(tpdu[2:end], tpdu[1]), decode_moment(tpdu[end + 2 : end + 9]), words, scheme, protocol
    )


def _status_report(tpdu: bytes) -> StatusReport:
    end = 3 + address_octets(tpdu[2])
    return StatusReport(
        reference=tpdu[1],
        recipient=decode_address(tpdu[3:end], tpdu[2]),
        sent_at=decode_moment(tpdu[end : end + 7]),
        done_at=decode_moment(tpdu[end + 7 : end + 14]),
        status=tpdu[end + 14],
    )
