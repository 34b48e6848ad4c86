"""The process from which commands are forked, so that each finds loaded what all of them load: `tests.support.forks` asks it to.

Started as `python -m tests.support.zygote FD`: each message on that socket is a command to become, with its standard streams and a socket for
what becomes of it. The service leaves this file at the bottom, as one that was started with `python -m daemon` would end; a command's
interpreter is not taken apart at its end, which copies each page that it shares with this process.
"""

import atexit
import gc
import io
import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any, NoReturn

LARGEST = 256 * 1024
LIBRARIES = (
    "aiohttp.web", "aiosqlite", "babel.dates", "babel.languages", "babel.numbers", "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.ciphers.aead", "dotenv", "jinja2.meta", "jinja2.sandbox", "jmespath", "msgspec.json", "nats.aio.client",
    "phonenumbers", "psycopg_pool", "structlog", "tomli_w", "typer", "uvloop",
)  # fmt: skip
OURS = (
    "daemon.appliance.doctor", "daemon.appliance.restore", "daemon.cli.frame", "daemon.fleet.link", "daemon.hq.service",
    "daemon.runtime.process",
)  # fmt: skip
LOOKS_AT_TEXTS = frozenset({"doctor", "init", "templates"})


def load() -> None:
    """None of it starts a thread or opens anything. `tether` without colours loads no rich."""
    sys.modules["rich"] = None  # type: ignore[assignment]
    for module in (*LIBRARIES, *OURS):
        import_module(module)
    del sys.modules["rich"]
    gc.collect()
    gc.freeze()


def next_command(control: socket.socket) -> Mapping[str, Any]:
    """In each child, once, the command that it is; the process itself ends with whoever asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    ended, woken = socket.socketpair()
    for end in (ended, woken):
        end.setblocking(False)
    signal.set_wakeup_fd(woken.fileno())
    children: dict[int, socket.socket] = {}
    events = select.poll()
    events.register(control, select.POLLIN)
    events.register(ended, select.POLLIN)
    while True:
        ready = [number for number, _ in events.poll()]
        if ended.fileno() in ready:
            ended.recv(LARGEST)
            _tell_ends(children)
        if control.fileno() not in ready:
            continue
        message, streams, _, _ = socket.recv_fds(control, LARGEST, 4)
        if not message:
            _tell_ends(children)
            sys.exit(0)
        if LOOKS_AT_TEXTS & set(json.loads(message)["arguments"]):
            compile_texts()
        status = socket.socket(fileno=streams.pop())
        if child := os.fork():
            children[child] = status
            status.send(str(child).encode())
            for number in streams:
                os.close(number)
            continue
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for end in (control, ended, woken, status, *children.values()):
            end.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        command: Mapping[str, Any] = json.loads(message)
        return command


@cache
def compile_texts() -> None:
    """The shipped ones, for those commands that look through all of them."""
    from daemon.planner.jinja_environment import JinjaEnvironment
    from daemon.planner.template_files import TemplateFiles

    files = TemplateFiles(None)
    environment = JinjaEnvironment(files)
    for name in files.names():
        source, file, _ = files.get_source(environment, name)
        environment.names(source, name, file)
    gc.freeze()


def _tell_ends(children: dict[int, socket.socket]) -> None:
    while children:
        child, how = os.waitpid(-1, os.WNOHANG)
        if not child:
            return
        with children.pop(child) as status, suppress(OSError):  # whoever asked may be gone
            status.send(str(os.waitstatus_to_exitcode(how)).encode())


def become(command: Mapping[str, Any]) -> None:
    """Its folder, environment, time zone, standard streams, and what is another than in the code."""
    for name, value in command["constants"].items():
        module, _, constant = name.rpartition(".")
        setattr(import_module(module), constant, value)
    os.chdir(command["cwd"])
    os.environ.clear()
    os.environ.update(command["env"])
    time.tzset()
    sys.argv = ["tether", *command["arguments"]]
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stdout = sys.__stdout__ = _writer(1, "strict", unbuffered=unbuffered)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _writer(2, "backslashreplace", unbuffered=unbuffered)  # type: ignore[misc]


def _writer(number: int, errors: str, *, unbuffered: bool) -> io.TextIOWrapper:
    raw = open(number, "wb", buffering=0 if unbuffered else -1, closefd=False)  # noqa: SIM115
    return io.TextIOWrapper(raw, "utf-8", errors, line_buffering=number == 2, write_through=unbuffered)


def leave(code: int) -> NoReturn:
    """As the interpreter does it: threads end, what was to be done at the exit is done, and what was said is out."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 255)


if __name__ == "__main__":
    load()
    become(next_command(socket.socket(fileno=int(sys.argv[1]))))
    from daemon.cli import main

    try:
        main()
    except SystemExit as ending:
        if sys.argv[1:2] == ["run"] or not isinstance(ending.code, int | None):
            raise
        leave(ending.code or 0)
