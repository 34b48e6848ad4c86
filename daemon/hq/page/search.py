"""Search over all stores: by an order's number, by a customer's number or address typed in full, by a message's own number."""

from collections.abc import Sequence
from urllib.parse import quote

from aiohttp import web

from daemon.hq.answers import message_of
from daemon.hq.database import queries
from daemon.hq.page.frame import Page, Visit
from daemon.hq.page.optouts import as_seen, optout_of, without_repeats
from daemon.hq.page.order import MESSAGES_MOST, stores_of
from daemon.hq.page.person import digests_of, is_number_without_country, may_be_address, read_address, words_on
from daemon.hq.page.story import reason_of, state_in_words, type_in_words

_SQL = queries("pages.sql")


MARK_LENGTH = 8
"""So much of a person's digest stands on record: enough to tell whether two searches were for the same, and to find who looked for one."""


async def show(visit: Visit) -> web.StreamResponse:
    """What is typed comes as a form's field, so that an address stands in no log and no history."""
    text = (visit.form.get("q", "") or visit.asked("q")).strip()[:200]
    typed = read_address(text)
    if visit.form and text and not may_be_address(text):
        return visit.went(f"/search?q={quote(text, safe='')}")
    values = {"text": text, "mine": visit.user.mine, "messages": MESSAGES_MOST + 1}
    messages, optouts = [], []
    if typed is not None:
        keys = visit.services.settings.consent_keys
        who = digests_of(typed, keys)
        await visit.record("person.searched", digest=who[-1][:MARK_LENGTH] if who else "")
        rows = await (await visit.db.execute(_SQL["by_person"], values | {"digests": who})).fetchall()
        messages = [message_of(row) for row in rows]
        kids, media, digests = zip(*words_on(typed, keys), strict=True) if keys else ((), (), ())
        asked = {"kids": list(kids), "media": list(media), "digests": list(digests)}
        said = await (await visit.db.execute(_SQL["optouts_of"], asked)).fetchall()
        optouts = [as_seen(each, visit.user) for each in without_repeats([optout_of(row) for row in said])]
    elif text:
        for query in ("by_order", "by_id"):
            messages += [message_of(row) for row in await (await visit.db.execute(_SQL[query], values)).fetchall()]
    there_is_more = len(messages) > MESSAGES_MOST
    return visit.shown(
        "search.html.j2",
        text=text,
        typed=typed,
        no_country=typed is None and is_number_without_country(text),
        messages=messages[:MESSAGES_MOST],
        there_is_more=there_is_more,
        told_by=await stores_of(visit, text) if there_is_more and typed is None else [],
        optouts=optouts,
        reason=lambda message: reason_of(message, visit.words.language),
        state=lambda state: state_in_words(state, visit.words.language),
        type=lambda type_: type_in_words(type_, visit.words),
    )


PAGES: Sequence[Page] = (
    Page(name="search", path="/search", show=show, nav=2),
    Page(name="search", path="/search", show=show, method="POST"),
)
