"""For all tests: log lines with plain tracebacks (structlog's own draw every local variable, which takes seconds for a service), and
processes that keep their bytecode, as installed ones do (compiling it anew takes a third of each start). What collecting the tests left in
memory stays for good and is kept out of the garbage collector's rounds: each would go through all of it."""

import gc
import os

import structlog

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_collection_finish() -> None:
    gc.set_threshold(20_000, 10, 10)
    gc.collect()
    gc.freeze()
