"""An order over all stores, a message's whole story, and an order's story as a file for whoever complains."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from aiohttp import web

from daemon.hq.answers import MessageOut, message_of
from daemon.hq.database import queries
from daemon.hq.page.frame import GUARD, Page, Refusal, Visit
from daemon.hq.page.story import Line, entry_of, in_words, reason_of, state_in_words, type_in_words

_SQL = queries("pages.sql")

MESSAGES_MOST, ENTRIES_MOST = 200, 2000
"""Of an order a page has the newest, and says so where there are more: tills that count from one each day give a number out again and again."""


async def show(visit: Visit) -> web.StreamResponse:
    return visit.shown("order.html.j2", **await _order(visit))


async def _order(visit: Visit) -> dict[str, Any]:
    """Over all stores that are theirs to see, or at the one that is asked for. Raises Refusal where there is nothing."""
    ref, store = visit.request.match_info["ref"], visit.asked("store")
    mine = [visit.store(store)] if store else visit.user.mine
    values = {"ref": ref, "text": ref, "mine": mine, "messages": MESSAGES_MOST + 1, "entries": ENTRIES_MOST + 1}
    messages = [message_of(row) for row in await (await visit.db.execute(_SQL["by_order"], values)).fetchall()]
    rows = await (await visit.db.execute(_SQL["record_of_order"], values)).fetchall()
    lines = in_words([entry_of(row) for row in rows], visit.words)
    if not messages and not lines:
        raise Refusal(404, "not_there")
    stores = list(dict.fromkeys([*(line.entry.store for line in lines), *(each.store for each in messages)]))
    there_is_more = len(messages) > MESSAGES_MOST or len(rows) > ENTRIES_MOST
    return {
        "ref": ref,
        "store": store,
        "messages": messages[:MESSAGES_MOST],
        "stores": {name: _of(name, lines) for name in stores},
        "there_is_more": there_is_more,
        "told_by": await stores_of(visit, ref) if there_is_more and not store else [],
        **_words(visit),
    }


async def stores_of(visit: Visit, ref: str) -> list[str]:
    """Where an order of that number is to be found, as far as they may see."""
    values = {"ref": ref, "mine": visit.user.mine}
    return [name for (name,) in await (await visit.db.execute(_SQL["stores_of_order"], values)).fetchall()]


def _of(store: str, lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.entry.store == store]


def _words(visit: Visit) -> dict[str, Any]:
    language = visit.words.language
    return {
        "reason": lambda message: reason_of(message, language),
        "state": lambda state: state_in_words(state, language),
        "type": lambda type_: type_in_words(type_, visit.words),
    }


async def message(visit: Visit) -> web.StreamResponse:
    store = visit.store(visit.request.match_info["store"])
    found = await (
        await visit.db.execute(_SQL["one"], {"store": store, "id": visit.request.match_info["id"]})
    ).fetchone()
    if found is None:
        raise Refusal(404, "not_there")
    shown: MessageOut = message_of(found)
    values = {
        "ref": shown.order_ref,
        "store": store,
        "id": shown.id,
        "at": shown.created_at,
        "entries": ENTRIES_MOST,
    }
    rows = await (await visit.db.execute(_SQL["record_of_message"], values)).fetchall()
    lines = in_words([entry_of(row) for row in rows], visit.words)
    return visit.shown("message.html.j2", message=shown, lines=lines, **_words(visit))


async def export(visit: Visit) -> web.StreamResponse:
    """One file that stands alone, with the hashes by which it can be checked."""
    found = await _order(visit)
    names = found["stores"]
    chains = {name: await (await visit.db.execute(_SQL["chains_of"], {"store": name})).fetchall() for name in names}
    before = await _hashes_before(visit, [line for lines in names.values() for line in lines])
    async with visit.db.transaction():
        await visit.record("order.exported", order_ref=str(found["ref"]))
    page = visit.shown("export.html.j2", chains=chains, before=before, **found)
    name = quote(f"order {found['ref']}.html", safe="")
    headers = {**GUARD, "Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    return web.Response(text=page.text, content_type="text/html", charset="utf-8", headers=headers)


async def _hashes_before(visit: Visit, lines: Sequence[Line]) -> dict[tuple[str, str, int], str]:
    """Of each entry, the hash of the one before it: with that, and the entry's own words, its hash can be computed by anybody."""
    entries = [line.entry for line in lines]
    values = {
        "stores": [each.store for each in entries],
        "epochs": [each.epoch for each in entries],
        "seqs": [each.seq for each in entries],
    }
    rows = await (await visit.db.execute(_SQL["before"], values)).fetchall()
    return {(store, epoch, seq): bytes(hash_).hex() for store, epoch, seq, hash_ in rows}


PAGES: Sequence[Page] = (
    Page(name="story", path="/orders/{ref:[^/]+}", show=show),
    Page(name="story", path="/orders/{ref:[^/]+}/export", show=export, method="POST"),
    Page(name="story", path="/stores/{store}/messages/{id:[^/]+}", show=message),
)
