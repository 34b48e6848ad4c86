"""A store's own page: how it is, how its week was, and whom it could not tell."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
from aiohttp import web

from daemon.fleet.wire import Health
from daemon.hq.answers import message_of
from daemon.hq.database import queries
from daemon.hq.glance import glance
from daemon.hq.page.charts import charts
from daemon.hq.page.frame import Page, Refusal, Visit
from daemon.hq.page.story import reason_of, state_in_words, type_in_words

_SQL = queries("pages.sql")

WEEK = timedelta(days=7)


async def show(visit: Visit) -> web.StreamResponse:
    name = visit.store(visit.request.match_info["store"])
    now, db = visit.now, visit.db
    since = {"store": name, "since": now - WEEK}
    found = await (await db.execute(_SQL["store"], since)).fetchone()
    if found is None:
        raise Refusal(404, "no_store")
    _, group, joined_at, revoked_at, heard_at, body, epoch, head_seq, head_at = found
    health = msgspec.convert(body, Health) if body else None
    hours = await (await db.execute(_SQL["hours"], since)).fetchall()
    return visit.shown(
        "store.html.j2",
        store=(await glance(db, now, [name]))[0],
        group=group,
        joined_at=joined_at,
        revoked_at=revoked_at,
        heard_at=heard_at,
        health=health,
        epoch=epoch,
        head_seq=head_seq or 0,
        head_at=head_at,
        behind=max(health.seq - (head_seq or 0), 0) if health and health.epoch == epoch else 0,
        charts=charts(hours, now),
        past=await (await db.execute(_SQL["past_troubles"], since)).fetchall(),
        untold=[message_of(row) for row in await (await db.execute(_SQL["untold"], since)).fetchall()],
        newest=[message_of(row) for row in await (await db.execute(_SQL["newest_of_store"], since)).fetchall()],
        forks=await (await db.execute(_SQL["forks"], {"mine": [name]})).fetchall(),
        gaps=await (await db.execute(_SQL["gaps"], {"mine": [name]})).fetchall(),
        reason=lambda message: reason_of(message, visit.words.language),
        state=lambda state: state_in_words(state, visit.words.language),
        type=lambda type_: type_in_words(type_, visit.words),
    )


PAGES: Sequence[Page] = (Page(name="store", path="/stores/{store}", show=show),)
