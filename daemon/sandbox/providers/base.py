"""What every stand-in is built on: a table of routes, the vendor's own way of saying no, and the shared mailbox."""

import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, ClassVar, TypeAlias

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from daemon.sandbox.callback import Callback, CustomerAct, Deed
from daemon.sandbox.exchange import Call, Malformed, Refused, Response
from daemon.sandbox.fate import Fate, Stage, fate_of, stage
from daemon.sandbox.mailbox import Arrival, Mailbox
from daemon.sandbox.tokens import Tokens
from daemon.sandbox.windows import Windows
from outbox.model import Medium

FORM = "application/x-www-form-urlencoded"
Handler: TypeAlias = Callable[..., Response]
"""(call, *the path's parameters in order) -> answer. Raises Refused or Malformed."""
Routes: TypeAlias = Mapping[str, Handler]
"""By method and the vendor's path: "POST /v1/things/{id}"."""


@dataclass(frozen=True)
class World:
    """What the stand-ins share."""

    mailbox: Mailbox
    tokens: Tokens
    windows: Windows
    secrets: Mapping[str, str]
    rng: Random
    pace: float
    """Seconds from queued to sent, and from sent to delivered."""
    google_key: RSAPublicKey | None = None
    """The public half of the service account's key; None: assertions are checked in all but their signature."""


class Provider(ABC):
    """One vendor. Handlers are plain functions of a call; time comes with the call."""

    name: ClassVar[str]
    """That of the channel, and of this module."""
    medium: ClassVar[Medium]
    tells: ClassVar[frozenset[Deed]] = frozenset()
    """What its customers do that it tells the store of (`callback`)."""
    secrets: ClassVar[Mapping[str, str]] = {}
    """What it takes for good credentials, by the name each has in `.env`: they open nothing outside."""
    table: ClassVar[Mapping[str, Any]] = {}
    """The keys of `[channels.NAME]` of a store that is turned to it, beside its address."""
    says_when: ClassVar[bool] = True
    """Whether "too many requests" says when to come back."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._table: dict[str, list[tuple[re.Pattern[str], Handler]]] = {}
        for route, handler in self.routes().items():
            method, _, path = route.partition(" ")
            pattern = re.sub(r"\\{\w+\\}", "([^/]+)", re.escape(path))
            self._table.setdefault(method, []).append((re.compile(pattern), handler))

    # ------------------------------------------------------------ what each vendor says

    @abstractmethod
    def routes(self) -> Routes:
        """The vendor's calls that are stood in for."""

    @abstractmethod
    def authorize(self, call: Call) -> None:
        """Raises Refused with the vendor's answer to bad credentials."""

    @abstractmethod
    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        """The vendor's error body."""

    def throttled(self, call: Call, seconds: float) -> Response:
        """Too many requests: try again in so many seconds, as this vendor says it."""
        return with_headers(self.problem(429, "", "Too many requests"), {"Retry-After": whole(seconds)})

    def malformed(self, text: str) -> Response:
        return self.problem(400, "", text)

    def callback(self, word: CustomerAct, url: str) -> Callback:
        """How it tells the store at that URL, signed as the vendor signs. Only for what it `tells`."""
        raise NotImplementedError(f"{self.name} tells nothing of the kind: {word.deed}")

    def token_routes(self) -> Routes:
        """The calls of the vendor's token endpoint, whose own paths tell the vendors apart (`auth_url`)."""
        return {}

    @classmethod
    def settings(cls, url: str) -> dict[str, Any]:
        """The table of a store's channel, for a sandbox at `url`."""
        own = {**cls.table, "base_url": f"{url}/{cls.name}"}
        return own if cls.token_routes is Provider.token_routes else {**own, "auth_url": f"{url}/auth"}

    @classmethod
    def files(cls, folder: Path) -> Mapping[str, str]:
        """Secrets that are files: made in `folder`, where they are not there yet; their paths by the name in `.env`."""
        return {}

    # ------------------------------------------------------------ one request

    def answer(self, call: Call) -> Response:
        """The whole exchange: route, credentials, handler."""
        try:
            for pattern, handler in self._table.get(call.method, ()):
                if match := pattern.fullmatch(call.path):
                    self.authorize(call)
                    return handler(call, *match.groups())
        except Refused as refusal:
            return refusal.answer
        except Malformed as error:
            return self.malformed(str(error))
        known = any(pattern.fullmatch(call.path) for routes in self._table.values() for pattern, _ in routes)
        return self.problem(405 if known else 404, "", f"no such call here: {call.method} {call.path}")

    def refuse(self, status: int, code: str = "", text: str = "") -> Refused:
        """To be raised."""
        return Refused(self.problem(status, code, text))

    def accept(self, call: Call, *, id: str, to: str, fate: Fate | None = None, **what: Any) -> Arrival:
        """Put the message into the mailbox. `what`: further fields of `Arrival`."""
        mailbox = self.world.mailbox
        medium = what.pop("medium", self.medium)
        arrival = Arrival(
            seq=mailbox.next_seq,
            provider=self.name,
            medium=medium,
            id=id,
            to=e164(to) if medium == "sms" else to,
            at=call.now,
            method=call.method,
            path=call.path,
            body=call.body.decode(errors="replace"),
            fate=fate_of(to) if fate is None else fate,
            **what,
        )
        mailbox.add(arrival)
        return arrival

    def stage(self, arrival: Arrival, now: int) -> Stage:
        """Where that message stands at that wall time."""
        return stage(arrival.fate, (now - arrival.at) / 1000, self.world.pace)

    def mine(self, to: str = "") -> list[Arrival]:
        """What this vendor holds, newest first."""
        return self.world.mailbox.select(provider=self.name, to=to)[::-1]

    # ------------------------------------------------------------ ids

    def hex(self, digits: int) -> str:
        return f"{self.world.rng.getrandbits(4 * digits):0{digits}x}"

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.world.rng.getrandbits(128), version=4))

    def digits(self, count: int) -> str:
        return f"{self.world.rng.randrange(10 ** (count - 1), 10**count)}"


def with_headers(answer: Response, headers: Mapping[str, str]) -> Response:
    return Response(answer.status, answer.body, {**answer.headers, **headers})


def whole(seconds: float) -> str:
    """Seconds as Retry-After wants them (RFC 9110 10.2.3): a whole number, at least one."""
    return str(max(1, round(seconds)))


def e164(number: str) -> str:
    """Digits with a plus, however the vendor wants them written."""
    digits = re.sub(r"\D", "", number)
    return f"+{digits}" if digits else number


def as_object(value: Any) -> Mapping[str, Any]:
    """The value where it is a JSON object, else an empty one: what is missing in it is then named by the vendor's check."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else ""
