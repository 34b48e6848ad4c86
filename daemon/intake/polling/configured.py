"""How a mapped source is asked, as its `ask = { ... }` table has it: a URL with a moment in it, a key, pages, and where the items are.

For ERPs that lose what they push (Odoo, ERPNext): what is asked for since a moment can't be lost.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import msgspec

from daemon.config import ConfigError, Duration, Table
from daemon.http import Request, Response
from daemon.intake.mapping import Expression
from daemon.intake.polling.polled import Turn, fault_of


class AskTable(Table, frozen=True, kw_only=True):
    url: str
    """May hold {since} and {page}: the moment in `since`'s form, and the page, both percent-encoded."""
    method: Literal["GET", "POST"] = "GET"
    body: str = ""
    """JSON, which may hold {since} and {page} too."""
    auth: Literal["none", "bearer", "basic", "header"] = "bearer"
    """bearer: NAME_ACCESS_TOKEN; basic: NAME_KEY and NAME_SECRET; header: `header` with NAME_ACCESS_TOKEN after `prefix`."""
    header: str = "Authorization"
    prefix: str = ""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    since: str = "iso"
    """iso, epoch, epoch_ms, or a strftime form ("%Y-%m-%d %H:%M:%S"), in UTC or the source's `tz`."""
    items: str = "@"
    changed: str
    """Where in an item it says when it changed: the next question begins there."""
    next: str = ""
    """Finds the token of the next page in the answer; "" pages are numbered from `first_page` while they are full."""
    page_size: int = 100
    first_page: int = 1


class Asking:
    """A checked table."""

    def __init__(self, table: AskTable, where: str) -> None:
        url = urlsplit(table.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ConfigError(
                f'{where}: ask.url: {table.url!r} is no address; write it like "https://erp.example.com/orders"'
            )
        self._table = table
        self.base = f"{url.scheme}://{url.netloc}"
        self._target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        self._items = Expression(table.items, "ask.items")
        self._changed = Expression(table.changed, "ask.changed")
        self._next = Expression(table.next, "ask.next") if table.next else None

    def request(self, turn: Turn, secret: Callable[[str], str], zone: tzinfo) -> Request:
        page = turn.token or ("" if self._next else str(self._table.first_page))
        since = _moment(turn.since, self._table.since, zone)
        path = self._target.replace("{since}", quote(since, safe="")).replace("{page}", quote(page, safe=""))
        body = self._table.body.replace("{since}", since).replace("{page}", page).encode()
        headers = {**self._table.headers, **self._auth(secret)}
        if body:
            headers.setdefault("Content-Type", "application/json")
        return Request(method=self._table.method, path=path, headers=headers, body=body)

    def _auth(self, secret: Callable[[str], str]) -> dict[str, str]:
        match self._table.auth:
            case "bearer":
                return {"Authorization": f"Bearer {secret('ACCESS_TOKEN')}"}
            case "basic":
                pair = f"{secret('KEY')}:{secret('SECRET')}"
                return {"Authorization": f"Basic {b64encode(pair.encode()).decode()}"}
            case "header":
                return {self._table.header: self._table.prefix + secret("ACCESS_TOKEN")}
            case "none":
                return {}

    def page(self, response: Response, turn: Turn, zone: tzinfo) -> tuple[Sequence[Any], Sequence[datetime], str]:
        """Its items, when each of them changed, and the token of the next page. Raises Fault."""
        if response.status in (204, 304):
            return [], [], ""
        answer = response.json()
        odd: list[str] = []
        items = self._items.find(answer, odd).value
        if not isinstance(items, list):
            raise fault_of(response, f"ask.items found no list{': ' + odd[0] if odd else ''}")
        moments = [at for one in items if (at := self._changed.find(one, odd).moment(zone))]
        if items and not moments:
            raise fault_of(response, "ask.changed found no time in any item")
        return items, moments, self._next_token(answer, items, turn)

    def _next_token(self, answer: Any, items: Sequence[Any], turn: Turn) -> str:
        if self._next is not None:
            return self._next.find(answer, []).text() or ""
        if len(items) < self._table.page_size or "{page}" not in self._table.url + self._table.body:
            return ""
        return str(int(turn.token or self._table.first_page) + 1)


def check(table: AskTable | None, poll: Duration | None, where: str) -> Asking | None:
    """Raises ConfigError for a source that is to be polled and does not say how."""
    if table is None:
        if poll:
            raise ConfigError(f"{where}: poll needs an `ask` table that says whom to ask (docs/sources.md)")
        return None
    return Asking(table, where)


def secrets_of(table: AskTable | None) -> list[str]:
    """Which secrets of the source asking takes."""
    auth = "none" if table is None else table.auth
    return {"none": [], "basic": ["KEY", "SECRET"]}.get(auth, ["ACCESS_TOKEN"])


def _moment(since: int, form: str, zone: tzinfo) -> str:
    if form == "epoch":
        return str(since // 1000)
    if form == "epoch_ms":
        return str(since)
    if form == "iso":
        return datetime.fromtimestamp(since / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return datetime.fromtimestamp(since / 1000, zone).strftime(form)
