"""The header's glance, and reading the configuration anew."""

from typing import Any

from daemon.api.handlers.replies import to_call
from daemon.api.handlers.staff import MESSAGE
from daemon.api.plumbing import present
from daemon.api.plumbing.route import Call, NoQuery, Scope, get, post
from daemon.api.plumbing.services import Services
from daemon.api.schema.problem import Problem
from daemon.config import ConfigError
from daemon.planner.rules.quiet import quiet_until
from daemon.wire.requests.act import Reason
from daemon.wire.service import Confirmed, Glance, LineChange, Reloaded, Restored, Seen, Store, Trouble
from daemon.wire.values import When, Word, when_or_none
from outbox.model import State

DAY_MS = 86_400_000
MOST_CHANGES = 50
WAITING = (State.QUEUED, State.SENDING, State.HELD)


async def glance(call: Call[NoQuery, None]) -> Glance:
    services = call.services
    store, now = services.settings.store, services.clock.now()
    figures, vitals = await services.box.views.figures(), await services.vitals()
    quiet = [quiet_until(services.settings, medium, now) for medium in ("sms", "email", "chat", "push")]
    return Glance(
        store=Store(
            store.name,
            store.country,
            store.timezone,
            store.locale,
            store.currency,
            float(services.settings.counter.grace),
        ),
        now=When(now),
        version=services.version,
        uplink=present.uplink(await services.engine.board.uplink()),
        waiting=sum(figures.messages.get(state, 0) for state in WAITING),
        failed=await services.box.views.count_failed(now - DAY_MS, own_words=MESSAGE),
        unknown=figures.messages.get(State.UNKNOWN, 0),
        replies=figures.unread_replies,
        calls=len(await to_call(services)),
        modem=await _modem(services),
        sms=present.sms(await services.engine.board.sms()),
        quiet_until=when_or_none(max((each for each in quiet if each is not None), default=None)),
        history=await _history(services, now),
        trouble=tuple(Trouble(what, why) for what, why in vitals.trouble.items()),
        sources=tuple(present.source(row) for row in services.engine.intake.rows() if row.poll is not None),
        unrouted=vitals.unrouted,
        restored=await _restored(services),
        scopes=[Word(scope) for scope in sorted(call.caller.scopes)],
    )


async def _restored(services: Services) -> Restored | None:
    found = await services.engine.restored.awaited()
    return None if found is None else Restored(found.backup, When(found.made_at), When(found.at))


async def confirm_restore(call: Call[NoQuery, None]) -> Confirmed:
    freed = await call.services.engine.restored.confirm(call.caller.actor)
    return Confirmed(freed is not None, freed or 0)


async def _modem(services: Services) -> dict[str, Any] | None:
    for row in await services.engine.board.board():
        if row.name == "modem":
            return {**row.detail, "state": row.state, "reason": row.reason or row.detail.get("reason", "")}
    return None


async def _history(services: Services, now: int) -> tuple[LineChange, ...]:
    page = await services.box.audit.list(
        search=None,
        kind="uplink.changed",
        order_ref=None,
        message_id=None,
        actor=None,
        since=now - DAY_MS,
        limit=MOST_CHANGES,
        cursor=None,
    )
    return tuple(LineChange(str(row.detail.get("state", "")), When(row.at)) for row in page.items)


async def reload(call: Call[NoQuery, Reason]) -> Reloaded:
    try:
        await call.services.reload(call.caller.actor)
    except ConfigError as error:
        raise Problem(409, f"the new configuration is refused, the old one stays in force: {error}") from error
    return Reloaded(True)


async def seen(call: Call[NoQuery, Reason]) -> Seen:
    return Seen(await call.services.seen(call.caller.actor))


ROUTES = (
    post(
        "/v1/restore/confirm",
        confirm_restore,
        "Say that staff have looked through what a restore brought back, or a repair saved: texts to customers go out again",
        "Service",
        None,
        Confirmed,
        Scope.STAFF,
        body_required=False,
    ),
    get("/v1/status", glance, "Show how things stand", "Service", Glance),
    post(
        "/v1/status/seen",
        seen,
        "Say that staff know what was saved of a damaged database",
        "Service",
        Reason,
        Seen,
        body_required=False,
    ),
    post(
        "/v1/reload",
        reload,
        "Read the configuration anew",
        "Service",
        Reason,
        Reloaded,
        Scope.ADMIN,
        refusals=(409,),
        body_required=False,
    ),
)
