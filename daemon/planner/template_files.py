"""Where texts are found: the store's own folder first, then what headquarters published, then the shipped one, in the first locale that has
them.

Files are `<locale>/<template>.<medium>.j2`. A file that is added, changed or taken away counts within a second.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec
from jinja2 import BaseLoader, Environment, TemplateNotFound

from daemon.shortage import is_short
from outbox.model import Medium

SHARED = "_macros"
"""The folder of what all locales share: layouts, and the words of each language."""

LARGEST_FILE = 64 * 1024
LOOKED_AT_EVERY = 1.0

FILE_MEDIA: Mapping[str, Medium] = {
    "sms": "sms",
    "email.txt": "email",
    "email.html": "email",
    "chat": "chat",
    "push": "push",
    "crm": "crm",
}
"""What may stand before `.j2`, and the medium that it serves."""

_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8}){0,3}")
_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")

Stamp = tuple[int, int] | None
"""When a file was changed and its size; None: it is not there."""
SHUT: Stamp = (0, 0)
"""It may be there, and this user may not look. Then it is said that it can't be read: the shipped text is not what the store wants."""


class Place(msgspec.Struct, frozen=True):
    """A text that was found: `name` as the loader knows it, and in which locale's folder."""

    name: str
    locale: str


def shipped_templates() -> Path:
    """The built-in texts: inside the package when installed from a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    packed = package / "_templates"
    return packed if packed.is_dir() else package.parent / "templates"


def is_locale(text: str) -> bool:
    return _LOCALE.fullmatch(text) is not None


@lru_cache(maxsize=512)
def locale_chain(wanted: str | None, store: str) -> tuple[str, ...]:
    """The locales to look in, in turn: the customer's and its language, the store's and its language, English.

    "fr_ca" in an English store: fr-CA, fr, en. What is no locale is passed over.
    """
    return tuple(dict.fromkeys(name for locale in (wanted, store, "en") for name in _narrowed(locale or "")))


def _narrowed(locale: str) -> Iterator[str]:
    if not is_locale(locale):
        return
    language, *rest = locale.replace("_", "-").split("-")
    parts = [language.lower(), *(_cased(part) for part in rest)]
    while parts:
        yield "-".join(parts)
        parts.pop()


def _cased(subtag: str) -> str:
    if len(subtag) == 4 and subtag.isalpha():
        return subtag.title()
    return subtag.upper() if len(subtag) <= 3 else subtag.lower()


class TemplateFiles(BaseLoader):
    """Jinja's loader over these folders."""

    def __init__(
        self,
        own: Path | None,
        shipped: Path | None = None,
        published: Path | None = None,
        *,
        monotonic: Callable[[], float] | None = None,
    ) -> None:
        """`monotonic`: a clock by which no file is looked at more than once a second; without it, each time it is wanted."""
        self.own = own
        self.shipped = shipped or shipped_templates()
        self.folders = tuple(folder for folder in (own, published, self.shipped) if folder is not None)
        self._monotonic = monotonic
        self._seen: dict[str, tuple[Stamp, ...]] = {}
        self._seen_at = float("-inf")

    def find(self, locales: Sequence[str], names: Sequence[str]) -> Place | None:
        """The first of the names in the first of the locales that has any: the language counts for more than the medium."""
        for locale in locales:
            for name in names:
                path = f"{locale}/{name}"
                if self._origin(path) is not None:
                    return Place(path, locale)
        return None

    def path(self, name: str) -> Path | None:
        """The file behind a loader's name."""
        origin = self._origin(name)
        return None if origin is None else origin / name

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Jinja's own hook. Raises TemplateNotFound, or ValueError for a file that is too large or not UTF-8. The mark that Windows
        puts in front of UTF-8 is no part of the text."""
        stamps = self._stamps(template)
        path = self.path(template)
        if path is None:
            raise TemplateNotFound(template)
        try:
            raw = path.read_bytes()
        except OSError as error:
            if is_short(error):
                raise
            raise TemplateNotFound(template, f"{path} can't be read: {error.strerror}") from error
        if len(raw) > LARGEST_FILE:
            raise ValueError(f"{path} has {len(raw)} bytes; a template may have {LARGEST_FILE}")
        return raw.decode("utf-8-sig"), str(path), lambda: self._stamps(template) == stamps

    def names(self) -> list[str]:
        """Every text of all folders, each once."""
        folders = [folder for folder in self.folders if folder.is_dir()]
        return sorted({str(path.relative_to(folder)) for folder in folders for path in folder.glob("*/*.j2")})

    def media(self) -> Mapping[str, Sequence[str]]:
        """The texts that staff may send by hand, and the media that each is written for."""
        found: dict[str, set[Medium]] = defaultdict(set)
        for file in self.names():
            name = file.rpartition("/")[2].removesuffix(".j2")
            for ending, medium in FILE_MEDIA.items():
                template = name.removesuffix(f".{ending}")
                if template != name and "." in template and not template.endswith(".team"):
                    found[template].add(medium)
        return {name: sorted(media) for name, media in sorted(found.items())}

    def has(self, template: str) -> bool:
        """Whether customers have a text of that name, in whatever language and by whatever medium."""
        wanted = {f"{template}.{ending}.j2" for ending in FILE_MEDIA}
        return any(name.rpartition("/")[2] in wanted for name in self.names())

    def locales(self) -> list[str]:
        """Every locale that has a folder in any."""
        return sorted({name.partition("/")[0] for name in self.names()} - {SHARED})

    def _origin(self, name: str) -> Path | None:
        stamps = self._stamps(name)
        return None if stamps[-1] is None else self.folders[len(stamps) - 1]

    def _stamps(self, name: str) -> tuple[Stamp, ...]:
        """As far as the first folder that has it."""
        if self._monotonic is None:
            return self._looked_at(name)
        now = self._monotonic()
        if now - self._seen_at >= LOOKED_AT_EVERY:
            self._seen_at = now
            self._seen.clear()
        if name not in self._seen:
            self._seen[name] = self._looked_at(name)
        return self._seen[name]

    def _looked_at(self, name: str) -> tuple[Stamp, ...]:
        found: list[Stamp] = []
        for folder in self.folders:
            found.append(_stamp(folder, name))
            if found[-1] is not None:
                break
        return tuple(found)


def _stamp(folder: Path, name: str) -> Stamp:
    try:
        found = os.stat(f"{folder}/{name}")  # noqa: PTH116 - asked several times a message: a Path each would cost more than the call
    except PermissionError:
        return SHUT
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def is_template_name(name: str) -> bool:
    """Whether it may name a template: lower-case dotted words, nothing that could leave the folder."""
    return len(name) <= 100 and _NAME.fullmatch(name) is not None
