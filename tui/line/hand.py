"""What a key means: a command, text for the line, or text for the field of a box. Pure: keys and their times go in.

What is typed or scanned never does a step. A command is a character alone: one that is followed by another too soon, or by one that is no
command, was the beginning of a name or a number, and all of it is text. Enter does nothing in a box that was not seen long enough, nor when
it only ends a scan.
"""

from enum import Enum, auto
from typing import NamedTuple

from tui.line.tempo import Tempo

LEAST = 3
"""Keys as fast as a scanner's in a row that make a scan."""
FIND = "/"
"""Opens a page's own field: what follows is for that, so that it begins no name."""
NO_NAMES = frozenset({FIND, " "})
"""Commands that no name or number begins with."""


class Meaning(Enum):
    """What to do with a key."""

    PASS = auto()
    """It is not for the line: as Textual has it."""
    COMMAND = auto()
    """Do what it is bound to."""
    LINE = auto()
    """It goes into the line."""
    JOIN = auto()
    """It and the commands before it (`Hand.chain`) are text: take back what those opened."""
    LEAVE = auto()
    """Text that a box has no field for: the box closes, the line takes it."""
    TO_FIELD = auto()
    """Text for the box's own field, which has not the focus."""
    ENTER = auto()
    """Do what the line says."""
    IGNORE = auto()
    """It was meant for something else."""


class Where(NamedTuple):
    """What is on top when a key comes."""

    box: bool = False
    shown_at: float = float("-inf")
    """When the box was first seen, by the keys' clock; infinity while it is still being put together."""
    in_field: bool = False
    """A field for text has the focus."""
    has_field: bool = False
    """The box has one."""
    bound: bool = False
    """The key is a command here."""
    line_empty: bool = True


class Hand:
    """Whoever types or scans. Times are seconds of the clock that keys are stamped by where they arrive."""

    def __init__(self, tempo: Tempo) -> None:
        self._tempo = tempo
        self.chain = ""
        """The commands just run, as the text they would be."""
        self._last = float("-inf")
        self._last_enter = float("-inf")
        self._burst = 0

    def character(self, character: str, at: float, where: Where) -> Meaning:
        gap, chain = at - self._last, self.chain
        self._last, self._last_enter = at, float("-inf")
        self._burst = self._burst + 1 if gap <= self._tempo.scan else 1
        alive = bool(chain) and gap < self._tempo.join
        if where.in_field and not alive:
            return self._text(Meaning.PASS)
        if not where.box and not where.line_empty:
            return self._text(Meaning.LINE)
        if alive and self._joins(character, gap, where):
            return Meaning.JOIN
        if where.bound:
            self.chain = (chain if alive else "") + character if character not in NO_NAMES else ""
            return Meaning.COMMAND
        if not where.box:
            return self._text(Meaning.LINE)
        return self._text(Meaning.TO_FIELD if where.has_field else Meaning.LEAVE)

    def enter(self, at: float, where: Where) -> Meaning:
        gap, since_enter = at - self._last, at - self._last_enter
        self._last_enter = at
        if since_enter <= self._tempo.held:
            return Meaning.IGNORE  # the second of CR LF, or the same one still
        ends_scan = self.ends_scan(at)
        self._burst = 0
        if where.box:
            seen_for = min(at - where.shown_at, gap if self.chain else at - where.shown_at)
            hasty = self._tempo.arm > 0 and seen_for < self._tempo.arm
            return Meaning.IGNORE if hasty or ends_scan else self._text(Meaning.PASS)
        if where.in_field:
            return self._text(Meaning.PASS)
        if not where.line_empty:
            return self._text(Meaning.ENTER)
        if self.chain and gap < self._tempo.settle:
            return Meaning.IGNORE
        return self._text(Meaning.PASS)

    def ends_scan(self, at: float) -> bool:
        """Whether a key that comes now is the one that a scanner ends with."""
        return self._burst >= LEAST and at - self._last <= self._tempo.scan

    def forget(self) -> None:
        """A key that is no text came, or what was a chain is text now."""
        self.chain = ""

    def _joins(self, character: str, gap: float, where: Where) -> bool:
        digits = character.isdigit() and self.chain[-1].isdigit()
        return gap < self._tempo.settle or not where.bound or where.in_field or digits

    def _text(self, meaning: Meaning) -> Meaning:
        self.chain = ""
        return meaning
