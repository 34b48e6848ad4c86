"""The first page: every store at a glance."""

from collections.abc import Sequence

from aiohttp import web

from daemon.hq import answers
from daemon.hq.page.frame import Page, Visit


async def show(visit: Visit) -> web.StreamResponse:
    rows = [row for row in await answers.stores(visit.db, visit.now) if visit.user.sees(row.name)]
    return visit.shown("stores.html.j2", stores=rows)


PAGES: Sequence[Page] = (Page(name="stores", path="/", show=show, nav=1),)
