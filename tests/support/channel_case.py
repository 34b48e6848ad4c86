"""What the conformance suite needs to know of a channel: data, written from the provider's sheet and not from our code.

A case is `tests/conformance/cases/<channel>.py` with a module constant `CASE`.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from daemon.channels.base import InboundRequest, Outgoing, ReceiptUpdate, Reply, Sent
from outbox.model import Attempt, Rendered
from outbox.outcome import Absent, Accepted, Deferred, Found, Lookup, Outcome, Rejected
from tests.support.vendor import Answer

NOW = 1_795_515_300_000
"""2026-11-24T10:15:00Z: where FakeClock starts."""
PHONE = "+447700900123"
EMAIL = "ada@example.com"


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def says(value: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON answer. Header names are written with `_` for "-"."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Answer(status, json.dumps(value), {"Content-Type": "application/json", **named})


def outgoing(**changes: Any) -> Outgoing:
    """A message on its way, with every field as a real order would fill it."""
    plain: dict[str, Any] = {
        "message_id": "m1042ready0000000000000abc",
        "attempt": 1,
        "to": PHONE,
        "addresses": {"phone": PHONE, "email": EMAIL},
        "trigger": "order.ready",
        "template": "order.ready",
        "order_ref": "B-1042",
        "order_source_id": "1042",
        "name": "Ada",
        "locale": "en-GB",
        "rendered": Rendered("Order B-1042 is ready.", "Order B-1042 is ready", "<p>Order <b>B-1042</b> is ready.</p>"),
        "data": {"order_ref": "B-1042", "store_name": "Balloon Loft", "name": "Ada"},
        "order": {"ref": "B-1042", "status": "order.ready"},
        "now": NOW,
        "happened_at": NOW - 90 * 60_000,
        "expires_at": NOW + 12 * 3600 * 1000,
    }
    return Outgoing(**{**plain, **changes})


def sent(out: Outgoing, provider_id: str = "", *, after: float = 60.0, channel: str = "") -> Sent:
    """The same, `after` seconds later, as lookups and receipt polls see it."""
    attempt = Attempt(
        seq=1,
        message_seq=1,
        message_id=out.message_id,
        n=out.attempt,
        channel=channel,
        address=out.to,
        started_at=out.now,
        provider_id=provider_id,
        sent=out.rendered,
    )
    return Sent(attempt=attempt, order_ref=out.order_ref, trigger=out.trigger, now=out.now + round(after * 1000))


def inbound(body: bytes | str, headers: Mapping[str, str], **changes: Any) -> InboundRequest:
    """A provider's POST as it reaches us."""
    plain: dict[str, Any] = {
        "method": "POST",
        "url": "https://hook.example.com/v1/receipts/x",
        "path": "/v1/receipts/x",
        "query": (),
        "headers": {name.lower(): value for name, value in headers.items()},
        "body": body.encode() if isinstance(body, str) else body,
        "now": NOW,
    }
    return InboundRequest(**{**plain, **changes})


@dataclass(frozen=True, kw_only=True)
class Hook:
    """A provider's POST, what it means, and requests like it that must be refused."""

    request: InboundRequest
    receipts: Sequence[ReceiptUpdate] = ()
    replies: Sequence[Reply] = ()
    forged: Sequence[InboundRequest] = ()


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Another way to send: other settings, other message. Its request must match the vendor's description too."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    out: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Case:
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    receipt_secrets: Mapping[str, str] = field(default_factory=dict)
    out: Mapping[str, Any] = field(default_factory=dict)
    """What differs from `outgoing()`: the address, mostly."""
    steps: Mapping[str, Answer]
    """The vendor's good answers, by a pattern on `METHOD https://host/path`: the first that matches."""
    write: str
    """The pattern of the request that does it: where things go wrong in the tests."""
    provider_id: str
    """What is kept of the good answer."""
    bodyless: bool = False
    """The status alone (or with a header) is the provider's yes, whatever the body."""
    error: Callable[[str, str], Answer]
    """(code, words) -> the provider's refusal, as it words one."""
    codes: Mapping[str, str]
    """Each code of the channel's table -> what it must mean (see `told`)."""
    statuses: Mapping[int, str] = field(default_factory=dict)
    """Where a bare status means something else than with most."""
    rows: Sequence[tuple[Answer, str]] = ()
    """Other answers -> what they must mean; `@37` after it: in 37 seconds; `@never`: until somebody resumes it."""
    lookups: Sequence[tuple[Answer, str]] = ()
    """Answers to a lookup -> `found:ID`, `absent` or `cannot_tell`."""
    polls: Sequence[tuple[Answer, Sequence[ReceiptUpdate]]] = ()
    hooks: Sequence[Hook] = ()
    spec: str = ""
    """The file in shared/specs that describes the vendor."""
    beyond_spec: Sequence[str] = ()
    """Patterns of requests that the description, being a cut, does not cover."""
    excused: Sequence[str] = ()
    """Patterns of complaints that the description makes against its own prose: say why beside each."""
    proof: Mapping[str, str] = field(default_factory=dict)
    """The headers that prove us to the sandbox's stand-in, where they are the same for every request."""
    good: Sequence[tuple[str, Any]] = ()
    """Requests as the vendor's documentation shows them, for the stand-in: path and JSON body of a POST."""
    bad: Sequence[tuple[str, Any, int, str]] = ()
    """Requests that the vendor refuses: path, JSON body, status and words of the refusal. The stand-in must say the same."""
    shapes: Sequence[tuple[Callable[[Any], InboundRequest], Any]] = ()
    """What the vendor posts to us: how a value is signed, and a good value, of which any part may be something else."""
    variants: Sequence[Variant] = ()
    too_long: str = ""
    """What a text far over the provider's limit must mean when the channel can see it itself ("" where the provider says so)."""

    @property
    def outgoing(self) -> Callable[..., Outgoing]:
        return partial(outgoing, **self.out)


def told(outcome: Outcome | Lookup) -> str:
    """An outcome in one word or two: what the cases are written in."""
    match outcome:
        case Accepted(provider_id=provider_id):
            return f"accepted:{provider_id}" if provider_id else "accepted"
        case Deferred(unreachable=True):
            return "deferred:unreachable"
        case Deferred(throttled=True):
            return "deferred:throttled"
        case Deferred(recipient=True):
            return "deferred:recipient"
        case Deferred():
            return "deferred"
        case Rejected(scope=scope, opted_out=opted_out):
            return f"rejected:{scope}{':opted_out' if opted_out else ''}"
        case Found(provider_id=provider_id):
            return f"found:{provider_id}"
        case Absent():
            return "absent"
        case _:
            return {"Unknown": "unknown", "CannotTell": "cannot_tell"}[type(outcome).__name__]
