"""Commands to one store, and what it answered: by who may command that store, and only what the store itself allows."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal, get_args

from aiohttp import web

from daemon.config import ConfigError
from daemon.fleet.commands import What
from daemon.hq import answers
from daemon.hq.commands import give, listed
from daemon.hq.page.frame import Page, Refusal, Visit
from daemon.hq.publishing import publish_key
from daemon.hq.stores import Declined

LASTING = timedelta(minutes=15)


async def show(visit: Visit) -> web.StreamResponse:
    name = visit.store(visit.request.match_info["store"], "command")
    return await _shown(visit, name)


async def _shown(visit: Visit, name: str, problem: str = "", status: int = 200) -> web.StreamResponse:
    found = await answers.stores(visit.db, visit.now, name)
    if not found:
        raise Refusal(404, "no_store")
    return visit.shown(
        "commands.html.j2",
        status=status,
        store=name,
        channels=sorted(found[0].health.get("channels", {}).items()),
        given=await listed(visit.db, visit.now, name),
        problem=problem,
    )


async def command(visit: Visit) -> web.StreamResponse:
    name = visit.store(visit.request.match_info["store"], "command")
    what, channel, reason = (visit.form.get(key, "").strip() for key in ("what", "channel", "reason"))
    if (wanted := _what(what)) is None:
        raise Refusal(404, "no_store")
    try:
        publish_key(visit.services.settings)
        await give(
            visit.db, visit.now, name, wanted, by=visit.user.name, channel="" if wanted == "doctor" else channel, reason=reason, lasting=LASTING
        )  # fmt: skip
    except (Declined, ConfigError) as error:
        return await _shown(visit, name, str(error), 422)
    return visit.went(f"/stores/{name}/commands", "given")


def _what(text: str) -> What | None:
    known: tuple[Literal["pause", "resume", "doctor"], ...] = get_args(What)
    return next((each for each in known if each == text), None)


PAGES: Sequence[Page] = (
    Page(name="commands", path="/stores/{store}/commands", show=show, right="command"),
    Page(name="commands", path="/stores/{store}/commands", show=command, right="command", method="POST"),
)
