"""Texts, routes and settings for many stores: what is published to whom and who has it, writing with a preview in every language and medium, the
difference before it goes out, publishing with a canary first, and roll-back."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from decimal import Decimal

import msgspec
from aiohttp import web

from daemon.config import Sms, Store
from daemon.dispatch.sms.tariff import Tariff
from daemon.fleet.bundle import ALL, CANARY, ROUTES, SETTINGS, BadBundle, is_file_of_bundle
from daemon.fleet.wire import NAME
from daemon.hq import drafts
from daemon.hq.page.frame import Page, Refusal, Visit
from daemon.hq.proof import judge, mistakes_in, preview
from daemon.hq.published import Bundles, overview
from daemon.hq.publishing import BeingTried, Publisher, Wanted
from daemon.hq.stores import Declined
from daemon.runtime.shipped import shipped_names
from daemon.runtime.trial import Judged, Shown

CANARY_MINUTES = (0, 30, 120, 1440)
LARGEST_FORM = 3 * 64 * 1024
KINDS = ("sms", "email.txt", "chat", "push", "crm", "team.chat")


class Sample(msgspec.Struct, frozen=True):
    """A text as a customer would get it. `price`: of a text message, by the usual prices."""

    shown: Shown
    price: Decimal | None


async def show(visit: Visit) -> web.StreamResponse:
    seen = await overview(visit.db)
    standing = {group.group: group for group in seen.groups if group.digest}
    written = await drafts.written(visit.db)
    under_way = {canary.group for canary in seen.canaries if canary.state == "canary"}
    return visit.shown(
        "texts.html.j2",
        stores=sorted(seen.stores, key=lambda store: (store.has == store.wanted and not store.problem, store.name)),
        canaries=seen.canaries,
        groups=_groups(seen, {*standing, *written, *under_way}),
        standing=standing,
        drafts=written,
        under_way=under_way,
    )


def _groups(seen: Bundles, of_note: Collection[str]) -> list[str]:
    """All, the canaries and the regions; a store by itself where there is something of its own."""
    found = {ALL, CANARY} | {group for store in seen.stores for group in store.groups if group != store.name}
    return sorted(found | set(of_note), key=lambda group: (group not in (ALL, CANARY), group not in found, group))


async def group(visit: Visit) -> web.StreamResponse:
    draft = await _draft(visit)
    names = shipped_names()
    return visit.shown(
        "texts_group.html.j2",
        group=draft.group,
        files=sorted(draft.files.keys() | draft.changes.keys() | {ROUTES, SETTINGS}),
        published=draft.published,
        changes=draft.changes,
        locales=sorted({name.partition("/")[0] for name in names}),
        templates=sorted({template for name in names if (template := _template_of(f"templates/{name}"))}),
        kinds=KINDS,
    )


async def edit(visit: Visit) -> web.StreamResponse:
    file = (
        visit.asked("file") or f"templates/{visit.asked('language')}/{visit.asked('template')}.{visit.asked('kind')}.j2"
    )
    return await _editor(visit, await _draft(visit), _file(file))


async def save(visit: Visit) -> web.StreamResponse:
    """Keeps, shows or drops what was typed."""
    draft, file, what = await _draft(visit), _file(visit.form.get("file", "")), visit.form.get("what", "")
    text = visit.form.get("text", "").replace("\r\n", "\n")
    here = f"/texts/{draft.group}/edit?file={file}"
    if what == "preview":
        return await _editor(visit, draft, file, text)
    try:
        async with visit.db.transaction():
            if what == "drop":
                await drafts.drop(visit.db, draft.group, file)
            elif what == "remove":
                await drafts.put(visit.db, visit.now, draft, file, None, visit.user.name)
            else:
                await drafts.put(visit.db, visit.now, draft, file, text, visit.user.name)
            await visit.record("draft.changed", group=draft.group, file=file, what=what or "save")
    except Declined as error:
        return await _editor(visit, draft, file, text, problems=[str(error)], status=error.status)
    return visit.went(here if what == "save" else f"/texts/{draft.group}", "saved" if what == "save" else "dropped")


async def samples(visit: Visit) -> web.StreamResponse:
    """The preview alone, for the script."""
    draft, file = await _draft(visit), _file(visit.form.get("file", ""))
    found = await _samples(visit, draft, file, visit.form.get("text", "").replace("\r\n", "\n"))
    return visit.shown("_samples.html.j2", samples=found, here=file)


async def _editor(
    visit: Visit, draft: drafts.Draft, file: str, text: str | None = None, *, problems: Sequence[str] = (), status: int = 200
) -> web.StreamResponse:  # fmt: skip
    words = draft.text_of(file) if text is None else text
    template, files = _template_of(file), {**draft.files, file: words.encode()}
    try:
        async with visit.frame.trials.one():
            found = (
                await judge(files, template, _as_store(visit))
                if template
                else Judged(list(await mistakes_in(files)), [])
            )
    except BadBundle as error:
        found = Judged([str(error)], [])
    return visit.shown(
        "texts_edit.html.j2",
        status=status,
        group=draft.group,
        file=file,
        text=words,
        ships=drafts.shipped(file),
        is_changed=file in draft.changes,
        is_published=file in draft.published,
        problems=list(problems) or found.mistakes,
        samples=_priced(visit, file, found.shown),
        here=file,
        previews=bool(template),
    )


async def _samples(visit: Visit, draft: drafts.Draft, file: str, text: str) -> list[Sample]:
    template = _template_of(file)
    if not template:
        return []
    try:
        async with visit.frame.trials.one():
            found = await preview({**draft.files, file: text.encode()}, template, _as_store(visit))
    except BadBundle as error:
        found = [Shown(locale="", medium="sms", problem=str(error))]
    return _priced(visit, file, found)


def _priced(visit: Visit, file: str, found: Sequence[Shown]) -> list[Sample]:
    """The one that is being written first, then others of its language."""
    price = Tariff(Sms()).price("", visit.services.settings.hq.country)
    locale, _, name = file.removeprefix("templates/").partition("/")
    ordered = sorted(found, key=lambda shown: (shown.locale != locale, f".{shown.medium}." not in name))
    return [Sample(shown, None if shown.parts is None else shown.parts * price) for shown in ordered]


def _as_store(visit: Visit) -> Store:
    hq = visit.services.settings.hq
    return Store(name=hq.name, country=hq.country, timezone=hq.timezone)


async def review(visit: Visit) -> web.StreamResponse:
    return await _reviewed(visit, await _draft(visit))


async def _reviewed(
    visit: Visit, draft: drafts.Draft, problems: Sequence[str] = (), status: int = 200
) -> web.StreamResponse:
    seen = await overview(visit.db)
    return visit.shown(
        "texts_review.html.j2",
        status=status,
        group=draft.group,
        diff=draft.diff(),
        reviewed=draft.digest,
        problems=list(problems) or (await _wrong(visit, draft.files) if draft.files else []),
        stores=[store.name for store in seen.stores if draft.group in store.groups],
        canaries=[store.name for store in seen.stores if draft.group in store.groups[1:] and CANARY in store.groups],
        minutes=CANARY_MINUTES,
    )


async def publish(visit: Visit) -> web.StreamResponse:
    draft = await _draft(visit)
    minutes = visit.form.get("canary", "0")
    canary = timedelta(minutes=int(minutes[:6])) if minutes.isdecimal() and int(minutes[:6]) > 0 else None
    if wrong := await _wrong(visit, draft.files):
        return await _reviewed(visit, draft, wrong, 422)
    note = visit.form.get("note", "")[:200]
    wanted = Wanted(group=draft.group, by=visit.user.name, release=draft.release, note=note, canary=canary)
    try:
        async with visit.db.transaction():
            now = await _draft(visit)
            if visit.form.get("reviewed", "") != now.digest or now.digest != draft.digest:
                return await _reviewed(visit, now, [visit.words("not_as_reviewed")], 409)
            await _publisher(visit).publish(visit.db, draft.files, wanted)
            await drafts.clear(visit.db, draft.group)
    except (Declined, BadBundle) as error:
        return await _reviewed(visit, draft, [str(error)], 409)
    return visit.went("/texts", "canary" if canary else "published")


async def roll_back(visit: Visit) -> web.StreamResponse:
    group = _group(visit)
    try:
        if visit.form.get("what") == "withdraw":
            await _publisher(visit).withdraw(visit.db, group, visit.user.name)
        else:
            await _publisher(visit).roll_back(visit.db, group, visit.user.name)
    except BeingTried as error:
        raise Refusal(error.status, "being_tried") from error
    except Declined as error:
        raise Refusal(error.status, "nothing_to_roll_back") from error
    return visit.went("/texts", "rolled_back")


async def _wrong(visit: Visit, files: dict[str, bytes]) -> list[str]:
    """As every store checks it, but for what only a store knows."""
    try:
        async with visit.frame.trials.one():
            return list(await mistakes_in(files)) if files else []
    except BadBundle as error:
        return [str(error)]


def _publisher(visit: Visit) -> Publisher:
    return Publisher(visit.services.settings, visit.services.now)


async def _draft(visit: Visit) -> drafts.Draft:
    return await drafts.draft_of(visit.db, _group(visit))


def _group(visit: Visit) -> str:
    group = visit.request.match_info["group"]
    if not NAME.fullmatch(group):
        raise Refusal(404, "no_group")
    return group


def _file(name: str) -> str:
    if not is_file_of_bundle(name):
        raise Refusal(404, "no_file")
    return name


def _template_of(file: str) -> str:
    """`order.ready` of templates/en/order.ready.sms.j2; "" for what is no text to customers."""
    stem = file.rpartition("/")[2].removesuffix(".j2")
    for kind in ("sms", "email.txt", "email.html", "chat", "push", "crm"):
        if file.startswith("templates/") and "/_" not in file and stem.endswith(f".{kind}"):
            template = stem.removesuffix(f".{kind}")
            return "" if template.endswith(".team") else template
    return ""


PAGES: Sequence[Page] = (
    Page(name="texts", path="/texts", show=show, right="publish", nav=6),
    Page(name="texts", path="/texts/{group}", show=group, right="publish"),
    Page(name="texts", path="/texts/{group}/edit", show=edit, right="publish"),
    Page(name="texts", path="/texts/{group}/edit", show=save, right="publish", method="POST", most=LARGEST_FORM),
    Page(name="texts", path="/texts/{group}/preview", show=samples, right="publish", method="POST", most=LARGEST_FORM),
    Page(name="texts", path="/texts/{group}/review", show=review, right="publish"),
    Page(name="texts", path="/texts/{group}/publish", show=publish, right="publish", method="POST"),
    Page(name="texts", path="/texts/{group}/rollback", show=roll_back, right="publish", method="POST"),
)
