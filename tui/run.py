"""Opens the counter's screen on a service, and closes all of it again."""

import asyncio
import gc
import getpass
import os
import random
import sys
from collections.abc import Mapping
from pathlib import Path

from tui.app import CounterApp
from tui.i18n import LANGUAGES, choose
from tui.service.address import Address
from tui.service.client import Client, ServiceError
from tui.terminal.clock import SystemClock
from tui.terminal.glyphs import glyphs_for
from tui.terminal.memory import Memory, own_folder, terminal_of
from tui.terminal.themes import THEME_NAMES

ASK_STORE = 0.5
"""Seconds that the store is waited for before the first screen."""
WORTH_IT = 3
"""Middle rounds of garbage collection, of 7,000 objects each, after which a full one is due: about one box's."""
AT_LAST = 60
"""Middle rounds after which it is due even while a key is answered."""


def run_tui(
    where: str | Path,
    token: str = "",
    *,
    read_only: bool = False,
    training: bool = False,
    language: str | None = None,
    theme: str | None = None,
    actor: str | None = None,
) -> int:
    """Show the counter until staff leave. The exit status: 0, or 1 after a failure, which was printed.

    `where`: the path of the service's socket, or its URL with a `token` of scope `staff`. `training`: with the missions of a first shift. `language`: en, es, fr or de; None: as
    this terminal was set last, else the store's, else the terminal's. `theme`: one of `tui.terminal.themes.THEME_NAMES`; None: as it was set last. `actor`: who works here, for the record; None: the system's
    user. Raises ValueError for an address, language or theme that is none.
    """
    if theme and theme not in THEME_NAMES:
        raise ValueError(f"there is no theme {theme!r}; there are {', '.join(THEME_NAMES)}")
    if language and language not in LANGUAGES:
        raise ValueError(f"the screen does not speak {language!r}; it speaks {', '.join(LANGUAGES)}")
    address = Address.parse(where, token)
    if not _can_draw():
        sys.stderr.write("the screen needs a terminal (over ssh: ssh -t), or --web to serve it to browsers\n")
        return 1
    return asyncio.run(_run(address, read_only, training, language, theme, actor))


def _can_draw() -> bool:
    """On a terminal, or for a browser, whose driver Textual takes from the environment."""
    return "TEXTUAL_DRIVER" in os.environ or (sys.stdin.isatty() and sys.stdout.isatty())


async def _run(
    address: Address, read_only: bool, training: bool, language: str | None, theme: str | None, actor: str | None
) -> int:
    clock, rng = SystemClock(), random.SystemRandom()
    environ = os.environ
    memory = Memory(own_folder(environ) / "screens.json", terminal_of(environ, lambda: os.ttyname(0)))
    looks = memory.looks()
    async with Client.open(address, clock=clock, rng=rng, actor=_user() if actor is None else actor) as client:
        app = CounterApp(
            client,
            clock,
            rng,
            language=language or looks.language or await _language(client, environ),
            theme=theme or looks.theme or "dark",
            remember=memory.remember,
            glyphs=glyphs_for(environ, sys.stdout.encoding or ""),
            read_only=read_only,
            training=training,
            settled=stop_counting,
            tidy=collect,
        )
        await app.run_async()
        return app.return_code or 0


async def _language(client: Client, environ: Mapping[str, str]) -> str:
    """The store's language, if the service tells it at once; else the terminal's."""
    try:
        async with asyncio.timeout(ASK_STORE):
            store = (await client.glance()).store.locale
    except (ServiceError, TimeoutError):
        store = ""
    return choose(store, environ.get("LC_ALL"), environ.get("LC_MESSAGES"), environ.get("LANG"))


def stop_counting() -> None:
    """Take what is there now out of the garbage collector's rounds: with a busy shop in memory each would hold a key up by 50 ms.

    What comes after is gone through in small rounds, a millisecond each, and in full when a page is back or nobody touches the keys (`collect`): boxes that
    open made a full one, 10 ms and more, fall on every third of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, AT_LAST)


def collect() -> None:
    """Give back what was left behind, if there is a box's worth of it."""
    if gc.get_count()[2] >= WORTH_IT:
        gc.collect()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
