"""What a source says of how it is asked: a request for one page, and how to read the answer. No IO here."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

import msgspec

from daemon.http import Request, Response
from daemon.intake.base import Reading, Record
from daemon.oauth import Token, token_in
from daemon.waits import retry_after


class Turn(msgspec.Struct, frozen=True):
    """Which page to ask for: what changed since a moment (ms), from `token` on ("": the first page)."""

    since: int
    token: str = ""
    until: int = 0
    """Nothing that changed at that moment or later; 0: there is no end."""
    thrown: bool = False
    """Of what was thrown away, where that is asked for apart."""
    at: int = 0
    """Now, for a request that is signed with the time."""


class SourcePage(msgspec.Struct, frozen=True):
    """What one page held. `changed`: when each of it changed; `next_token` "": it was the last page."""

    reading: Reading
    changed: Sequence[datetime] = ()
    next_token: str = ""
    ordered: bool = True
    """Whether all that comes after this page changed no earlier than the last of it."""
    ids: Sequence[str] = ()
    """What it lists, where each page begins with the last of the one before: so it shows when the list moved up meanwhile."""
    back_token: str = ""
    """The page before, to be read once more then."""
    pages: int = 0
    """How many there are of such a list, where its sender says so."""
    warning: str = ""
    """What is odd about the answer, for the log."""
    wait: float = 0.0
    """Seconds to leave before the next question, where the sender counts what they cost."""
    cut: Sequence[str] = ()
    """Orders of which it shows a part: each is asked for by itself."""


class Fault(Exception):
    """A question that brought no answer. `after`: their own wait in seconds; `lasting`: it won't mend by itself."""

    def __init__(
        self, reason: str, *, after: float | None = None, lasting: bool = False, status: int = 0, page: bool = False
    ) -> None:
        super().__init__(reason)
        self.page = page
        self.after = after
        self.lasting = lasting
        self.status = status

    @property
    def is_shut(self) -> bool:
        """Nothing can be asked until people mend that: it lasts, or a firewall keeps us out."""
        return self.lasting or (self.page and self.status in OF_THE_KEY)


class Polled(ABC):
    """A source that can be asked. `token_request` None: its requests carry what they need."""

    window: ClassVar[float | None] = None
    """Seconds that one question spans at most, for lists that can't be read from where they were left."""
    has_bin: ClassVar[bool] = False
    """Whether what was thrown away has to be asked for apart."""

    @property
    def place(self) -> str:
        """Which shop it is, by its address; "" where that does not tell."""
        return ""

    @abstractmethod
    def request(self, turn: Turn, token: str) -> Request:
        """How to ask for a page."""

    @abstractmethod
    def base(self, request: Request) -> str:
        """Scheme and host that it goes to."""

    @abstractmethod
    def page(self, response: Response, turn: Turn) -> SourcePage:
        """The answer. Raises Fault."""

    def remedy(self, fault: Fault) -> str:
        """What most likely mends it, in a sentence."""
        if fault.page:
            return "look at the address in a browser: a firewall, a login or a maintenance page stands before the API"
        if fault.status in (401, 403):
            return "the key is not valid there, or may not read orders: make a new one (docs/sources.md)"
        if fault.status == 404:
            return "there is no such API at that address: look at the source's address (docs/sources.md)"
        if fault.status == 429 or fault.status >= 500:
            return "nothing is wrong on this side: it is asked again by itself"
        return "look whether this machine reaches it: its address, its name, the line and the firewall"

    def words(self, response: Response) -> str:
        """The sender's own words in an answer that is none."""
        answer = response.object()
        return f"{answer.get('code') or ''} {answer.get('message') or answer.get('error') or ''}".strip()

    def token_request(self) -> Request | None:
        """How to get an access token."""
        return None

    def read_token(self, response: Response) -> Token | None:
        """The token in a 2xx answer."""
        return token_in(response.object())

    def lookup_request(self, ids: Sequence[str], at: int) -> Request | None:
        """How to ask how these orders are now (a page of them at most; `SourcePage.ids` are those that are still there); None: it can't be
        asked."""
        return None

    def single_request(self, id: str, at: int, token: str) -> Request:
        """How to ask for one order that such a list left out, or that a page showed in part."""
        raise NotImplementedError

    def is_gone(self, response: Response) -> bool:
        """Whether that answer says that there is no such order any more, and not merely that it can't be asked for."""
        raise NotImplementedError

    def read_single(self, response: Response) -> Reading:
        """What it is now. Raises Unreadable."""
        raise NotImplementedError

    def record_request(self, record: Record, token: str) -> Request:
        """How to fetch one record that a thin notification named."""
        raise NotImplementedError

    def read_record(self, response: Response, record: Record, *, now: int) -> Reading:
        """What the record says. Raises Fault, Unreadable."""
        raise NotImplementedError


LONGEST_WAIT = 3600.0
"""Seconds of their own wait that are believed."""
OF_THE_KEY = frozenset({401, 402, 403, 423})
"""Of the key or the account, not of what was asked for: the same question is answered once people have mended that."""
LASTING = OF_THE_KEY | {400, 404, 405, 410, 422}


def fault_of(response: Response, words: str = "") -> Fault:
    """An answer that brought nothing, as a Fault: by its status, and its Retry-After."""
    if response.is_page:
        why = f"a web page answered with {response.status} instead of the API (a firewall, or maintenance?)"
        return Fault(why, status=response.status, page=True)
    said = f": {words[:200]}" if words else ""
    if 200 <= response.status < 300:
        return Fault(f"the answer could not be read{said}", status=response.status)
    wait = retry_after(response.headers)
    return Fault(
        f"it answered {response.status}{said}",
        after=None if wait is None else min(wait, LONGEST_WAIT),
        lasting=response.status in LASTING,
        status=response.status,
    )
