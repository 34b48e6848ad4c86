"""Reading the lines that answer a command (3GPP TS 27.007, 27.005). Pure; what can't be read is None, never a guess."""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

_FIELDS = re.compile(r'"([^"]*)"|([^,"]+)|(?<=,)(?=,|$)|^(?=,)')
_HEX = re.compile(r"[0-9A-Fa-f]+")
MEMORY = re.compile(r"[A-Z]{2}")
"""What memories are called (3GPP TS 27.005, 3.2.2)."""
_ANSWERED_STATE = re.compile(r" *\d *, *(\d\d?) *(?:,|$)")
_LTE = (7, 8, 9)
_BARS = (-107, -95, -85, -75)


@dataclass(frozen=True)
class Stored:
    """A message in the modem's memory. `status`: 0 unread, 1 read, 2 and 3 drafts of somebody's."""

    place: int
    status: int
    pdu: str = field(repr=False)
    octets: int | None = None
    """How many the modem says that its TPDU has."""

    @property
    def came_in(self) -> bool:
        return self.status in (0, 1)

    @property
    def is_whole(self) -> bool:
        """Whether the PDU is as long as the modem says: else the line lost some of it, or garbled how long it is."""
        return self.octets is not None and is_whole(self.pdu, self.octets)


@dataclass(frozen=True)
class Room:
    """How full a memory is."""

    used: int
    total: int


def fields(lines: Iterable[str], prefix: str) -> list[str] | None:
    """The comma-separated fields of the first line that begins with the prefix ("+CSQ:"), quotes taken off."""
    line = next((line for line in lines if line.startswith(prefix)), None)
    return None if line is None else split_fields(line[len(prefix) :])


def split_fields(text: str) -> list[str]:
    """`1,"EE, London",7` as its fields."""
    return [
        (match[1] if match[1] is not None else (match[2] or "")).strip() for match in _FIELDS.finditer(text.strip())
    ]


def word(lines: Sequence[str], prefix: str = "") -> str:
    """The one thing a command such as AT+CGMM says, with or without its prefix and quotes."""
    for line in lines:
        text = line.removeprefix(prefix).strip().strip('"')
        if text and not text.startswith(("AT", "^", "+")):
            return text
    return ""


def signal_dbm(lines: Sequence[str]) -> int | None:
    """+CSQ: 0 to 31 is -113 to -51 dBm; 99 is not known."""
    number = _number(fields(lines, "+CSQ:"), 0)
    return None if number is None or not 0 <= number <= 31 else -113 + 2 * number


def bars(dbm: int | None) -> int:
    """0 to 4, as a phone would show it."""
    return 0 if dbm is None else sum(dbm >= limit for limit in _BARS)


def registration(lines: Sequence[str], prefix: str) -> int | None:
    """The `stat` of +CREG: or +CEREG: in answer to a question (`n,stat,...`), amid what the modem says of itself (`stat,"area",...`)."""
    answered = (_ANSWERED_STATE.match(line, len(prefix)) for line in lines if line.startswith(prefix))
    return next((int(match[1]) for match in answered if match), None)


def operator(lines: Sequence[str]) -> str:
    """The name in +COPS:, "" while there is none."""
    parts = fields(lines, "+COPS:")
    return parts[2] if parts and len(parts) > 2 else ""


def is_lte(lines: Sequence[str]) -> bool:
    """Whether +COPS: names 4G as what it is registered by (27.007, 7.3: E-UTRAN and its kin)."""
    access = _number(fields(lines, "+COPS:"), 3)
    return access is not None and access in _LTE


def room(lines: Sequence[str]) -> Room | None:
    """The first memory of +CPMS:, with its name before the numbers (a question's answer) or not (a setting's)."""
    parts = [part for part in fields(lines, "+CPMS:") or () if part.isdecimal()]
    return Room(int(parts[0]), int(parts[1])) if len(parts) >= 2 else None


def memories(lines: Sequence[str]) -> tuple[str, ...]:
    """Where AT+CPMS=? says messages may be read from: the first group of names."""
    line = next((line for line in lines if line.startswith("+CPMS:")), "")
    return tuple(re.findall(rf'"({MEMORY.pattern})"', line.partition(")")[0]))


def listing(lines: Sequence[str]) -> list[Stored]:
    """AT+CMGL: each place's line and the PDU after it. Between the two the modem may say something of its own."""
    stored: list[Stored] = []
    for parts, pdu in _entries(lines, "+CMGL:"):
        place, status = _number(parts, 0), _number(parts, 1)
        if place is not None and status is not None:
            stored.append(Stored(place, status, pdu, _number(parts[2:], -1)))
    return stored


def reading(lines: Sequence[str], place: int) -> Stored | None:
    """AT+CMGR: one place; None where it is empty."""
    for parts, pdu in _entries(lines, "+CMGR:"):
        status = _number(parts, 0)
        if status is not None:
            return Stored(place, status, pdu, _number(parts[1:], -1))
    return None


def _entries(lines: Sequence[str], prefix: str) -> Iterator[tuple[list[str], str]]:
    """The fields of each line that begins so, and the first line of hex before the next such one, "" where there is none."""
    heads = [index for index, line in enumerate(lines) if line.startswith(prefix)]
    for head, end in itertools.pairwise([*heads, len(lines)]):
        pdu = next((line for line in lines[head + 1 : end] if _HEX.fullmatch(line)), "")
        yield split_fields(lines[head][len(prefix) :]), pdu


def is_whole(pdu: str, tpdu_octets: int | None) -> bool:
    """Whether the TPDU in it has so many octets. None: nobody says."""
    try:
        octets = bytes.fromhex(pdu)
    except ValueError:
        return False
    return tpdu_octets in (None, len(octets) - 1 - octets[0] if octets else 0)


def came_whole(head: str, pdu: str) -> bool:
    """The same of what +CDS or +CMT handed on: the last field of its first line is the length."""
    return is_whole(pdu, _number(split_fields(head.partition(":")[2]), -1))


def arrival(text: str) -> tuple[str, int] | None:
    """Where +CMTI or +CDSI says a message was put: (memory, place)."""
    parts = fields([text], "+CMTI:") or fields([text], "+CDSI:")
    place = _number(parts, 1)
    return None if parts is None or place is None else (parts[0], place)


def reference(lines: Iterable[str]) -> int | None:
    """What the network calls a message it took: +CMGS: 0 to 255. None where no line says so."""
    parts = fields(lines, "+CMGS:")
    return int(parts[0]) & 0xFF if parts and parts[0].isdecimal() else None


def _number(parts: Sequence[str] | None, index: int) -> int | None:
    text = parts[index] if parts and len(parts) > index else ""
    return int(text) if re.fullmatch(r"-?\d+", text) else None
