"""A message's text, made at the moment it is sent: for the medium at hand, in the recipient's language, from the event as
it was stored and the order as it is now.

For the customer a template is `<template>.<medium>.j2`; for the team and named audiences `<template>.<audience>.<medium>.j2`,
where `team` serves every audience and its first line is what a text or a subject says. docs/templates.md is for who writes them.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError

from daemon.config import Settings, Store
from daemon.planner.fields import named_fields
from daemon.planner.formats import Formats
from daemon.planner.jinja_environment import JinjaEnvironment, explain
from daemon.planner.moments import local, milliseconds
from daemon.planner.render_context import StoreView, views
from daemon.planner.sms_text import simplify
from daemon.planner.template_files import SHARED, Place, TemplateFiles, is_template_name, locale_chain
from daemon.planner.wording import Wording
from daemon.wire.near import did_you_mean
from daemon.wire.promises import kept_until
from outbox.model import Event, Medium, Order, Rendered
from outbox.orders import ENDS

FREE_TEXT = "staff.text"
"""The template of a person's own words."""

ANY_TYPE = "other"
"""The team's template for an event type that has none."""

MEDIUM_FILES: Mapping[Medium, tuple[str, ...]] = {
    "sms": ("sms",),
    "email": ("email.txt",),
    "chat": ("chat", "sms"),
    "push": ("push", "chat", "sms"),
    "crm": ("crm", "chat", "sms"),
}
"""Which files serve a medium, in turn."""

TEXT_LAYOUT = f"{SHARED}/email.txt.j2"
HTML_LAYOUT = f"{SHARED}/email.html.j2"

_SUBJECT = re.compile(r"\s*Subject:(.*)(?:\n|$)")
_SPACES = re.compile(r"[ \t]{2,}")
_LINE_ENDS = re.compile(r"[ \t]+(?=\n)|(?<=\n)[ \t]+(?=\S)")
_ENDED_TWICE = re.compile(r"(?<=\w)\.\.(?=\s|$)")
_EMPTY_LINES = re.compile(r"\n{3,}")
_NOTICE_COUNTRIES = frozenset({"US", "CA"})
_SHOP = "woocommerce"
"""The kind of source whose `url` is the address of the store's own shop, and of nobody else's pages."""


class RenderError(Exception):
    """A text that can't be made. `template` names the file, `line` where in it (0: the file as a whole)."""

    def __init__(self, template: str, line: int, problem: str) -> None:
        super().__init__(f"{template}{f', line {line}' if line else ''}: {problem}")
        self.template = template
        self.line = line
        self.problem = problem


class Renderer:
    """All texts of a store. `shipped` stands for the built-in folder."""

    def __init__(
        self, settings: Settings, *, shipped: Path | None = None, monotonic: Callable[[], float] | None = None
    ) -> None:
        store = settings.store
        own = settings.own_templates
        self.files = TemplateFiles(own, shipped, settings.fleet_templates, monotonic=monotonic)
        self.environment = JinjaEnvironment(self.files)
        self.store = store
        self._store_view = StoreView(store)
        self._show_names = settings.counter.show_names
        self._link_hosts = (*settings.sms.links, *_own_hosts(settings))
        notice = store.first_sms_notice
        self.first_sms_notice = store.country.upper() in _NOTICE_COUNTRIES if notice is None else notice

    def render(
        self,
        template: str,
        medium: Medium,
        locale: str | None,
        *,
        event: Event,
        order: Order,
        text: str | None = None,
        subject: str | None = None,
        audience: str = "customer",
        first_sms: bool = False,
        plain: bool = False,
        now: int = 0,
    ) -> Rendered:
        """The text of one message. `template` "" sends `text` as it is; with a template, `text` fills its place for own
        words. `locale` is the customer's; the team is told in the store's. `first_sms`: no text went to this number before.
        `plain`: the sender's own sentences stay out (`daemon.planner.wording`). `now` (ms): when it goes out, by which a time that was
        promised may be over; 0: nobody knows.

        Raises RenderError with the place.
        """
        draft = self.draft(
            template,
            medium,
            locale,
            event=event,
            order=order,
            text=text,
            subject=subject,
            audience=audience,
            plain=plain,
            now=now,
        )
        if medium != "sms":
            return draft
        words = draft.text
        if first_sms and self.first_sms_notice and audience == "customer":
            words = f"{words}\n{self._opt_out(locale_chain(locale, self.store.locale))}"
        return Rendered(text=simplify(words).text)

    def draft(
        self,
        template: str,
        medium: Medium,
        locale: str | None,
        *,
        event: Event,
        order: Order,
        text: str | None = None,
        subject: str | None = None,
        audience: str = "customer",
        plain: bool = False,
        now: int = 0,
    ) -> Rendered:
        """As `render`, but an SMS as it was written, before `simplify` makes it cheaper."""
        name = template or FREE_TEXT
        wanted = locale if audience == "customer" else None
        chain = locale_chain(wanted, self.store.locale)
        place = self._find(name, medium, chain, audience)
        formats = _formats(self.store, _spoken(place.locale, wanted, self.store.locale))
        if audience == "customer":
            event, order = _looking_ahead(_as_news(event, template), order, self.store.zone, now)
        values = self._values(event, order, formats, audience, self._wording(medium, audience, plain=plain))
        values |= {"text": text, "subject": subject, "medium": medium, "language": place.locale, "audience": audience}
        words = self._run(place.name, values, formats)
        if place.name.endswith(".email.txt.j2"):
            return self._mail(place, name, words, values, formats, chain)
        words = _tidy(words)
        if not words:
            raise RenderError(place.name, 0, "the text is empty")
        if audience != "customer" and place.name.endswith(".chat.j2"):
            return _for_medium(words, medium, subject)
        return Rendered(text=words, subject=subject or (self.store.name if medium == "push" else None))

    def fields(
        self,
        event: Event,
        order: Order,
        *,
        locale: str | None = None,
        text: str | None = None,
        audience: str = "customer",
        medium: Medium = "email",
        plain: bool = False,
    ) -> dict[str, str]:
        """Named fields for a provider's own template, as docs/provider-templates.md lists them: every name is always there."""
        wanted = locale if audience == "customer" else None
        formats = _formats(self.store, wanted or self.store.locale)
        values = self._values(event, order, formats, audience, self._wording(medium, audience, plain=plain))
        return named_fields(values["event"], values["order"], values["customer"], self._store_view, text)

    def _values(self, event: Event, order: Order, formats: Formats, audience: str, wording: Wording) -> dict[str, Any]:
        masked = audience != "customer" and not self._show_names
        return views(event, order, formats, masked=masked, wording=wording) | {"store": self._store_view}

    def _wording(self, medium: Medium, audience: str, *, plain: bool) -> Wording:
        hosts = self._link_hosts if medium == "sms" else None
        return Wording(hosts=hosts, plain=plain and audience == "customer")

    def _find(self, template: str, medium: Medium, chain: Sequence[str], audience: str) -> Place:
        if not is_template_name(template):
            raise RenderError(template[:100], 0, "no template can have this name; names are like 'order.ready'")
        names = candidates(template, medium, audience)
        place = self.files.find(chain, names)
        if place is None:
            folder = self.files.own or self.files.shipped
            near = did_you_mean(template, self.files.media().keys() - {template})
            where = f"{' Or' if near else ';'} write it as {folder / chain[-1] / names[0]}"
            raise RenderError(names[0], 0, f"there is no such text in {', '.join(chain)}{near}{where}")
        return place

    def _mail(
        self, place: Place, template: str, words: str, values: dict[str, Any], formats: Formats, chain: Sequence[str]
    ) -> Rendered:
        match = _SUBJECT.match(words)
        if match is None or not match[1].strip():
            raise RenderError(place.name, 1, 'a mail begins with its subject: write "Subject: ..." on the first line')
        body = _tidy(words[match.end() :])
        if not body:
            raise RenderError(place.name, 0, "the mail has a subject but no text")
        values |= {
            "subject": " ".join((values["subject"] or match[1]).split()),
            "body": body,
            "paragraphs": body.split("\n\n"),
            "words_file": self._words_file(chain),
        }
        own_html = self.files.find(chain[: chain.index(place.locale) + 1], (f"{template}.email.html.j2",))
        return Rendered(
            text=_tidy(self._run(TEXT_LAYOUT, values, formats)) + "\n",
            subject=values["subject"],
            html=self._run(own_html.name if own_html else HTML_LAYOUT, values, formats).strip() + "\n",
        )

    def _words_file(self, chain: Sequence[str]) -> str:
        place = self.files.find((SHARED,), [f"{locale}.j2" for locale in chain])
        if place is None:
            raise RenderError(f"{SHARED}/en.j2", 0, "the shared words are missing: reinstall Tether")
        return place.name

    def _opt_out(self, chain: Sequence[str]) -> str:
        name = self._words_file(chain)
        try:
            return str(self.environment.get_template(name).module.opt_out)  # type: ignore[attr-defined]
        except Exception as error:  # whatever a store's own file runs into
            if _passes(error):
                raise
            raise self._error(name, error) from error

    def _run(self, name: str, values: Mapping[str, Any], formats: Formats) -> str:
        try:
            return self.environment.render(name, values, formats)
        except Exception as error:  # whatever a store's own template runs into: one error that names its place
            if _passes(error):
                raise
            raise self._error(name, error) from error

    def _error(self, name: str, error: Exception) -> RenderError:
        if isinstance(error, TemplateSyntaxError):
            return RenderError(error.name or name, error.lineno, error.message or "can't be read")
        if isinstance(error, TemplateNotFound):
            return RenderError(name, _line(error.__traceback__, self.files)[1], f"there is no template {error.message}")
        if isinstance(error, ValueError) and isinstance(error, UnicodeDecodeError):
            return RenderError(name, 0, "the file is not UTF-8")
        where, line = _line(error.__traceback__, self.files)
        return RenderError(where or name, line, explain(error))


def _as_news(event: Event, template: str) -> Event:
    """What staff bring on its way is an event of theirs: by its text it is known what it tells of. Where theirs doesn't say a delay's new time,
    that is not to say that there is none."""
    if not template or not event.type.startswith("staff."):
        return event
    if template == "order.delayed" and event.order.promised_at is None:
        return event
    return msgspec.structs.replace(event, type=template)


def _looking_ahead(event: Event, order: Order, zone: ZoneInfo, now: int) -> tuple[Event, Order]:
    """Without the time that was promised where it was over when this happened: whose order leaves at 12:40 is not told to expect it by
    12:00. Of an order that is at its end it stays: there it is looked back to. So it does for a provider's own template, which can't leave
    a field out."""
    if event.type != order.status or event.type in ENDS:
        return event, order
    # A delay without its time says that nobody knows it.
    by = order.status_at if event.type == "order.delayed" else max(order.status_at, now)
    told = event.order.promised_at
    if told is not None and _kept_until(milliseconds(told), zone) < by:
        event = msgspec.structs.replace(event, order=msgspec.structs.replace(event.order, promised_at=None))
    if order.promised_at is not None and _kept_until(order.promised_at, zone) < by:
        order = msgspec.structs.replace(order, promised_at=None)
    return event, order


@lru_cache(maxsize=256)
def _kept_until(promised_at: int, zone: ZoneInfo) -> int:
    return milliseconds(kept_until(local(promised_at, zone)))


def _passes(error: Exception) -> bool:
    """Of this machine (no memory, no descriptor, a disk that does not answer), not of the text."""
    return isinstance(error, OSError | MemoryError) and not isinstance(error, TemplateError)


def candidates(template: str, medium: Medium, audience: str) -> list[str]:
    """The file names that serve, in turn."""
    media = MEDIUM_FILES[medium]
    if audience == "customer":
        return [f"{template}.{file}.j2" for file in media]
    audiences = dict.fromkeys((audience, "team"))
    exact = [f"{template}.{who}.{media[0]}.j2" for who in audiences]
    general = [f"{template}.{who}.chat.j2" for who in audiences] + [f"{ANY_TYPE}.team.chat.j2"]
    return list(dict.fromkeys(exact + general))


def _for_medium(words: str, medium: Medium, subject: str | None) -> Rendered:
    """The team's lines: all of them in a chat, the first as a text, or as the subject of a mail."""
    headline = words.partition("\n")[0]
    if medium == "sms":
        return Rendered(text=headline)
    if medium == "push":
        return Rendered(text=words, subject=subject or headline)
    if medium == "email":
        return Rendered(text=words + "\n", subject=subject or headline)
    return Rendered(text=words, subject=subject)


def _tidy(words: str) -> str:
    """Without the white space that conditions in a template leave behind, and with one dot where a sentence ends with "p.m." or "25 nov."."""
    words = _ENDED_TWICE.sub(".", _LINE_ENDS.sub("", _SPACES.sub(" ", words)))
    return _EMPTY_LINES.sub("\n\n", words).strip()


@lru_cache(maxsize=128)
def _formats(store: Store, locale: str) -> Formats:
    return Formats(store, locale)


@lru_cache(maxsize=512)
def _spoken(found: str, wanted: str | None, store: str) -> str:
    """The locale to write numbers and dates in: of the text's own language, in the recipient's or the store's country."""
    language = found.partition("-")[0]
    for locale in (wanted, store):
        if locale and locale.replace("_", "-").partition("-")[0].lower() == language:
            return locale
    return found


def _line(traceback: TracebackType | None, files: TemplateFiles) -> tuple[str, int]:
    """The innermost template and its line in a traceback that Jinja has rewritten."""
    folders = [str(folder) for folder in files.folders]
    found = ("", 0)
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        for folder in folders:
            if file.startswith(folder) and file.endswith(".j2"):
                found = (file.removeprefix(folder).lstrip("/"), traceback.tb_lineno)
        traceback = traceback.tb_next
    return found


def _own_hosts(settings: Settings) -> Sequence[str]:
    """Where the store's order page and its own shops are: their links (to pay, to follow) may stand in a text message."""
    shops = (source for source in settings.sources.values() if source.get("kind") == _SHOP)
    urls = (settings.store.order_url, *(str(shop.get("url", "")) for shop in shops))
    return [host for host in (urlsplit(url).hostname for url in urls) if host]
