"""The ways out and the line: how they are, pausing, resuming, testing."""

from typing import Literal

from daemon.api.plumbing import present
from daemon.api.plumbing.route import B, Call, NoQuery, Q, Scope, get, post
from daemon.api.plumbing.short_list import page_of
from daemon.api.schema.problem import Problem
from daemon.channels.registry import channel_class
from daemon.planner.rules.addresses import usable_address
from daemon.wire.queries import ShortListQuery
from daemon.wire.requests.act import Reason
from daemon.wire.requests.channels import TestWish, UplinkWish, UssdWish
from daemon.wire.service import Channel, Channels, TestResult, Uplink
from outbox.errors import NotFound

FORCED: dict[str, Literal["up", "down"] | None] = {"up": "up", "down": "down", "auto": None}


async def index(call: Call[ShortListQuery, None]) -> Channels:
    dispatch = call.services.engine.board
    rows, following = page_of(await dispatch.board(), call.query)
    return Channels(
        [present.channel(row) for row in rows],
        following,
        present.uplink(await dispatch.uplink()),
        present.sms(await dispatch.sms()),
    )


async def pause(call: Call[NoQuery, Reason]) -> Channel:
    name = call.path("name")
    await call.services.engine.board.pause(name, reason=call.body.reason, actor=call.caller.actor)
    return await _shown(call, name)


async def resume(call: Call[NoQuery, Reason]) -> Channel:
    name = call.path("name")
    await call.services.engine.board.resume(name, actor=call.caller.actor)
    return await _shown(call, name)


async def _shown(call: Call[Q, B], name: str) -> Channel:
    for row in await call.services.engine.board.board():
        if row.name == name:
            return present.channel(row)
    raise NotFound(f"no channel is called {name!r}")


async def test(call: Call[NoQuery, TestWish]) -> TestResult:
    dispatch, name = call.services.engine.board, call.path("name")
    to = call.body.to and await _as_sent(call, name, call.body.to)
    try:
        result = await dispatch.test(name, to)
    except ValueError as error:
        raise Problem(422, str(error), field="to") from error
    return TestResult(result.ok, result.summary)


async def _as_sent(call: Call[Q, B], name: str, to: str) -> str:
    """An address as a message would carry it: people enter numbers as they dial them. What can't be read, such as digits that mean
    something only locally, is tried as it is."""
    is_enabled = any(row.name == name for row in await call.services.engine.board.board())
    kinds, country = channel_class(name).address_kinds if is_enabled else (), call.services.settings.store.country
    return next((usable for kind in kinds if (usable := usable_address(kind, to, country))), to)


async def force(call: Call[NoQuery, UplinkWish]) -> Uplink:
    dispatch = call.services.engine.board
    await dispatch.force_uplink(FORCED[call.body.state], actor=call.caller.actor)
    return present.uplink(await dispatch.uplink())


async def ussd(call: Call[NoQuery, UssdWish]) -> TestResult:
    try:
        result = await call.services.engine.board.ussd(call.path("name"), call.body.code)
    except ValueError as error:
        raise Problem(422, str(error), field="code") from error
    return TestResult(result.ok, result.summary)


ROUTES = (
    get("/v1/channels", index, "List the channels and the line", "Channels", Channels, ShortListQuery),
    post(
        "/v1/channels/{name}/pause",
        pause,
        "Pause a channel",
        "Channels",
        Reason,
        Channel,
        Scope.ADMIN,
        refusals=(404,),
        body_required=False,
    ),
    post(
        "/v1/channels/{name}/resume",
        resume,
        "Resume a channel",
        "Channels",
        Reason,
        Channel,
        Scope.ADMIN,
        refusals=(404,),
        body_required=False,
    ),
    post(
        "/v1/channels/{name}/test",
        test,
        "Test a channel",
        "Channels",
        TestWish,
        TestResult,
        Scope.ADMIN,
        refusals=(404,),
        body_required=False,
        description="Without `to` a harmless call proves the credentials; with it a real message is sent there.",
    ),
    post(
        "/v1/channels/{name}/ussd",
        ussd,
        "Ask the mobile network by a service code",
        "Channels",
        UssdWish,
        TestResult,
        Scope.ADMIN,
        refusals=(404,),
        description="For the modem: `*100#` or what the operator has for the credit.",
    ),
    post("/v1/uplink", force, "Say whether the line is up", "Channels", UplinkWish, Uplink, Scope.ADMIN),
)
