"""What stores are told to do, and what they answered. A command is written down with who gave it, signed when the store's mark is told, and
answered on the store's own record."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from daemon.config import ConfigError
from daemon.fleet.commands import FINDINGS, MOST, Command, Orders, What, sign
from daemon.fleet.commands import LONGEST as LONGEST_LINE
from daemon.hq.config import HqSettings
from daemon.hq.database import Connection, queries
from daemon.hq.detail import detail_of
from daemon.hq.publishing import publish_key
from daemon.hq.record import record
from daemon.hq.stores import Declined, not_in_fleet, not_known_since_restore

log = structlog.get_logger(__name__)

_SQL = queries("commands.sql")

LONGEST = timedelta(days=1)


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """A command, and how it went."""

    id: int
    store: str
    what: str
    channel: str
    reason: str
    by: str
    given_at: datetime
    expires_at: datetime
    state: str
    """waiting | done | refused | lapsed"""
    answered_at: datetime | None
    why: str
    report: list[list[str]]
    """Of the doctor: check, level, summary."""


async def give(
    db: Connection,
    now: datetime,
    store: str,
    what: What,
    *,
    by: str,
    channel: str = "",
    reason: str = "",
    lasting: timedelta,
) -> int:
    """Its number. Raises Declined."""
    if not timedelta(seconds=30) <= lasting <= LONGEST:
        raise Declined(422, "a command is good for 30 s to 1 d")
    if (what == "doctor") == bool(channel):
        raise Declined(
            422,
            "name the channel that is to be paused or resumed"
            if what != "doctor"
            else "the doctor looks at all channels",
        )
    channel, reason = channel[:40], reason[:200]
    async with db.transaction():
        found = await (await db.execute(_SQL["joined"], {"store": store})).fetchone()
        if found is None:
            raise await not_in_fleet(db, store)
        if not found[0]:
            raise not_known_since_restore(store)
        values = {
            "store": store, "what": what, "channel": channel, "reason": reason, "by": by, "now": now, "until": now + lasting,
        }  # fmt: skip
        await db.execute(_SQL["lock"])
        (id,) = (await (await db.execute(_SQL["give"], values)).fetchone()) or (0,)
        detail = {"id": id, "store": store, "what": what, "channel": channel, "reason": reason}
        await record(db, round(now.timestamp() * 1000), "command.given", detail, actor=by)
    return int(id)


async def listed(db: Connection, now: datetime, store: str | None = None) -> list[Given]:
    """The newest first."""
    rows = await (await db.execute(_SQL["listed"], {"store": store})).fetchall()
    return [_given(row, now) for row in rows]


def _given(row: Sequence[Any], now: datetime) -> Given:
    id, store, what, channel, reason, by, given_at, expires_at, kind, detail, answered_at = row
    answer = detail_of(detail or "")
    state = {"command.done": "done", "command.refused": "refused"}.get(kind) or (
        "waiting" if expires_at > now else "lapsed"
    )
    return Given(
        id=id,
        store=store,
        what=what,
        channel=channel,
        reason=reason,
        by=by,
        given_at=given_at,
        expires_at=expires_at,
        state=state,
        answered_at=answered_at,
        why=str(answer.get("why", "")),
        report=_report(answer.get("report")),
    )


def _report(told: object) -> list[list[str]]:
    """What is no line of a doctor's is left out."""
    lines = told[:FINDINGS] if isinstance(told, list) else []
    return [
        [str(word)[:LONGEST_LINE] for word in line[:3]] for line in lines if isinstance(line, list) and len(line) >= 3
    ]


async def orders(db: Connection, settings: HqSettings, now: datetime, stores: Sequence[str]) -> dict[str, str]:
    """By store, all that it is to do and has not answered, signed; nothing for those that are to do nothing."""
    waiting: dict[str, list[Command]] = {}
    for id, store, what, channel, reason, by, expires_at in await (
        await db.execute(_SQL["waiting"], {"stores": list(stores), "now": now})
    ).fetchall():
        until = round(expires_at.timestamp() * 1000)
        command = Command(id=id, what=what, channel=channel, reason=reason, by=by, expires_at=until)
        if len(found := waiting.setdefault(store, [])) < MOST:
            found.append(command)
    if not waiting:
        return {}
    try:
        key = publish_key(settings)
    except ConfigError as error:
        log.error("commands to stores can't be signed", reason=str(error))
        return {}
    return {store: sign(Orders(store, commands), key) for store, commands in waiting.items()}
