"""GSM 7-bit text: characters to septets, and septets to octets (3GPP TS 23.038). Pure.

Septets are handled as `bytes` with one septet in each byte; only `pack` and `unpack` know that the wire has no gaps.
"""

from daemon.gsm_alphabet import BASIC, ESCAPE, EXTENSION
from daemon.modem import national

_CODES: dict[str, bytes] = {character: bytes([code]) for code, character in enumerate(BASIC) if code != ESCAPE} | {
    character: bytes([ESCAPE, code]) for character, code in EXTENSION.items()
}
_EXTENSION = {code: character for character, code in EXTENSION.items()}


def encode(text: str) -> bytes:
    """The text's septets. Raises ValueError naming the first character that the alphabet lacks."""
    try:
        return b"".join(_CODES[character] for character in text)
    except KeyError as error:
        raise ValueError(f"{error.args[0]!r} is not in the GSM alphabet: send the text as UCS-2") from error


def decode(codes: bytes, *, locking: int = 0, single: int = 0) -> str:
    """The text of these septets, by the alphabets that the header named (`national`; 0 is the default one).

    An escape before a code that the extension table lacks shows that code's ordinary character, and a lone or double
    escape shows a space, as TS 23.038 6.2.1.1 asks of a receiver.
    """
    basic = national.LOCKING.get(locking, BASIC)
    extension = national.SINGLE.get(single, _EXTENSION)
    text: list[str] = []
    escaped = False
    for code in codes:
        if escaped:
            text.append(" " if code == ESCAPE else extension.get(code, basic[code]))
            escaped = False
        elif code == ESCAPE:
            escaped = True
        else:
            text.append(basic[code])
    return "".join(text) + (" " if escaped else "")


def fill_bits(header_octets: int) -> int:
    """The bits (0 to 6) between a user data header of that many octets and the septet boundary where the text begins."""
    return -8 * header_octets % 7


def pack(codes: bytes, *, fill: int = 0) -> bytes:
    """Septets into octets, least significant bit first, after `fill` zero bits."""
    value, width = 0, fill
    for code in codes:
        value |= code << width
        width += 7
    return value.to_bytes((width + 7) // 8, "little")


def unpack(octets: bytes, count: int, *, fill: int = 0) -> bytes:
    """The first `count` septets after `fill` bits; fewer when the octets end before. The count decides, never the bits:
    seven spare zero bits at the end would else read as an "@"."""
    value = int.from_bytes(octets, "little") >> fill
    available = max(8 * len(octets) - fill, 0) // 7
    return bytes(value >> 7 * index & 0x7F for index in range(min(count, available)))
