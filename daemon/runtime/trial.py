"""Whether a store could be run with a bundle, found out in a process of its own that may take so much time and memory and no more: a text that
never ends, or grows without bound, ends there and not in the service."""

import asyncio
import contextlib
import os
import pickle
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from daemon.channels.registry import CHANNELS
from daemon.config import ConfigError, Settings, with_bundle
from daemon.planner.check import mistakes_of_texts
from daemon.planner.render import MEDIUM_FILES, Renderer, RenderError
from daemon.planner.routes import CUSTOMER, TEAM, compile_routes
from daemon.planner.samples import complete, sample_text
from daemon.planner.sms_text import measure
from daemon.published import TEMPLATES
from daemon.wire.event_types import EVENT_TYPES, QUIET_TYPES
from outbox.model import Event, Medium, Order

SECONDS = 60.0
MEMORY = 768 * 2**20
MOST = 20
"""Mistakes that are told."""
LONGEST = 300


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A text as one customer would get it. `problem`: why it can't be made; then the rest says nothing."""

    locale: str
    medium: Medium
    subject: str = ""
    text: str = ""
    parts: int | None = None
    """Of a text message."""
    units: int = 0
    encoding: str = ""
    problem: str = ""


async def trial(settings: Settings, bundle: Path, *, anywhere: bool = False, seconds: float = SECONDS) -> Sequence[str]:
    """What that bundle would put wrong at this store, that is not wrong without it; () for nothing. `anywhere`: only what would be wrong at
    any store, whatever channels and audiences it has."""
    told = await _child(("compare", settings, bundle, anywhere), seconds)
    if told is None:
        return [f"its texts could not be tried within {seconds:.0f} s: one of them never ends"]
    try:
        return _mistakes.decode(told)
    except msgspec.MsgspecError:
        return ["its texts could not be tried: one of them never ends, or takes all memory"]


async def shown(settings: Settings, bundle: Path, template: str, *, seconds: float = SECONDS) -> Sequence[Shown]:
    """That template with the bundle, in every language and medium that it has."""
    told = await _child(("show", settings, bundle, template), seconds)
    try:
        return _shown.decode(told or b"")
    except msgspec.MsgspecError:
        return [Shown(locale="", medium="sms", problem="it never ends, or takes all memory")]


class Judged(msgspec.Struct, frozen=True):
    """What of a bundle would be wrong at any store, and one of its texts as customers would get it."""

    mistakes: list[str]
    shown: list[Shown]


async def judged(settings: Settings, bundle: Path, template: str, *, seconds: float = SECONDS) -> Judged:
    """Both in one go, for whoever writes it."""
    told = await _child(("judge", settings, bundle, template), seconds)
    try:
        return _judged.decode(told or b"")
    except msgspec.MsgspecError:
        return Judged(["its texts could not be tried: one of them never ends, or takes all memory"], [])


async def _child(work: tuple[str, Settings, Path, Any], seconds: float) -> bytes | None:
    """What a process of its own comes to; None: it did not come to an end."""
    what, settings, bundle, more = work
    alone = settings.alone or settings
    alone = msgspec.structs.replace(alone, secrets=dict(alone.secrets))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "daemon.runtime.trial",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            told, _ = await process.communicate(pickle.dumps((what, alone, bundle, more)))
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return told


def _previews(alone: Settings, bundle: Path, template: str) -> list[Shown]:
    try:
        settings = with_bundle(alone, bundle)
    except ConfigError as error:
        return [Shown(locale="", medium="sms", problem=_short(str(error), alone))]
    renderer = Renderer(settings)
    known = template if template in (*EVENT_TYPES, *QUIET_TYPES) else "order.placed"
    event, order = complete(known, settings.store.currency)
    found = []
    for locale in renderer.files.locales():
        for medium, kinds in MEDIUM_FILES.items():
            if renderer.files.path(f"{locale}/{template}.{kinds[0]}.j2") is not None:
                found.append(_preview(renderer, template, locale, medium, event, order))
    return found


def _preview(renderer: Renderer, template: str, locale: str, medium: Medium, event: Event, order: Order) -> Shown:
    try:
        made = renderer.render(template, medium, locale, event=event, order=order, text=sample_text(template))
    except RenderError as error:
        return Shown(locale=locale, medium=medium, problem=str(error)[:LONGEST])
    size = measure(made.text) if medium == "sms" else None
    return Shown(
        locale=locale,
        medium=medium,
        subject=made.subject or "",
        text=made.text,
        parts=size.parts if size else None,
        units=size.units if size else 0,
        encoding=size.encoding if size else "",
    )


_mistakes = msgspec.json.Decoder(list[str])
_shown = msgspec.json.Decoder(list[Shown])
_judged = msgspec.json.Decoder(Judged)


def compare(alone: Settings, bundle: Path, *, anywhere: bool) -> list[str]:
    try:
        settings = with_bundle(alone, bundle)
    except ConfigError as error:
        return [_short(str(error), alone)]
    if anywhere:
        settings = _with_all(settings)
    look = _mistakes_anywhere if anywhere else _mistakes_here
    texts = bundle / TEMPLATES
    wrong = look(settings, texts)
    before = set(look(alone, texts)) if wrong else set()
    found = [_short(words, settings) for words in wrong if words not in before]
    return found[:MOST] + ([f"and {len(found) - MOST} more"] if len(found) > MOST else [])


def _mistakes_here(settings: Settings, texts: Path) -> list[str]:
    """The whole check loads most of what a service is made of, which headquarters has no use for."""
    from daemon.runtime.verify import mistakes

    return mistakes(settings, texts)


def _mistakes_anywhere(settings: Settings, texts: Path) -> list[str]:
    """What would be wrong at any store, whatever channels it has."""
    try:
        compile_routes(settings, {}, CHANNELS)
    except ConfigError as error:
        return [str(error)]
    return mistakes_of_texts(settings, texts)


def _with_all(settings: Settings) -> Settings:
    """With every audience that its routes name: only a store knows who they are."""
    named = {
        name for route in settings.fleet_route for name in ((route.to,) if isinstance(route.to, str) else route.to)
    }
    return msgspec.structs.replace(settings, audiences={name: {} for name in named - {CUSTOMER, TEAM}})


def _short(words: str, settings: Settings) -> str:
    """Without where things lie on this box."""
    for place in (settings.bundle, settings.folder):
        words = words.replace(f"{place}{os.sep}", "")
    return " ".join(words.split())[:LONGEST]


def main() -> int:
    for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, round(SECONDS))):
        with contextlib.suppress(OSError, ValueError):  # a unit may forbid it; then the unit's own limits hold
            resource.setrlimit(kind, (most, most))
    what, alone, bundle, more = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - what our own parent made
    found: object
    match what:
        case "compare":
            found = compare(alone, bundle, anywhere=more)
        case "show":
            found = _previews(alone, bundle, more)
        case _:
            found = Judged(compare(alone, bundle, anywhere=True), _previews(alone, bundle, more))
    sys.stdout.buffer.write(msgspec.json.encode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
