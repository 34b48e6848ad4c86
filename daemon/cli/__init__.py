"""The command line: `main` is the entry point; each verb is a short function in the module named after it.

Exit codes: 0 done, 1 a failure that is explained, 2 wrong use, 78 a configuration that can't be used (EX_CONFIG of sysexits.h).
A verb's module is imported when it is called, and what it works with when it works: help comes at once.
"""

import gc
import os
import sys
from collections.abc import Iterable
from typing import NamedTuple

from daemon import VERSION

EX_CONFIG = 78


class Verb(NamedTuple):
    """`module`: of this package, registers it. `summary`: the first sentence of its help, so that a list of verbs imports none."""

    module: str
    summary: str


VERBS = {
    "run": Verb("run", "Run the service until it is told to stop (Ctrl-C, SIGTERM)."),
    "demo": Verb("demo", "Play a store's day, with nothing set up."),
    "tui": Verb("tui", "Open the counter's screen."),
    "doctor": Verb("doctor", "Check everything, and say what to do."),
    "init": Verb("init", "Set up a store."),
    "status": Verb("status", "Whether it runs, the line, what waits, what failed."),
    "reload": Verb("status", "Put a changed configuration in force."),
    "event": Verb("event", "Take in an event, as a till would post it."),
    "send": Verb("send", "Send a message now."),
    "messages": Verb("messages", "The outbox, the newest first."),
    "retry": Verb("messages", "Send a message again."),
    "cancel": Verb("messages", "Stop a message that has not been sent yet."),
    "uplink": Verb("channels", "Say that the line is up or down."),
    "forget": Verb("privacy", "Take a person out of all that is kept."),
    "export-person": Verb("privacy", "All that is kept of a person, as JSON."),
    "rekey": Verb("rekey", "Give the database a new key, the box's words being lost."),
    "backup": Verb("backups", "Back up while the service works."),
    "restore": Verb("restore", "Put a backup in the database's place."),
    "sandbox": Verb("sandbox", "Stand in for all providers until Ctrl-C."),
    "replay": Verb("sources", "Plan events again under today's routes."),
    "completion": Verb("manual", "Print a shell's completions."),
    "manual": Verb("manual", "Print the manual page (tether.1)."),
    "install": Verb("install", "Install the service on this machine."),
    "uninstall": Verb("install", "Take the service off this machine."),
    "upgrade": Verb("install", "Install a new, signed release beside the old one."),
    "fleet": Verb("fleet", "The line to headquarters: join with its code, see how it stands, leave."),
    "hq": Verb("hq", "Headquarters of many stores: set it up, run it, add and revoke stores."),
    "key": Verb("key", "The box's key: it signs the record and opens the backups."),
    "orders": Verb("orders", "Orders now; one order's story; hold and release."),
    "channels": Verb("channels", "Each way out: how it is; pause, resume, test."),
    "templates": Verb("templates", "Check all texts; preview one."),
    "token": Verb("tokens", "Make, list and revoke the tokens of tills and scripts."),
    "optout": Verb("optouts", "Who asked not to be written to: add, remove, list."),
    "audit": Verb("audit", "The record: prove that it holds; export it."),
    "modem": Verb("modem", "The GSM modem: how it is, a test text, a service code."),
    "sources": Verb("sources", "Where events come from, and how it goes."),
}
"""In the order of the list that `tether --help` prints."""


COLOURED = frozenset({"demo", "tui"})
"""Verbs that draw with rich."""

DRAWING = frozenset({"run", "demo", "tui"})
"""Verbs that log or draw in colour, and make what they show harmless themselves."""


def modules() -> Iterable[str]:
    """The modules of all verbs."""
    return dict.fromkeys(verb.module for verb in VERBS.values())


LOADED = 200_000
"""Objects that may come before a round of garbage collection. What a command loads stays until its end: at 700, as Python has it, rounds
through it that find nothing are an eighth of each start."""


def release() -> str:
    """Which one this is, on what."""
    import platform
    import sqlite3

    return f"tether {VERSION} (Python {platform.python_version()}, SQLite {sqlite3.sqlite_version})"


def main(arguments: list[str] | None = None) -> None:
    """Run the verb named in `arguments` (default: the process's own) and exit the process with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments == ["--version"]:
        print(release())
        return
    gc.set_threshold(LOADED, 10, 10)
    os.umask(0o077)  # what is made here holds customers' data: others get at it only where a mode is set on purpose
    verb = next((word for word in arguments if word in VERBS), None)
    if verb not in COLOURED:
        # structlog loads rich for tracebacks in colour wherever it is installed: 3 MiB and 30 ms that these never use.
        sys.modules["rich"] = None  # type: ignore[assignment]
    match arguments:
        case ["run", "--config", file] if not file.startswith("-"):  # as the unit has it
            from daemon.cli.serving import serve_alone

            serve_alone(file)
    from daemon.cli.frame import app, deliver, explain, speak_plainly

    if verb not in DRAWING:
        speak_plainly()

    with explain():
        code = app(args=arguments, prog_name="tether", standalone_mode=False)
        deliver()
        sys.exit(code)
