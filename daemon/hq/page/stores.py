"""The first page: every store at a glance, the worst first."""

from collections.abc import Sequence

from aiohttp import web

from daemon.hq.glance import glance
from daemon.hq.page.frame import Page, Visit
from daemon.hq.page.live import is_well, summary


async def show(visit: Visit) -> web.StreamResponse:
    stores = await glance(visit.db, visit.now, visit.user.mine)
    return visit.shown(
        "stores.html.j2",
        ill=[each for each in stores if not is_well(each)],
        well=[each for each in stores if is_well(each)],
        summary=summary(stores, visit.words),
    )


PAGES: Sequence[Page] = (Page(name="stores", path="/", show=show, nav=1),)
