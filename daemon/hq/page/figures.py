"""How messages to customers fared: per store and week, by which way, why not, and at what cost; as tables, small charts and CSV."""

import csv
import io
from collections.abc import Mapping, Sequence

import msgspec
from aiohttp import web

from daemon.hq import figures, kept_figures
from daemon.hq.page.frame import GUARD, Page, Refusal, Visit
from daemon.hq.page.story import reason_in_words, state_in_words
from outbox import harmless

SPANS = (4, 12, 26, 52)
KINDS: Mapping[str, type[msgspec.Struct]] = {"week": figures.Week, "way": figures.Way, "why": figures.Why}
HEIGHT, WIDTH = 48, 10
SHOWN = 200
"""Rows of a table; all of them are in the CSV."""


class Bar(msgspec.Struct, frozen=True):
    """A week's share of untold messages, of all stores that are shown."""

    week: str
    x: int
    height: float
    share: float


async def show(visit: Visit) -> web.StreamResponse:
    found = await kept_figures.figures(visit.db, _span(visit), SHOWN)
    return visit.shown(
        "figures.html.j2",
        weeks=found.weeks,
        bars=_bars(found.shares),
        ways=found.ways,
        whys=found.whys,
        hidden=found.hidden,
        made_at=found.made_at,
        uncounted=found.uncounted,
        spans=SPANS,
        asked=_weeks(visit),
        height=HEIGHT,
        width=WIDTH,
        reason=lambda code: reason_in_words(visit.words.language, code) or code,
        state=lambda state: state_in_words(state, visit.words.language),
    )


async def sheet(visit: Visit) -> web.StreamResponse:
    by = visit.asked("by") or "week"
    if (kind := KINDS.get(by)) is None:
        raise Refusal(404, "no_figures")
    found = await kept_figures.figures(visit.db, _span(visit))
    rows: Mapping[str, Sequence[msgspec.Struct]] = {"week": found.weeks, "way": found.ways, "why": found.whys}
    names = [field.name for field in msgspec.structs.fields(kind)]
    made = io.StringIO()
    writer = csv.writer(made)
    writer.writerow(names)
    for row in rows[by]:
        writer.writerow([harmless.cell(str("" if (value := getattr(row, name)) is None else value)) for name in names])
    headers = {**GUARD, "Content-Disposition": f'attachment; filename="figures-{by}.csv"'}
    return web.Response(text=made.getvalue(), content_type="text/csv", charset="utf-8", headers=headers)


def _weeks(visit: Visit) -> int:
    text = visit.asked("weeks", 3)
    return int(text) if text.isascii() and text.isdecimal() and 1 <= int(text) <= figures.MOST_WEEKS else SPANS[0]


def _span(visit: Visit) -> figures.Span:
    """Of the stores that who looks may see."""
    return figures.Span.last(_weeks(visit), visit.now, visit.services.settings.hq.timezone, visit.user.mine)


def _bars(shares: Sequence[tuple[str, float]]) -> list[Bar]:
    most = max((share for _, share in shares), default=0.0) or 1.0
    return [Bar(week, n * WIDTH, round(share / most * HEIGHT, 1), share) for n, (week, share) in enumerate(shares)]


PAGES: Sequence[Page] = (
    Page(name="figures", path="/figures", show=show, nav=5),
    Page(name="figures", path="/figures.csv", show=sheet),
)
