"""The command line: `main` is the entry point; each verb is a short function in the module named after it.

Exit codes: 0 done, 1 a failure that is explained, 2 wrong use, 78 a configuration that can't be used (EX_CONFIG of sysexits.h).
Modules are imported when their verb runs, so that the service starts quickly.
"""

import os
import sys
from importlib import import_module

EX_CONFIG = 78

VERBS: dict[str, str] = {
    "run": "run",
    "demo": "demo",
    "tui": "tui",
    "fleet": "fleet",
    "hq": "hq",
    "init": "init",
    "doctor": "doctor",
    "status": "status",
    "event": "event",
    "send": "send",
    "orders": "orders",
    "messages": "messages",
    "retry": "messages",
    "cancel": "messages",
    "channels": "channels",
    "templates": "templates",
    "token": "tokens",
    "key": "key",
    "optout": "optouts",
    "audit": "audit",
    "forget": "privacy",
    "export-person": "privacy",
    "rekey": "rekey",
    "backup": "backups",
    "restore": "restore",
    "sandbox": "sandbox",
    "modem": "modem",
    "sources": "sources",
    "replay": "sources",
    "reload": "status",
    "uplink": "channels",
    "completion": "manual",
    "manual": "manual",
    "install": "install",
    "uninstall": "install",
    "upgrade": "install",
}
"""Verb -> the module of this package that registers it."""

DRAWING = frozenset({"run", "demo", "tui"})
"""Verbs that log or draw in colour, and make what they show harmless themselves."""


def main(arguments: list[str] | None = None) -> None:
    """Run the verb named in `arguments` (default: the process's own) and exit the process with its code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    os.umask(0o077)  # what is made here holds customers' data: others get at it only where a mode is set on purpose
    verb = next((word for word in arguments if word in VERBS), None)
    if verb == "run":
        # structlog loads rich for tracebacks in colour wherever it is installed: 3 MiB and 30 ms that the service never uses.
        sys.modules["rich"] = None  # type: ignore[assignment]
    from daemon.cli.frame import app, explain, speak_plainly

    if verb not in DRAWING:
        speak_plainly()

    for module in dict.fromkeys(VERBS.values()) if verb is None else (VERBS[verb],):
        import_module(f"daemon.cli.{module}")
    with explain():
        sys.exit(app(args=arguments, prog_name="tether", standalone_mode=False))
