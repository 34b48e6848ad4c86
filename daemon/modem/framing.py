"""What the modem's bytes are: lines, final results, prompts and words out of turn (3GPP TS 27.007, 27.005). Sans-IO.

However the bytes are cut, the frames are the same; junk and lines without end cost a bounded buffer and nothing else.
"""

import re
from dataclasses import dataclass, field
from typing import TypeAlias

LONGEST_LINE = 2048
_MOST_CONTINUATIONS = 20
_MOST_BETWEEN = 3
"""So many words of its own may a modem say between a line and the PDU that belongs to it."""

_FINAL = re.compile(r"OK|ERROR|\+CM[SE] ERROR:.*|COMMAND NOT SUPPORT|TOO MANY PARAMETERS|ABORTED")
_UNSOLICITED = re.compile(
    r"\+(CMTI|CMT|CDSI|CDS|CBM|CUSD|CRING|CLIP|CMTE|QIND|QUSIM|ZUSIMR|ZDONR)\b"
    r"|RING$|NO CARRIER$"
    r"|\^(RSSI|BOOT|MODE|SRVST|SIMST|STIN|CEND|HCSQ|SMMEMFULL|SYSSTART)\b"
    r"|(RDY|APP RDY|SMS Ready|Call Ready|SMS DONE|PB DONE|NORMAL POWER DOWN|POWERED DOWN)$"
    r"|(UNDER|OVER)-VOLTAGE|\*PSUTTZ:|DST:"
)
_WITH_PDU = re.compile(r"\+(CDS|CMT|CBM):")
_LISTED = re.compile(r"\+CMG[LR]:")
"""What has a PDU of its own in the next line, too."""
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_GLUED = re.compile(r'(\+CMTI: ?"\w+", ?\d+)(\D.*)')
_JUNK = re.compile(r"^[^\x20-\x7e]+|[\0\x1a\x1b]")


@dataclass(frozen=True)
class Line:
    """A line of an answer, or an echo, or junk: the command in flight knows."""

    text: str = field(repr=False)


@dataclass(frozen=True)
class Final:
    """The end of an answer."""

    text: str

    @property
    def ok(self) -> bool:
        return self.text == "OK"


@dataclass(frozen=True)
class Prompt:
    """ "> ": the modem waits for a PDU."""


@dataclass(frozen=True)
class Unsolicited:
    """Something the modem says of itself, at any moment, also amid an answer. `body`: the PDU that followed, in hex."""

    text: str = field(repr=False)
    body: str = field(default="", repr=False)


Frame: TypeAlias = Line | Final | Prompt | Unsolicited


class Framer:
    """Bytes in, frames out."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._overlong = False
        self._head = ""
        """A result that waits for its PDU or for the rest of its quoted text."""
        self._continuations = 0

    def feed(self, data: bytes) -> list[Frame]:
        frames: list[Frame] = []
        for byte in data:
            if byte in b"\r\n":
                frames += self._end()
            elif byte == ord(">") and not _is_open(self._head) and not self._line.strip(b" \0"):
                self._line.clear()
                frames += [*self._alone(), Prompt()]
            elif len(self._line) < LONGEST_LINE:
                self._line.append(byte)
            else:
                self._overlong = True
        return frames

    def _end(self) -> list[Frame]:
        raw, overlong = self._line.decode("latin-1"), self._overlong
        self._line.clear()
        self._overlong = False
        text = _JUNK.sub("", raw).strip(" ")
        if overlong or not text:
            return []
        return self._continue(text) if self._head else self._begin(text)

    def _begin(self, text: str) -> list[Frame]:
        if glued := _GLUED.fullmatch(text):
            return [Unsolicited(glued[1]), *self._begin(glued[2].strip())]
        if _FINAL.fullmatch(text):
            return [Final(text)]
        if _WITH_PDU.match(text) or _is_open(text):
            self._head, self._continuations = text, 0
            return []
        return [Unsolicited(text) if _UNSOLICITED.match(text) else Line(text)]

    def _continue(self, text: str) -> list[Frame]:
        if _is_open(self._head):
            return self._go_on(text)
        head, self._head = self._head, ""
        if _HEX.fullmatch(text):
            return [Unsolicited(head, text)]
        count, frames = self._continuations + 1, self._begin(text)
        if self._head or count > _MOST_BETWEEN or any(_ends_the_wait(frame) for frame in frames):
            return [Unsolicited(head), *frames]
        self._head, self._continuations = head, count
        return frames

    def _go_on(self, text: str) -> list[Frame]:
        """More of a quoted text, unless it is none: one with a single quotation mark in it looks open for good."""
        is_other = _FINAL.fullmatch(text) or _UNSOLICITED.match(text) or text.startswith("+CMGS:")
        if is_other or self._continuations >= _MOST_CONTINUATIONS:
            return [*self._alone(), *self._begin(text)]
        self._head = f"{self._head}\n{text}"
        self._continuations += 1
        return [] if _is_open(self._head) else self._alone()

    def _alone(self) -> list[Frame]:
        """What waited goes out as it is."""
        head, self._head = self._head, ""
        return [Unsolicited(head)] if head else []


def _ends_the_wait(frame: Frame) -> bool:
    """Whether no PDU is to be expected behind it, or only one that is not meant."""
    return isinstance(frame, Final) or (isinstance(frame, Line) and _LISTED.match(frame.text) is not None)


def _is_open(text: str) -> bool:
    """A USSD text that goes on in the next line."""
    return text.startswith("+CUSD:") and text.count('"') % 2 == 1
