"""What of the strings that customers and tills wrote a message may carry: pure.

A text goes out under the store's name. Links in a text message stay only where the store allows their hosts; and whoever may post
events but not write to customers gets values into a message (a colour, a locker's number), not sentences of its own.
"""

from collections.abc import Collection

import msgspec

from daemon.planner.links import has_links, without_links

LONGEST_VALUE = 40
LONGEST_NAME = 60
"""Of what a customer ordered, in a message that may carry no sentences."""


class Wording(msgspec.Struct, frozen=True):
    """How freely a message may repeat what its sender wrote."""

    hosts: Collection[str] | None = None
    """The only hosts that links may lead to; None: any."""
    plain: bool = False
    """Values only."""

    def of(self, text: str) -> str | None:
        """The text as it may be repeated; None: not at all."""
        if self.plain and (len(text) > LONGEST_VALUE or not text.isprintable() or has_links(text)):
            return None
        return text if self.hosts is None else without_links(text, self.hosts)

    def name(self, text: str) -> str:
        """What something is called, which is shown in any case."""
        if self.plain:
            text = without_links(text[:LONGEST_NAME])
        return text if self.hosts is None else without_links(text, self.hosts)

    def word(self, text: str) -> str:
        """A word with dots in it that means something to templates (an event's type): as it is, or not at all."""
        kept = text if self.hosts is None else without_links(text, self.hosts)
        return text if kept.replace(" ", "") == text else ""

    def ref(self, text: str) -> str:
        """An order's number: every text names it, so what looks like a link in it is taken apart instead."""
        if self.plain:
            text = text[:LONGEST_VALUE]
        if self.hosts is None and not self.plain:
            return text
        kept = without_links(text, self.hosts or ())
        return kept if kept == text else " ".join(text.replace(".", " ").replace("/", " ").replace(":", " ").split())


FREE = Wording()
