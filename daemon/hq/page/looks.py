"""How pages are rendered: escaped always, and what strangers wrote made harmless first (`outbox.harmless`). Times are written for people in UTC and
for the script, which shows them in the reader's own zone."""

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from babel.dates import format_datetime
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from outbox import harmless

FOLDER = Path(__file__).parent
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
VERSION_LENGTH = 12


class Assets:
    """The style and the scripts, read once; each is asked for by a version that follows from what is in it, so that browsers keep it."""

    def __init__(self, folder: Path = FOLDER / "static") -> None:
        self.files = {
            file.name: (file.read_bytes(), TYPES[file.suffix])
            for file in sorted(folder.iterdir())
            if file.suffix in TYPES
        }
        self.versions = {name: sha256(body).hexdigest()[:VERSION_LENGTH] for name, (body, _) in self.files.items()}

    def url(self, name: str) -> str:
        return f"/static/{name}?v={self.versions[name]}"


def make_environment(assets: Assets) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_harmless,
        auto_reload=False,
    )
    environment.globals["asset"] = assets.url
    environment.filters.update(
        moment=_moment, exact=_exact, since=_since, day=_day, number=_number, bytes=_bytes, path=_path
    )
    return environment


def _harmless(value: Any) -> Any:
    if value is None:
        return ""
    return harmless.clean(value) if type(value) is str else value


def _as_time(value: datetime | int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC) if isinstance(value, int) else value.astimezone(UTC)


def _time(context: Context, value: datetime | int | None, form: str, pattern: str) -> Markup:
    if value is None:
        return Markup("")
    at = _as_time(value)
    text = format_datetime(at, pattern, locale=context["w"].language)
    return Markup('<time datetime="{}" data-form="{}">{}</time>').format(
        at.isoformat(timespec="milliseconds"), form, text
    )


@pass_context
def _moment(context: Context, value: datetime | int | None) -> Markup:
    """A day and a time."""
    return _time(context, value, "moment", "d MMM y, HH:mm 'UTC'")


@pass_context
def _exact(context: Context, value: datetime | int | None) -> Markup:
    """A day and a time to the second."""
    return _time(context, value, "exact", "d MMM y, HH:mm:ss 'UTC'")


@pass_context
def _since(context: Context, value: datetime | int | None) -> Markup:
    """The time alone while it is of today, where there is a script; else as a moment."""
    return _time(context, value, "since", "d MMM, HH:mm 'UTC'")


@pass_context
def _day(context: Context, value: datetime | int | None) -> Markup:
    return _time(context, value, "day", "d MMMM y")


def _path(value: str) -> str:
    """As one part of a path."""
    return quote(value, safe="")


@pass_context
def _number(context: Context, value: float) -> str:
    return _decimal(value, context["w"].language)


@lru_cache(maxsize=4096)
def _decimal(value: float, language: str) -> str:
    """A table has hundreds of numbers, and most of them are small."""
    return format_decimal(value, locale=language)


@pass_context
def _bytes(context: Context, value: float) -> str:
    size, units = float(value), ["B", "kB", "MB", "GB", "TB"]
    while size >= 1000 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{format_decimal(round(size, 1 if size < 10 else 0), locale=context['w'].language)} {units[0]}"
