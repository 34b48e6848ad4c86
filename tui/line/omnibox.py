"""The line's state: what was typed, what it means now, and which of the orders found is chosen."""

from collections.abc import Mapping

from daemon.wire.orders import Order
from tui.line.read import Reader, Said
from tui.line.text import LineText
from tui.line.verbs import verbs
from tui.shop.session import Session


class Omnibox:
    """One for all pages."""

    def __init__(self, session: Session) -> None:
        self.line = LineText()
        self._session = session
        self._said = Said()
        self._read = ""
        self._chosen = ""
        self._seen = ("", "")
        """The line when orders changed last, and the order that stood under its cursor."""

    @property
    def text(self) -> str:
        return self.line.text

    def clear(self) -> None:
        self.line.clear()
        self._chosen = ""

    def forget(self) -> None:
        """Orders changed: read the line again when it is asked for. The cursor stays on its order, wherever that moves to."""
        chosen = self.chosen
        self._seen = (self.text, chosen.ref if chosen else "")
        self._read = ""

    @property
    def said(self) -> Said:
        """What the line means."""
        if not self.text:
            self._said, self._chosen = Said(), ""
        elif self.text != self._read:
            reader = Reader(
                verbs(self._session.t), lambda typed: self._session.times.promised(typed, self._session.now())
            )
            self._said = reader.read(self.text, self._orders)
        self._read = self.text
        return self._said

    @property
    def index(self) -> int:
        """Of the chosen one among those found."""
        found, (text, seen) = self.said.orders, self._seen
        wanted = self._chosen or (seen if text == self.text else "")
        return next((index for index, order in enumerate(found) if order.ref == wanted), 0)

    @property
    def chosen(self) -> Order | None:
        found = self.said.orders
        return found[self.index] if found else None

    def move(self, by: int) -> None:
        found = self.said.orders
        if found:
            self._chosen = found[max(0, min(self.index + by, len(found) - 1))].ref

    def choose(self, index: int) -> None:
        found = self.said.orders
        if index < len(found):
            self._chosen = found[index].ref

    @property
    def _orders(self) -> Mapping[str, Order]:
        return self._session.shop.orders
