"""What a line means, as it stands: which orders, and what Enter would ask about them. Pure: it only reads."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from daemon.wire.orders import Order
from tui.line.scan import clean, numbers
from tui.line.verbs import HOLD, RELEASE, STOP, WRITE
from tui.wording.folding import fold
from tui.wording.stages import stage_of

MOST = 200
"""Orders that are listed at most."""
_PHONE = re.compile(r"[+(]?[0-9][0-9 ()./-]{5,24}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_DATE = re.compile(r"(?:\d{1,2}(?P<mark>[./-])\d{1,2}(?P=mark)20\d\d|20\d\d-\d\d-\d\d)\b")
_LEAST_DIGITS, _MOST_DIGITS = 7, 15


class Said(NamedTuple):
    """`does`: "" nothing yet | open | ask (the service, for a number unknown here) | step | promise | contact | hold | release | write |
    stop | none. `value`: the status, time, address or number that goes with it."""

    does: str = ""
    orders: Sequence[Order] = ()
    value: str = ""


class Reader:
    """`verbs`: word -> what it does. `promised`: a time as staff write it -> RFC 3339, or None."""

    def __init__(self, verbs: Mapping[str, str], promised: Callable[[str], str | None]) -> None:
        self._verbs = verbs
        self._promised = promised

    def read(self, typed: str, orders: Mapping[str, Order]) -> Said:
        code = clean(typed)
        words = code.split()
        if not words:
            return Said()
        if self._verbs.get(fold(words[0])) == STOP and is_address(" ".join(words[1:])):
            return Said("stop", value=" ".join(words[1:]))
        if (said := self._about(words, orders)) is not None:
            return said
        if found := find(typed, orders):
            return Said("open", found)
        return Said("ask", value=code) if len(words) == 1 and any(map(str.isdigit, code)) else Said("none", value=code)

    def _about(self, words: list[str], orders: Mapping[str, Order]) -> Said | None:
        """What a line of "whom, then what" asks for."""
        for split in range(1, len(words)):
            what = " ".join(words[split:])
            does, value = self._what(what)
            if does and (found := find(" ".join(words[:split]), orders)):
                return Said(does, _those_open(found), value)
        return None

    def _what(self, what: str) -> tuple[str, str]:
        verb = self._verbs.get(fold(what), "")
        if verb in {HOLD, RELEASE, WRITE}:
            return verb, ""
        if verb and verb != STOP:
            return "step", verb
        promised = self._promised(what)
        is_spaced = " " in what  # "24.12. 17.00" is no number, "24.12.17.00" may be one
        if is_address(what) and not (promised and is_spaced):
            return "contact", what
        return ("promise", promised) if promised else ("", "")


def is_address(typed: str) -> bool:
    """Whether it is written like a telephone number or an e-mail address."""
    digits = sum(character.isdigit() for character in typed)
    phone = _PHONE.fullmatch(typed) is not None and _LEAST_DIGITS <= digits <= _MOST_DIGITS
    return (phone and _DATE.match(typed) is None) or _EMAIL.fullmatch(typed) is not None


def find(typed: str, orders: Mapping[str, Order]) -> Sequence[Order]:
    """The one order of that number; else all that the words fit, those still open first, then the newest first."""
    if (order := _by_number(typed, orders)) is not None:
        return [order]
    words = fold(clean(typed)).split()
    found = [order for order in orders.values() if words and _fits(words, _told_of(order))]
    return sorted(found, key=lambda order: (stage_of(order) == "done", -order.updated_at, order.ref))[:MOST]


def _by_number(typed: str, orders: Mapping[str, Order]) -> Order | None:
    if not any(map(str.isdigit, typed)):
        return orders.get(clean(typed))
    known = {ref.casefold(): order for ref, order in orders.items()}
    for number in numbers(typed):
        if (order := known.get(number.casefold())) is not None:
            return order
    wanted = [number for number in numbers(typed) if number.isdecimal() and len(number) > 2]
    return next((order for number in wanted if (order := _only(number, orders.values())) is not None), None)


def _only(number: str, orders: Iterable[Order]) -> Order | None:
    """The only order whose digits are these: "1042" means B-1042."""
    found = [order for order in orders if number in order.ref and "".join(filter(str.isdigit, order.ref)) == number]
    return found[0] if len(found) == 1 else None


def _told_of(order: Order) -> str:
    who = order.customer
    return fold(f"{order.ref} {who.name or ''} {who.phone or ''} {who.email or ''}")


def _fits(words: Sequence[str], told: str) -> bool:
    return all(word in told for word in words)


def _those_open(orders: Sequence[Order]) -> Sequence[Order]:
    """What is done or said concerns an open order, if there is one."""
    return [order for order in orders if stage_of(order) != "done"] or orders
