"""What tests of sources share: hooks as their senders sign them, an intake on a real outbox, and a shop that can be asked."""

import hashlib
import hmac
import random
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from daemon.config import Data, Settings, Store
from daemon.http import Request, Response
from daemon.intake.base import Hook, Source
from daemon.intake.door import Door
from daemon.intake.intake import HookAnswer, Intake
from daemon.intake.registry import build
from outbox import Outbox
from outbox.clock import Clock
from outbox.model import Plan, Planner, Posted
from outbox.outcome import Deferred, Unknown
from tests.support.fake_clock import FakeClock
from tests.support.outbox_box import open_box, planned

NOW = FakeClock().now()
"""2026-11-24T10:15:00Z."""


class AHook(Hook, frozen=True, kw_only=True):
    """A POST to the webshop's hook."""

    source: str = "webshop"
    method: str = "POST"
    url: str = "https://relay.example.com/v1/hooks/webshop"
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = {}
    body: bytes = b""
    now: int = NOW
    clock_trusted: bool = True


def base64_hmac(secret: str, text: bytes) -> str:
    return b64encode(hmac.digest(secret.encode(), text, hashlib.sha256)).decode()


def shopify_hook(body: bytes, secret: str = "shpss_secret", **changes: Any) -> AHook:
    headers = {"x-shopify-hmac-sha256": base64_hmac(secret, body), "content-type": "application/json"}
    return AHook(**{"body": body, "headers": headers, **changes})


def woo_hook(body: bytes, secret: str = "wc_secret", **changes: Any) -> AHook:
    headers = {"x-wc-webhook-signature": base64_hmac(secret, body), "content-type": "application/json"}
    return AHook(**{"body": body, "headers": headers, **changes})


def source_of(kind: str, secrets: Mapping[str, str] | None = None, *, name: str = "webshop", **table: Any) -> Source:
    return build(name, {"kind": kind, **table}, secrets or {}, Store(currency="EUR"))


class FakeHttp:
    """Answers by a function instead of the network; remembers what it was asked."""

    def __init__(
        self, answer: Callable[[Request], Response | Deferred | Unknown] | None = None, clock: Clock | None = None
    ) -> None:
        self.clock = clock or FakeClock()
        self.answer = answer or (lambda request: Deferred("no connection", unreachable=True))
        self.asked: list[Request] = []

    async def exchange(self, base: str, request: Request, seconds: float) -> Response | Deferred | Unknown:
        self.asked.append(request)
        return self.answer(request)


def json_response(value: Any, status: int = 200, **headers: str) -> Response:
    return Response(status=status, headers=headers, body=msgspec.json.encode(value))


def tell_all(posted: Posted, before: Any, after: Any) -> Plan:
    """One message to the customer for each event."""
    key = hashlib.blake2b(f"{posted.source} {posted.event.id}".encode(), digest_size=10).hexdigest()
    message = planned(f"m{key}", template=posted.event.type, trigger=posted.event.type, due_at=posted.received_at)
    return Plan((message,))


class Shopfront:
    """An intake on a real outbox, with a clock and a network of the test's own."""

    def __init__(self, box: Outbox, intake: Intake, http: FakeHttp, clock: FakeClock, plan: Planner) -> None:
        self.box = box
        self.intake = intake
        self.http = http
        self.clock = clock
        self.plan = plan

    async def take(self, hook: AHook) -> HookAnswer:
        """A webhook, as the HTTP face has it."""
        return self.intake.admit(hook) or await self.intake.take(hook)

    async def poll(self, name: str = "webshop") -> float:
        return await self.intake.pollers[name].round()

    async def events(self) -> list[tuple[str, str]]:
        """(id, order) of all that was taken, in order."""
        return [(one.id, one.order_ref) for one in await self.box.replay.since(0, limit=10_000)]

    async def told(self) -> list[str]:
        """The event types that somebody is told of, in order."""
        page = await self.box.views.messages(limit=500)
        return [message.trigger for message in reversed(page.items)]

    async def waiting(self) -> list[str]:
        """Why what is kept could not be understood."""
        page = await self.box.quarantine.list(state="waiting", limit=100)
        return [kept.reason for kept in page.items]


@asynccontextmanager
async def open_front(
    folder: Path,
    *,
    secrets: Mapping[str, str] | None = None,
    http: FakeHttp | None = None,
    clock: FakeClock | None = None,
    plan: Planner = tell_all,
    trusted: bool = True,
    data: Data | None = None,
    **sources: Mapping[str, Any],
) -> AsyncIterator[Shopfront]:
    clock, http = clock or FakeClock(), http or FakeHttp()
    settings = Settings(
        store=Store(currency="EUR"),
        data=data or Data(),
        sources={name: dict(table) for name, table in sources.items()},
        secrets=secrets or {},
    )
    async with open_box(folder, clock) as box:
        intake = Intake(
            settings,
            box,
            http,  # type: ignore[arg-type]
            Door(box, plan),
            clock,
            random.Random(3),
            clock_trusted=lambda: trusted,
        )
        yield Shopfront(box, intake, http, clock, plan)
