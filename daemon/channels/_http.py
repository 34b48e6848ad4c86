"""The base of every channel that speaks HTTP: a subclass says what is particular to its provider, and nothing else.

It states `origin`, `build` and `accepted`, how the provider words a refusal (`problem`) and what its codes mean (`CODES`);
lookups, receipts and checks are pairs of a request and a reading. Sessions, bounds, faults, waits and the taking out of
secrets happen here and in `daemon.http`.
"""

from abc import abstractmethod
from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar, TypeAlias
from urllib.parse import urlsplit

import msgspec

from daemon.channels._verdict import Failure, Problem, Verdict, judge, wait_of
from daemon.channels.base import Channel, Health, HttpSettings, Misconfigured, Outgoing, ReceiptUpdate, Sent
from daemon.http import Http, Request, Response
from daemon.redact import scrub
from outbox.outcome import Accepted, CannotTell, Deferred, Lookup, Outcome, Rejected, Unknown

Reading: TypeAlias = Response | Failure
"""An answer, or why there is none."""

MOST_LOOKED_AT = 16_384
"""Of a provider's words; what is kept of them is far less, so that a secret cut in two here is not among it."""
SOONEST_AGAIN = 5.0
"""Seconds before a provider is asked again that did not answer the question: its own word may be "at once"."""
MAX_WORDS = 300
"""Characters of a provider's own words that are kept."""


class HttpChannel(Channel):
    """One provider's HTTP API. The constructor raises Misconfigured when one of `secrets` is missing."""

    origin: str
    """Scheme and host of the vendor's API: on the class, or set by the constructor where settings decide it."""
    ambiguous_5xx: ClassVar[bool] = True
    """Whether a 5xx of theirs may hide a message that was sent after all."""
    CODES: ClassVar[Mapping[str, Verdict]] = {}
    """What the provider's documented codes mean."""
    STATUSES: ClassVar[Mapping[int, Verdict]] = {}
    """What HTTP's statuses mean here where they mean something else than `_verdict.STATUSES`."""
    ABSENT: ClassVar[Collection[int]] = ()
    """Statuses by which a lookup is told that there is nothing."""

    settings: HttpSettings

    def __init__(self, settings: HttpSettings, secrets: Mapping[str, str], http: Http) -> None:
        self.settings = settings
        self.http = http
        self.secret = self._own(secrets)
        if settings.base_url is not None and not is_address(settings.base_url):
            raise Misconfigured(f"base_url {settings.base_url!r} is no address: write it like https://api.example.com")

    def _own(self, secrets: Mapping[str, str]) -> dict[str, str]:
        names = (*self.secrets, *self.optional_secrets)
        found = {name: secrets[name].strip() for name in names if secrets.get(name, "").strip()}
        missing = [name for name in self.secrets if name not in found]
        if missing:
            where = f" ({self.console})" if self.console else ""
            verb = "is" if len(missing) == 1 else "are"
            raise Misconfigured(f"{' and '.join(missing)} {verb} missing: put it in .env{where}")
        return found

    # ------------------------------------------------------------ what a subclass says

    def build(self, out: Outgoing) -> Request:
        """The request that sends it: all that a channel of one call says of sending."""
        raise NotImplementedError

    async def prepare(self, out: Outgoing, *, until: float) -> Request | Outcome:
        """For channels of several calls: make all but the last (with `ask`) and return that one, or what is decided already."""
        return self.build(out)

    @abstractmethod
    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        """The provider's yes, read from a 2xx answer; None when it says anything else."""

    def problem(self, response: Response) -> Problem:
        """The provider's code and words in an answer that accepted nothing."""
        return Problem(text=response.text)

    def lookup_request(self, sent: Sent) -> Request | None:
        """How to ask whether an attempt of unknown outcome arrived; None: can't be asked."""
        return None

    def read_lookup(self, response: Response, sent: Sent) -> Lookup:
        """The answer to it, where it is a 2xx or one of `ABSENT`."""
        return CannotTell("this provider can't be asked")

    def receipts_request(self, sent: Sequence[Sent]) -> Request | None:
        """How to ask for the later word on these attempts (at most `poll.batch`)."""
        return None

    def read_receipts(self, response: Response, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate]:
        """What it said, where it is a 2xx."""
        return ()

    def check_request(self) -> Request | None:
        """A harmless call that proves the credentials."""
        return None

    def read_check(self, response: Response) -> Health:
        """The answer to it, where it is a 2xx."""
        return Health(ok=True, summary="the credentials hold")

    # ------------------------------------------------------------ what follows from it

    async def send(self, out: Outgoing) -> Outcome:
        until = self.deadline()
        request = await self.prepare(out, until=until)
        if not isinstance(request, Request):
            return request
        answer = await self.call(request, until=until)
        return self.read(answer, out) if isinstance(answer, Response) else self.clean(answer, (out.to,))

    async def ask(
        self, request: Request, out: Outgoing, *, until: float, also: Collection[int] = ()
    ) -> Response | Failure:
        """A call before the one that tells: its answer, when that is a whole 2xx or a status of `also`.

        What fails here has told nobody anything, so it is never unknown."""
        answer = await self.call(request, until=until)
        if (
            isinstance(answer, Response)
            and (answer.status in also or (answer.ok and is_whole(answer)))
            and not answer.is_page
        ):
            return answer
        return self.untold(answer, out)

    def untold(self, answer: Reading, out: Outgoing) -> Failure:
        """What a failed call before the one that tells means: an answer that was no use, or none at all."""
        failure = self.refusal(answer, now=out.now) if isinstance(answer, Response) else answer
        failure = self.clean(failure, (out.to, *out.addresses.values()))
        return Deferred(failure.reason, failure.code) if isinstance(failure, Unknown) else failure

    async def lookup(self, sent: Sent) -> Lookup:
        request = self.lookup_request(sent)
        if request is None:
            return CannotTell("this provider can't be asked")
        begun = self.http.clock.monotonic()
        answer = await self.call(request, until=self.deadline())
        sent = self.answered(sent, begun)
        if isinstance(answer, Response) and (answer.ok or answer.status in self.ABSENT) and not answer.is_page:
            return self.read_lookup(answer, sent)
        if isinstance(answer, Response) and answer.status in {401, 402, 403, 404} and not answer.is_page:
            return CannotTell(f"asking the provider was refused with {answer.status}")
        again = wait_of(answer, sent.now) if isinstance(answer, Response) else None
        return CannotTell(
            "asking the provider failed",
            again=60.0 if again is None else max(again, SOONEST_AGAIN),
            unreachable=is_unanswered(answer),
        )

    def answered(self, sent: Sent, begun: float) -> Sent:
        """The same with the time at which the answer to a question of then (monotonic) is there: what a slow line takes is no difference
        between two clocks."""
        passed = round((self.http.clock.monotonic() - begun) * 1000)
        return msgspec.structs.replace(sent, now=sent.now + passed)

    async def receipts(self, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate] | None:
        request = self.receipts_request(sent) if sent else None
        if request is None:
            return ()
        answer = await self.call(request, until=self.deadline())
        if isinstance(answer, Response) and answer.ok and not answer.is_page:
            return self.read_receipts(answer, sent)
        return () if isinstance(answer, Response) and is_refusal(answer) else None

    async def check(self) -> Health:
        request = self.check_request()
        if request is None:
            return await super().check()
        answer = await self.call(request, until=self.deadline())
        if isinstance(answer, Response) and answer.ok and not answer.is_page:
            return self.read_check(answer)
        return self.unwell(answer)

    def unwell(self, answer: Reading) -> Health:
        """A check that failed, with what the owner is to do."""
        failure = self.refusal(answer, now=self.http.clock.now()) if isinstance(answer, Response) else answer
        failure = self.clean(failure, ())
        remedy = failure.remedy if isinstance(failure, Rejected) else ""
        return Health(ok=False, summary=failure.reason, remedy=remedy)

    def read(self, response: Response, out: Outgoing) -> Outcome:
        """The answer to `build` as an outcome, with secrets and the recipient's addresses taken out of its words."""
        good = self.accepted(response, out) if response.ok and not response.is_page else None
        if good is not None:
            return good
        return self.clean(self.refusal(response, now=out.now), (out.to, *out.addresses.values()))

    def refusal(self, response: Response, *, now: int) -> Failure:
        """An answer that accepted nothing, by CODES, STATUSES and the defaults. `now`: wall ms, for dated waits."""
        return judge(
            response,
            self.problem(response),
            self.CODES,
            self.STATUSES,
            ambiguous_5xx=self.ambiguous_5xx,
            credentials=self.credentials,
            now=now,
        )

    @property
    def credentials(self) -> str:
        """What the owner is told when the provider does not know us."""
        return f"check {' and '.join(self.secret) or 'the credentials'} in .env{f' ({self.console})' if self.console else ''}"

    def deadline(self) -> float:
        """When a call that begins now must be over, on the monotonic clock."""
        return self.http.clock.monotonic() + self.settings.timeout

    async def call(self, request: Request, *, until: float) -> Reading:
        """One exchange with the vendor, over by `until`; channels of several steps pass one deadline to each."""
        return await self.exchange(self.base(request), request, until=until)

    async def exchange(self, base: str, request: Request, *, until: float) -> Reading:
        """One exchange with whatever is at `base`."""
        seconds = until - self.http.clock.monotonic()
        if seconds <= 0:
            return Deferred("no time was left to ask", code="no_time")
        return await self.http.exchange(base, request, seconds)

    def base(self, request: Request) -> str:
        """Where a request goes: `base_url` stands for any host of the vendor's API."""
        return self.settings.base_url or request.origin or self.origin

    def hosts(self) -> Sequence[tuple[str, int]]:
        url = urlsplit(self.settings.base_url or self.origin)
        return ((url.hostname, url.port or (443 if url.scheme == "https" else 80)),) if url.hostname else ()

    def private(self) -> Sequence[str]:
        return tuple(self.secret.values())

    def clean(self, said: Failure, addresses: Collection[str]) -> Failure:
        """The same with its words cut to size, and secrets and addresses taken out."""
        words = scrub(" ".join(said.reason[:MOST_LOOKED_AT].split()), self.private(), addresses)
        code = scrub(said.code, self.private(), addresses)
        return msgspec.structs.replace(said, reason=words[:MAX_WORDS], code=code[:64])


def is_unanswered(answer: Reading) -> bool:
    """Whether nothing came back: no connection was made, or one that broke or hung."""
    return isinstance(answer, Unknown) or (isinstance(answer, Deferred) and answer.unreachable)


def is_refusal(answer: Response) -> bool:
    """Whether it is about this very question: another one may be answered."""
    return 400 <= answer.status < 500 and answer.status not in (408, 429)


def is_address(url: str) -> bool:
    """Whether somebody could be called there."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def is_whole(answer: Response) -> bool:
    """Whether a yes in JSON came to its end: half of one would read as "there is none"."""
    return answer.status == 204 or answer.json() is not None


def basic(user: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic authentication (RFC 7617), in UTF-8."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}
