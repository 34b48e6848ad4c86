"""Tokens for tills and scripts: made, listed and revoked by whoever administers the service."""

from daemon.api import present
from daemon.api.route import Answer, Call, NoQuery, Scope, get, post
from daemon.api.service_answers import TokenGone, TokenMade, Tokens
from daemon.api.wire import TokenWish


async def index(call: Call[NoQuery, None]) -> Tokens:
    return Tokens([present.token(each) for each in await call.services.box.tokens.list()], None)


async def make(call: Call[NoQuery, TokenWish]) -> Answer:
    wish = call.body
    scopes = sorted(set(wish.scopes))
    secret = await call.services.box.tokens.create(wish.name, scopes, actor=call.caller.actor)
    return Answer(TokenMade(wish.name, scopes, secret), status=201)


async def revoke(call: Call[NoQuery, None]) -> TokenGone:
    await call.services.box.tokens.revoke(call.path("name"), actor=call.caller.actor)
    return TokenGone(call.path("name"), revoked=True)


ROUTES = (
    get("/v1/tokens", index, "List tokens", "Tokens", Tokens, scope=Scope.ADMIN),
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
        examples={"till": {"name": "till-2", "scopes": ["events"]}},
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
