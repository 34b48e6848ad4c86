"""A call out every so often: whoever is called notices when this box goes dark (a power cut, a dead card, a cut line).

As healthchecks.io has it (https://healthchecks.io/docs/http_api/) and others understand: URL/start once, URL while all is well, URL/fail
with the reasons in the body while something needs a person. An address with a query (Uptime Kuma's push) is called as it is, by GET, and only
while all is well: Kuma before 2.0 answers 404 to anything else.

Each body ends with the record's signed head: whoever keeps the log of calls can tell later whether entries were cut off.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

import structlog

from daemon.config import ConfigError, Settings
from daemon.http import Answer, Http, Request, Response
from daemon.redact import mask_contacts
from outbox.clock import Clock

log = structlog.get_logger(__name__)

CALL_SECONDS = 15.0
LONGEST_BODY = 2000


class Heartbeat:
    """`standing` says what needs a person, by key; empty: all is well. `head` is the record's, as a line."""

    def __init__(
        self,
        http: Http,
        clock: Clock,
        settings: Callable[[], Settings],
        standing: Callable[[], Mapping[str, str]],
        head: Callable[[], Awaitable[str]],
    ) -> None:
        self._http = http
        self._clock = clock
        self._settings = settings
        self._standing = standing
        self._head = head
        self._answered: bool | None = None

    async def run(self, stop: asyncio.Event) -> None:
        await self._call("/start", "")
        while not await self._clock.wait(stop, self._settings().heartbeat.every):
            await self.beat()

    async def beat(self) -> None:
        """One call, as things are."""
        reasons = mask_contacts("\n".join(self._standing().values()))[:LONGEST_BODY]
        address = self._settings().heartbeat.url
        head = "" if not address or urlsplit(address).query else await self._head()
        body = "\n".join(part for part in (reasons, head) if part)
        await self._call("/fail" if reasons else "", body)

    async def _call(self, ending: str, body: str) -> None:
        answer = await call(self._http, self._settings().heartbeat.url, ending, body)
        if answer is not None:
            self._note(isinstance(answer, Response) and answer.ok, answer)

    def _note(self, answered: bool, answer: Answer) -> None:
        """Once when it stops being heard, once when it is heard again; never with the address, which is a secret of a kind."""
        if answered is self._answered:
            return
        if not answered:
            why = (
                f"it answered {answer.status}"
                if isinstance(answer, Response)
                else str(getattr(answer, "reason", answer))
            )
            log.warning("the heartbeat is not heard", why=why)
        elif self._answered is False:
            log.info("the heartbeat is heard again")
        self._answered = answered


async def call(http: Http, address: str, ending: str, body: str) -> Answer | None:
    """One call. None: there is no address, or it can't be told this (an address with a query knows no endings)."""
    url = urlsplit(address)
    if not url.hostname or (url.query and ending):
        return None
    if url.query:
        request = Request(method="GET", path=f"{url.path or '/'}?{url.query}")
    else:
        path = (url.path.rstrip("/") + ending) or "/"
        request = Request(method="POST", path=path, headers={"Content-Type": "text/plain"}, body=body.encode())
    return await http.exchange(f"{url.scheme}://{url.netloc}", request, CALL_SECONDS)


def check_heartbeat(settings: Settings) -> None:
    """Raises ConfigError for a `[heartbeat]` that can't be meant."""
    beat = settings.heartbeat
    where = settings.file or "tether.toml"
    if beat.url and not _is_web_address(beat.url):
        raise ConfigError(f"{where}: heartbeat.url is no web address; write it like https://hc-ping.com/...")
    if beat.every < 10:
        raise ConfigError(f"{where}: heartbeat.every: at least 10s")


def _is_web_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        return url.scheme in ("http", "https") and bool(url.hostname) and not url.username and url.port != 0
    except ValueError:
        return False
