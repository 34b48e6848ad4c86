"""Tokens for tills and scripts: made, listed and revoked by whoever administers the service."""

from daemon.api.plumbing import present
from daemon.api.plumbing.route import Call, JsonAnswer, NoQuery, Scope, get, post
from daemon.api.plumbing.short_list import page_of
from daemon.api.plumbing.voices import name_taken
from daemon.api.schema.problem import Problem
from daemon.wire.near import did_you_mean
from daemon.wire.queries import ShortListQuery
from daemon.wire.record import TokenGone, TokenMade, Tokens
from daemon.wire.requests.keeping import TokenWish
from outbox import UNBOUND, Bounds
from outbox.errors import NotFound

EVENTS_AT_MOST = frozenset({Scope.EVENTS, Scope.READ})


async def index(call: Call[ShortListQuery, None]) -> Tokens:
    rows, following = page_of(await call.services.box.tokens.list(), call.query)
    return Tokens([present.token(each) for each in rows], following)


async def make(call: Call[NoQuery, TokenWish]) -> JsonAnswer:
    wish, services = call.body, call.services
    scopes = sorted(set(wish.scopes))
    bounds = Bounds(tuple(sorted(set(wish.types))), wish.own_orders, wish.own_words)
    if taken := name_taken(wish.name, services.settings.sources):
        raise Problem(409, f"{taken}: no token can speak in its name; choose another", field="name")
    if bounds != UNBOUND and (Scope.EVENTS not in scopes or not EVENTS_AT_MOST.issuperset(scopes)):
        raise Problem(
            422, "types, own orders and own words bind a token for events that is not for staff", field="scopes"
        )
    secret = await services.box.tokens.create(wish.name, scopes, bounds=bounds, actor=call.caller.actor)
    made = TokenMade(wish.name, scopes, secret, list(bounds.types), bounds.own_orders, bounds.own_words)
    return JsonAnswer(made, status=201)


async def revoke(call: Call[NoQuery, None]) -> TokenGone:
    name, tokens = call.path("name"), call.services.box.tokens
    try:
        await tokens.revoke(name, actor=call.caller.actor)
    except NotFound as error:
        raise NotFound(f"{error}{did_you_mean(name, [each.name for each in await tokens.list()])}") from error
    return TokenGone(name, revoked=True)


ROUTES = (
    get("/v1/tokens", index, "List tokens", "Tokens", Tokens, ShortListQuery, Scope.ADMIN),
    post(
        "/v1/tokens",
        make,
        "Make a token",
        "Tokens",
        TokenWish,
        TokenMade,
        Scope.ADMIN,
        answers={201: TokenMade},
        refusals=(409,),
        examples={"till": {"name": "till-2", "scopes": ["events"], "types": ["order.*"], "own_orders": True}},
    ),
    post(
        "/v1/tokens/{name}",
        revoke,
        "Revoke a token",
        "Tokens",
        None,
        TokenGone,
        Scope.ADMIN,
        method="DELETE",
        refusals=(404,),
    ),
)
