"""What the header shows, as the API tells it: the shop, its line, its modem, what waits for somebody. `tui.service.wire` has it for all others."""

import msgspec

from tui.service.reading import When, Word


class Answer(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What all answers share: they are values."""


class Store(Answer, frozen=True):
    name: str = ""
    timezone: str = "UTC"
    currency: str = ""
    country: str = ""
    locale: str = ""
    grace: float = 8.0
    """Seconds between a step and its first message."""


class Uplink(Answer, frozen=True):
    state: Word = Word("")
    """up | down | "" (not known)"""
    since: When | None = None


class Modem(Answer, frozen=True):
    state: Word = Word("")
    operator: str = ""
    signal: int | None = msgspec.field(name="bars", default=None)
    """0 to 4, as a telephone shows it."""
    sim: str = ""
    credit: str = ""


class LineChange(Answer, frozen=True):
    state: Word = Word("")
    at: When | None = None


class Trouble(Answer, frozen=True):
    what: str = ""
    why: str = ""


class Source(Answer, frozen=True):
    """A shop, till or customer system that is asked."""

    name: str
    state: Word = Word("")
    """ready | waiting | failing | misconfigured"""
    last_asked: When | None = None
    behind: float | None = None
    """Seconds."""
    problem: str = ""


class Glance(Answer, frozen=True):
    """What the header shows."""

    store: Store | str = Store()
    uplink: Uplink = Uplink()
    waiting: int = 0
    failed: int = 0
    unknown: int = 0
    replies: int = 0
    calls: int = 0
    modem: Modem | None = None
    quiet_until: When | None = None
    history: tuple[LineChange, ...] = ()
    trouble: tuple[Trouble, ...] = ()
    sources: tuple[Source, ...] = ()
    version: str = ""
    restored: dict[str, str] | None = None  # a backup took the database's place, and nobody has confirmed it yet

    @property
    def shop(self) -> Store:
        return Store(name=self.store) if isinstance(self.store, str) else self.store
