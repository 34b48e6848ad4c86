"""The network's own reading and writing of SMS: written from 3GPP TS 23.040 and 23.038 on strings of bits, apart from the
driver's codec and sharing nothing with it, so that one can judge the other."""

from dataclasses import dataclass
from datetime import UTC, datetime

_TABLE = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_SHIFTED = {10: "\f", 20: "^", 40: "{", 41: "}", 47: "\\", 60: "[", 61: "~", 62: "]", 64: "|", 101: "€"}
_CODES = {character: [code] for code, character in enumerate(_TABLE)} | {
    character: [27, code] for code, character in _SHIFTED.items()
}


class Malformed(Exception):
    """A PDU that a network would refuse."""


@dataclass(frozen=True)
class Submitted:
    """What the network understood of one SMS-SUBMIT."""

    number: str
    text: str
    raw: bytes
    """The text's own octets: UCS-2 parts are joined before they are read."""
    is_ucs2: bool
    part: tuple[int, int, int]
    """(reference, total, number): (0, 1, 1) for a whole text."""
    wants_report: bool
    validity_minutes: int | None
    service_centre: str


def read_submit(pdu: str, announced: int) -> Submitted:
    """Take a PDU apart as the network would. Raises Malformed."""
    try:
        octets = bytes.fromhex(pdu)
        centre, tpdu = octets[1 : 1 + octets[0]], octets[1 + octets[0] :]
        if len(tpdu) != announced:
            raise Malformed(f"{announced} octets were announced, {len(tpdu)} came")
        return _read_tpdu(tpdu, _digits(centre[1:]))
    except (IndexError, ValueError) as error:
        raise Malformed(str(error)) from error


def read_typed(number: str, text: str) -> Submitted:
    """What goes out in text mode: whatever was typed."""
    return Submitted(number.split(",")[0].strip('"'), text, b"", False, (0, 1, 1), False, None, "")


def _read_tpdu(tpdu: bytes, centre: str) -> Submitted:
    first, digits = tpdu[0], tpdu[2]
    if first & 3 != 1:
        raise Malformed("not an SMS-SUBMIT")
    address_end = 4 + (digits + 1) // 2
    number = ("+" if tpdu[3] == 0x91 else "") + _digits(tpdu[4:address_end])
    scheme, at = tpdu[address_end + 1], address_end + 2
    validity = None
    if first & 0x18 == 0x10:
        validity = _minutes(tpdu[at])
        at += 1
    length, data = tpdu[at], tpdu[at + 1 :]
    header = data[: data[0] + 1] if first & 0x40 else b""
    if scheme == 8:
        if len(data) != length or length > 140:
            raise Malformed("user data of another length than said")
        raw = data[len(header) :]
        text = raw.decode("utf-16-be", "replace")
    elif scheme == 0:
        if len(data) != -(-length * 7 // 8) or length > 160:
            raise Malformed("user data of another length than said")
        skipped = -(-len(header) * 8 // 7)
        raw, text = b"", _text(_septets(data, length)[skipped:])
    else:
        raise Malformed(f"data coding {scheme:#04x}")
    return Submitted(
        number, text, raw, scheme == 8, _part(header), bool(first & 0x20), validity, f"+{centre}" if centre else ""
    )


def join(parts: list[Submitted]) -> str:
    """The text that a phone would show for these parts of one message."""
    ordered = sorted(parts, key=lambda part: part.part[2])
    if ordered[0].is_ucs2:
        return b"".join(part.raw for part in ordered).decode("utf-16-be")
    return "".join(part.text for part in ordered)


def deliver(
    text: str, sender: str, at_ms: int, *, part: tuple[int, int, int] | None = None, is_ucs2: bool | None = None
) -> str:
    """An SMS-DELIVER as a modem would print it. `is_ucs2`: None chooses by the text."""
    wide = any(character not in _CODES for character in text) if is_ucs2 is None else is_ucs2
    header = bytes([5, 0, 3, *part]) if part else b""
    if wide:
        body = header + text.encode("utf-16-be", "surrogatepass")
        length = len(body)
    else:
        codes = [code for character in text for code in _CODES[character]]
        skipped = -(-len(header) * 8 // 7)
        bits = _bits(header) + "0" * (skipped * 7 - len(header) * 8)
        bits += "".join(f"{code:07b}"[::-1] for code in codes)
        body, length = _octets(bits), skipped + len(codes)
    first = 0x04 | (0x40 if part else 0)
    head = bytes([first]) + _address(sender) + bytes([0, 8 if wide else 0]) + _stamp(at_ms) + bytes([length])
    return (_CENTRE + head + body).hex().upper()


def status_report(reference: int, recipient: str, at_ms: int, status: int, *, done_ms: int | None = None) -> str:
    """An SMS-STATUS-REPORT as a modem would print it. `at_ms`: when the service centre took the text; `done_ms`: when it was
    done with it, None for the same moment."""
    stamps = _stamp(at_ms) + _stamp(at_ms if done_ms is None else done_ms)
    body = bytes([0x06, reference]) + _address(recipient) + stamps + bytes([status])
    return (_CENTRE + body).hex().upper()


def is_report(pdu: str) -> bool:
    """Whether a stored PDU is an SMS-STATUS-REPORT."""
    octets = bytes.fromhex(pdu)
    return octets[octets[0] + 1] & 3 == 2


def length(pdu: str) -> int:
    """How many octets the TPDU has: the service centre is not counted."""
    octets = bytes.fromhex(pdu)
    return len(octets) - 1 - octets[0]


def pack(text: str) -> str:
    """Hex of packed septets, as some modems want USSD."""
    return _octets("".join(f"{code:07b}"[::-1] for character in text for code in _CODES[character])).hex().upper()


def unpack(text: str) -> str:
    octets = bytes.fromhex(text)
    return _text(_septets(octets, len(octets) * 8 // 7)).rstrip("@")


_CENTRE = bytes.fromhex("07911356131313F3")


def _address(number: str) -> bytes:
    if number.startswith("+"):
        return bytes([len(number) - 1, 0x91]) + _semi(number[1:])
    if number.isdigit():
        return bytes([len(number), 0x81]) + _semi(number)
    packed = bytes.fromhex(pack(number))
    return bytes([-(-len(number) * 7 // 4), 0xD0]) + packed


def _semi(digits: str) -> bytes:
    padded = digits + "F" * (len(digits) % 2)
    return bytes.fromhex("".join(padded[index + 1] + padded[index] for index in range(0, len(padded), 2)))


def _digits(octets: bytes) -> str:
    return "".join(half[::-1] for half in (f"{octet:02X}" for octet in octets)).rstrip("F")


def _stamp(at_ms: int) -> bytes:
    moment = datetime.fromtimestamp(at_ms / 1000, tz=UTC)
    return _semi(moment.strftime("%y%m%d%H%M%S") + "00")


def _minutes(octet: int) -> int:
    if octet < 144:
        return (octet + 1) * 5
    if octet < 168:
        return 720 + (octet - 143) * 30
    return (octet - 166) * 1440 if octet < 197 else (octet - 192) * 10080


def _part(header: bytes) -> tuple[int, int, int]:
    match list(header):
        case [5, 0, 3, reference, total, number]:
            return reference, total, number
        case [6, 8, 4, high, low, total, number]:
            return high * 256 + low, total, number
        case []:
            return 0, 1, 1
        case _:
            raise Malformed("an unknown user data header")


def _bits(octets: bytes) -> str:
    """Least significant bit of each octet first."""
    return "".join(f"{octet:08b}"[::-1] for octet in octets)


def _octets(bits: str) -> bytes:
    padded = bits + "0" * (-len(bits) % 8)
    return bytes(int(padded[index : index + 8][::-1], 2) for index in range(0, len(padded), 8))


def _septets(octets: bytes, count: int) -> list[int]:
    bits = _bits(octets)
    return [int(bits[index * 7 : index * 7 + 7][::-1], 2) for index in range(count)]


def _text(codes: list[int]) -> str:
    text, shifted = "", False
    for code in codes:
        if shifted:
            text += _SHIFTED.get(code, "?")
            shifted = False
        elif code == 27:
            shifted = True
        else:
            text += _TABLE[code]
    return text
