"""The audit: how far every store's record is archived and verified, forks, gaps, signed heads, and headquarters' own record."""

from collections.abc import Sequence

import msgspec
from aiohttp import web

from daemon.hq import answers
from daemon.hq.database import queries
from daemon.hq.page.frame import Page, Refusal, Visit
from daemon.hq.record import NAME, latest, verify_own

_SQL = queries("pages.sql")

SHOWN, DEEDS = 100, 50


class Verified(msgspec.Struct, frozen=True):
    """What computing a chain anew came to."""

    name: str
    ok: bool
    entries: int
    first_bad: int | None


async def show(visit: Visit) -> web.StreamResponse:
    return await _shown(visit, None)


async def _shown(visit: Visit, verified: Verified | None) -> web.Response:
    values = {"mine": visit.user.mine, "after": visit.asked("after"), "limit": SHOWN + 1}
    chains = await (await visit.db.execute(_SQL["chains"], values)).fetchall()
    following = _last_whole(chains[:SHOWN]) if len(chains) > SHOWN else ""
    may, below = visit.user.may("record"), visit.asked("below", 18)
    return visit.shown(
        "audit.html.j2",
        chains=[row for row in chains[:SHOWN] if not following or row[0] <= following],
        following=following,
        forks=await (await visit.db.execute(_SQL["forks"], values)).fetchall(),
        gaps=await (await visit.db.execute(_SQL["gaps"], values)).fetchall(),
        verified=verified,
        deeds=await latest(visit.db, below=int(below) if below.isdecimal() else 2**62, limit=DEEDS) if may else [],
        may_see_deeds=may,
    )


def _last_whole(rows: Sequence[tuple[object, ...]]) -> str:
    """The last store of which all epochs are among these."""
    names = list(dict.fromkeys(str(row[0]) for row in rows))
    return names[-2] if len(names) > 1 else names[-1]


async def verify(visit: Visit) -> web.StreamResponse:
    """POST: compute a chain anew from what PostgreSQL holds: one store's, or headquarters' own."""
    name = visit.form.get("store", "")
    if name:
        visit.store(name)
    elif not visit.user.may("record"):
        raise Refusal(403, "not_allowed")
    if visit.services.heavy.locked():
        raise Refusal(429, "busy")
    async with visit.services.heavy:
        verified = await _verify(visit, name)
    await visit.record("audit.verified", store=verified.name, ok=verified.ok, entries=verified.entries)
    return await _shown(visit, verified)


async def _verify(visit: Visit, name: str) -> Verified:
    if not name:
        own = await verify_own(visit.db)
        return Verified(NAME, own.ok, own.entries, own.first_bad)
    found = await answers.verify(visit.db, name)
    return Verified(name, found.ok, found.entries, found.first_bad)


PAGES: Sequence[Page] = (
    Page(name="audit", path="/audit", show=show, nav=9),
    Page(name="audit", path="/audit/verify", show=verify, method="POST"),
)
