"""What `tether templates check` does: find what is wrong with the store's texts before a customer does."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from jinja2 import TemplateError

from daemon.config import Settings
from daemon.planner.jinja_environment import explain
from daemon.planner.render import ANY_TYPE, FREE_TEXT, MEDIUM_FILES, Renderer, RenderError, candidates
from daemon.planner.render_context import attributes
from daemon.planner.routes import CUSTOMER, TEAM
from daemon.planner.samples import complete, minimal, sample_text
from daemon.planner.sms_text import dear_characters, measure
from daemon.planner.template_files import FILE_MEDIA, SHARED, TemplateFiles, locale_chain
from daemon.planner.text_names import Compiler, TextNames
from daemon.wire.event_types import EVENT_TYPES, QUIET_TYPES, nearly_event_type
from daemon.wire.near import nearest
from outbox.model import Medium

Severity = Literal["error", "warning"]

STAFF_TEMPLATES = ("staff.question", "staff.out_of_stock", "staff.refund", "staff.call_us", FREE_TEXT)
"""The texts that people send by hand."""

_VARIABLES = frozenset({"text", "subject", "medium", "language", "audience"})
_MAIL_VARIABLES = frozenset({"body", "paragraphs", "words_file"})


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to mend. An error keeps a message from being sent; a warning makes it dearer or less fitting."""

    severity: Severity
    file: str
    line: int
    problem: str
    remedy: str


class TextFile(msgspec.Struct, frozen=True):
    """A file's name, taken apart: en/order.ready.team.chat.j2."""

    name: str
    locale: str
    template: str
    audience: str
    kind: str


def check_templates(settings: Settings, *, shipped: Path | None = None, only: Path | None = None) -> list[Finding]:
    """Everything that is wrong with the texts, the shipped and the store's own, errors first. Sends nothing. `only`: a folder, of whose texts
    it is asked and of what depends on them."""
    return _Check(settings, shipped).run(only)


def mistakes_of_texts(settings: Settings, folder: Path) -> list[str]:
    """What keeps a text of that folder from being sent, in words."""
    return [
        f"{one.file}{f', line {one.line}' if one.line else ''}: {one.problem}"
        for one in check_templates(settings, only=folder)
        if one.severity == "error"
    ]


class _Check:
    def __init__(self, settings: Settings, shipped: Path | None) -> None:
        self._settings = settings
        self._renderer = Renderer(settings, shipped=shipped)
        self._files: TemplateFiles = self._renderer.files
        self._environment = self._renderer.environment
        self._known = attributes()
        self._found: list[Finding] = []

    def run(self, only: Path | None) -> list[Finding]:
        names = self._files.names() if only is None else _touched(self._files.names(), only)
        broken = {name for name in names if not self._check_source(name)}
        texts = [text for name in names if (text := self._check_name(name)) is not None]
        for text in texts:
            self._check_rendering(text, broken)
        self._check_gaps()
        self._check_routes()
        return sorted(self._found, key=lambda finding: (finding.severity, finding.file, finding.line))

    def _add(self, severity: Severity, name: str, line: int, problem: str, remedy: str) -> None:
        path = self._files.path(name)
        self._found.append(
            Finding(severity=severity, file=str(path or name), line=line, problem=problem, remedy=remedy)
        )

    # ------------------------------------------------------------ what stands in a file

    def _check_source(self, name: str) -> bool:
        """Whether the file can be read, and names nothing that is not there."""
        try:
            source, file, _fresh = self._files.get_source(self._environment, name)
            asked = self._environment.names(source, name, file)
        except TemplateError as error:
            line = getattr(error, "lineno", 0) or 0
            self._add("error", name, line, explain(error), "correct the line; docs/templates.md shows the forms")
            return False
        except ValueError as error:
            self._add("error", name, 0, str(error), "save the file as UTF-8 text of a few lines")
            return False
        names = frozenset(self._known) | asked.own | _VARIABLES | (_MAIL_VARIABLES if _is_mail(name) else frozenset())
        unknown = sorted(asked.outside.keys() - names)
        for variable in unknown:
            self._add("error", name, asked.outside[variable], f"{variable!r} is not known", _nearest(variable, names))
        misspelt = list(self._misspelt(asked))
        for line, problem, remedy in misspelt:
            self._add("error", name, line, problem, remedy)
        return not unknown and not misspelt

    def _misspelt(self, asked: TextNames) -> Iterator[tuple[int, str, str]]:
        """What is asked of our own names that they don't have: the line, what is wrong, and the remedy."""
        for attribute in asked.attributes:
            known = self._known.get(attribute.of)
            if known is not None and attribute.name not in known:
                yield attribute.line, f"{attribute.of} has no {attribute.name!r}", _nearest(attribute.name, known)

    # ------------------------------------------------------------ what a file is called

    def _check_name(self, name: str) -> TextFile | None:
        locale, _, file = name.partition("/")
        if locale == SHARED:
            return None
        stem = file.removesuffix(".j2")
        kind = next((kind for kind in FILE_MEDIA if stem.endswith(f".{kind}")), None)
        if kind is None:
            remedy = f"name it <event type>.<medium>.j2, the medium one of {', '.join(FILE_MEDIA)}"
            self._add("error", name, 0, f"{file!r} names no medium, so nothing uses it", remedy)
            return None
        if locale_chain(locale, "en")[:1] != (locale,):
            self._add(
                "error", name, 0, f"{locale!r} is no locale, so nothing uses it", "name the folder like en or fr-CA"
            )
            return None
        template = stem.removesuffix(f".{kind}")
        audience = next((who for who in self._audiences() if template.endswith(f".{who}")), CUSTOMER)
        template = template.removesuffix(f".{audience}")
        known = self._templates()
        if template not in known:
            self._add(
                "warning", name, 0, f"no event type or route has the name {template!r}", _nearest(template, known)
            )
        return TextFile(name, locale, template, audience, kind)

    def _audiences(self) -> list[str]:
        return [TEAM, *self._settings.audiences]

    def _templates(self) -> set[str]:
        routes = (*self._settings.route, *self._settings.fleet_route)
        named = {route.template or route.on for route in routes}
        return {*EVENT_TYPES, *QUIET_TYPES, *STAFF_TEMPLATES, ANY_TYPE, *named}

    # ------------------------------------------------------------ what comes of a file

    def _check_rendering(self, text: TextFile, broken: Collection[str]) -> None:
        """What only shows when it is made; of a file in `broken` enough is said."""
        medium = FILE_MEDIA[text.kind]
        if self._picked(text, medium) != text.name:
            return
        event_type = text.template if text.template in (*EVENT_TYPES, *QUIET_TYPES) else "order.placed"
        samples = (complete(event_type, self._settings.store.currency), minimal(event_type))
        for event, order in samples:
            try:
                rendered = self._renderer.render(
                    text.template,
                    medium,
                    text.locale,
                    event=event,
                    order=order,
                    text=sample_text(text.template),
                    audience=text.audience,
                )
            except RenderError as error:
                if error.template in broken:
                    return
                self._add("error", error.template, error.line, error.problem, "correct the line; see docs/templates.md")
                return
            size = measure(rendered.text)
            if medium == "sms" and size.parts > 1:
                problem = f"takes {size.parts} SMS ({size.units} units of {size.encoding}) for a name of 20 characters"
                self._add("warning", text.name, 0, problem, _shorter(rendered.text))
                return

    def _picked(self, text: TextFile, medium: Medium) -> str | None:
        """Which file would serve: not this one where a mail's HTML is checked with its text."""
        if text.kind == "email.html":
            return text.name
        place = self._files.find((text.locale,), candidates(text.template, medium, text.audience))
        return None if place is None else place.name

    # ------------------------------------------------------------ what is not there

    def _check_gaps(self) -> None:
        language = locale_chain(self._settings.store.locale, "en")[0].partition("-")[0]
        languages = {locale for locale in self._files.locales() if locale_chain(locale, "en")[:1] == (locale,)}
        languages = {locale for locale in languages if "-" not in locale} | {language}
        for locale in sorted(languages):
            missing = list(self._missing(locale))
            if not missing:
                continue
            told = "English" if locale == language else f"the store's language ({self._settings.store.locale})"
            some = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
            problem = f"{len(missing)} texts are not there in {locale!r}; {told} is sent instead: {some}"
            self._add("warning", f"{locale}/", 0, problem, "write them beside your others, or leave it so")

    def _missing(self, locale: str) -> Iterator[str]:
        for template in (*EVENT_TYPES, *STAFF_TEMPLATES):
            for medium in ("sms", "email"):
                names = candidates(template, medium, CUSTOMER)
                if self._files.find((locale,), names) is None:
                    yield names[0]
        for template in EVENT_TYPES:
            names = candidates(template, "chat", TEAM)
            if self._files.find((locale,), names) is None:
                yield names[0]

    def _check_routes(self) -> None:
        named = [(f"route[{index}] (on {route.on!r})", route) for index, route in enumerate(self._settings.route)]
        named += [
            (f"the bundle's route[{index}] (on {route.on!r})", route)
            for index, route in enumerate(self._settings.fleet_route)
        ]
        for place, route in named:
            self._check_condition(place, route.when)
            template = route.template or route.on
            audiences = (route.to,) if isinstance(route.to, str) else route.to
            if (route.template is None and any(sign in route.on for sign in "*?[")) or CUSTOMER not in audiences:
                continue
            chain = locale_chain(None, self._settings.store.locale)
            names = [name for medium in MEDIUM_FILES for name in candidates(template, medium, CUSTOMER)]
            if self._files.find(chain, names) is None:
                near = nearly_event_type(route.on) if route.template is None else None
                self._add_route(
                    f"{place} sends {template!r}, of which there is no text",
                    f"write {self._files.own}/{chain[0]}/{names[0]}, or set `template` to one that is there"
                    + (f"; did you mean {near!r}?" if near else ""),
                )

    def _check_condition(self, route: str, when: str | None) -> None:
        """Unknown names stop the start; what known ones are asked for is looked at here."""
        if when is None:
            return
        try:
            _, asked = Compiler(self._environment, "when", "when").compiled(
                self._environment.parse("{{ " + when + " }}")
            )
        except TemplateError as error:
            self._add_route(
                f"{route} can't be read: when = {when!r}: {explain(error)}", "docs/routes.md shows the forms"
            )
            return
        for _, problem, remedy in self._misspelt(asked):
            self._add_route(f"{route} can never be decided: when = {when!r}: {problem}", remedy)

    def _add_route(self, problem: str, remedy: str) -> None:
        file = str(self._settings.file or "tether.toml")
        self._found.append(Finding(severity="error", file=file, line=0, problem=problem, remedy=remedy))


def _touched(names: Sequence[str], folder: Path) -> Sequence[str]:
    """What all locales share may be used by any text."""
    own = {path.relative_to(folder).as_posix() for path in folder.glob("*/*.j2")}
    return names if any(name.startswith(f"{SHARED}/") for name in own) else [name for name in names if name in own]


def _is_mail(name: str) -> bool:
    return name.startswith(f"{SHARED}/") or name.endswith(".email.html.j2")


def _shorter(text: str) -> str:
    dear = dear_characters(text)
    if dear:
        return f"leave out {' '.join(dear)}: without, each part holds more than twice as much; or shorten it"
    return "shorten it, or the store's name, address or hours"


def _nearest(name: str, known: Iterable[str]) -> str:
    choices = sorted(known)
    near = nearest(name, choices)
    return f"did you mean {near!r}?" if near else f"known are {', '.join(choices)}"
