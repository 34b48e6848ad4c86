"""How a call is declared: one `Route` says its path, who may use it, what it takes and what it answers. The router and the
OpenAPI document are both made from these, so neither can forget what the other knows.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

import msgspec
from aiohttp import web

from daemon.api.plumbing.services import Services
from daemon.wire.scopes import Scope as Scope
from outbox import Bounds

Q = TypeVar("Q", bound=msgspec.Struct)
B = TypeVar("B")


GRANTS: Mapping[Scope, frozenset[str]] = {
    Scope.EVENTS: frozenset({Scope.EVENTS, Scope.ADMIN}),
    Scope.READ: frozenset({Scope.READ, Scope.STAFF, Scope.ADMIN}),
    Scope.STAFF: frozenset({Scope.STAFF, Scope.ADMIN}),
    Scope.ADMIN: frozenset({Scope.ADMIN}),
}
"""Which scopes of a token satisfy a call's."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: the token's name, or the person at the counter's own door."""

    name: str
    """Events it posts have this source."""
    scopes: frozenset[str]
    actor: str
    """For the audit: the person, where one is named, and the token."""
    person: str
    """Who it is, as far as the caller says; "" for a machine."""
    bounds: Bounds | None = None
    """What a token's events may be about; None: it did not come by a token."""
    stands: Callable[[], bool] = field(default=lambda: True, compare=False)
    """Whether they would be admitted still: an answer that goes on asks again."""

    def may(self, scope: Scope) -> bool:
        return not self.scopes.isdisjoint(GRANTS[scope])


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """One admitted request: checked query and body, and what serves it."""

    request: web.Request
    services: Services
    caller: Caller
    query: Q
    body: B

    def path(self, name: str) -> str:
        return self.request.match_info[name]


class NoQuery(msgspec.Struct, frozen=True):
    """A call without parameters."""


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """A value to encode as JSON, where the status isn't 200 or headers are due."""

    value: msgspec.Struct
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call[Q, B]], Awaitable["JsonAnswer | msgspec.Struct | web.StreamResponse"]]


@dataclass(frozen=True, kw_only=True)
class Route(Generic[Q, B]):
    """One call. `answers` maps statuses to what they carry: a struct, or the media types of what is not JSON."""

    method: str
    path: str
    handler: Handler[Q, B] | None = None
    serve: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    """In place of a handler: admits the request, reads it and answers every failure itself."""
    summary: str
    tag: str
    scope: Scope | None
    """None: no token is asked for."""
    description: str = ""
    query: type[Q]
    body: type[B] | None = None
    body_required: bool = True
    answers: Mapping[int, type[msgspec.Struct] | str | tuple[str, ...]]
    refusals: tuple[int, ...] = ()
    """Statuses beyond those that every such call may answer."""
    examples: Mapping[str, Any] = field(default_factory=dict)
    """Bodies by name, for the document."""
    raw: bool = False
    """The handler reads the body itself."""
    array_answer: type[msgspec.Struct] | None = None
    """The body may be an array too: then this is answered, with the status its items share, or 207."""
    also_takes: Mapping[str, type[msgspec.Struct]] = field(default_factory=dict)
    """Other media types of the body."""
    free_query: bool = False
    """Parameters are the sender's business: any are taken."""


def get(
    path: str,
    handler: Handler[Q, Any],
    summary: str,
    tag: str,
    answer: type[msgspec.Struct] | str | tuple[str, ...],
    query: type[Q] = NoQuery,  # type: ignore[assignment]
    scope: Scope | None = Scope.READ,
    **more: Any,
) -> Route[Q, Any]:
    """A read."""
    answers = more.pop("answers", None) or {200: answer}
    return Route(
        method="GET",
        path=path,
        handler=handler,
        summary=summary,
        tag=tag,
        scope=scope,
        query=query,
        answers=answers,
        **more,
    )


def post(
    path: str,
    handler: Handler[NoQuery, B],
    summary: str,
    tag: str,
    body: type[B] | None,
    answer: type[msgspec.Struct] | str,
    scope: Scope | None = Scope.STAFF,
    **more: Any,
) -> Route[NoQuery, B]:
    """An act."""
    answers = more.pop("answers", None) or {200: answer}
    return Route(
        method=more.pop("method", "POST"),
        path=path,
        handler=handler,
        summary=summary,
        tag=tag,
        scope=scope,
        query=NoQuery,
        body=body,
        answers=answers,
        **more,
    )


AnyRoute: TypeAlias = "Route[Any, Any]"
