"""For all tests: log lines with plain tracebacks (structlog's own draw every local variable, which takes seconds for a service), and
processes that keep their bytecode, as installed ones do (compiling it anew takes a third of each start). What collecting the tests left in
memory stays for good and is kept out of the garbage collector's rounds: each would go through all of it. No example of hypothesis is timed:
a busy machine is no defect; and the suite plays the same ones every time: TETHER_EXAMPLES=other looks for others. What speaks to this machine goes
through no proxy. Files of tests are in memory where there is room, since each commit is synced to the disk: what a process that is
killed has written is there either way, and what a power cut leaves is tested on disks of its own (TMPDIR=/var/tmp for a real disk)."""

import gc
import logging
import os
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import hypothesis
import pytest
import structlog
from _pytest.runner import runtestprotocol

from tests.support.chromium import Browser, chromium
from tests.support.new_database import migrations_are_done_once

SHARED_MEMORY = Path("/dev/shm")
ROOM = 2**30
"""Bytes that must be free there: all tests together need a quarter."""
LISTED_S = 0.005
"""What is shorter, `--durations` leaves out."""


def _has_room(folder: Path) -> bool:
    """And lets programs run, which some tests put beside their files."""
    if not os.access(folder, os.W_OK):
        return False
    place = os.statvfs(folder)
    return place.f_bavail * place.f_frsize >= ROOM and not place.f_flag & os.ST_NOEXEC


os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
if "TMPDIR" not in os.environ and _has_room(SHARED_MEMORY):
    os.environ["TMPDIR"] = tempfile.tempdir = str(SHARED_MEMORY)

gc.disable()  # while all tests are imported, of which nothing goes

structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)

os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost,::1"

hypothesis.settings.register_profile("tether", deadline=None, derandomize="TETHER_EXAMPLES" not in os.environ)
hypothesis.settings.load_profile("tether")


@pytest.fixture(autouse=True)
def no_server_fails_unseen(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Ours and stand-ins': one that answers 500 to a question it does not know proves nothing, and costs the waits that follow from it.
    Who left in the middle of a question is no failure of theirs."""
    yield
    told = [each for each in caplog.get_records("call") if each.name == "aiohttp.server"]
    failed = [each for each in told if each.levelno >= logging.ERROR and not _is_of_one_who_left(each)]
    assert not failed, caplog.text


def _is_of_one_who_left(record: logging.LogRecord) -> bool:
    return record.exc_info is not None and isinstance(record.exc_info[1], ConnectionError)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Started once for all tests of a worker: to start it takes more than most of them."""
    with chromium() as running:
        yield running


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """A worker tells of a test that passed once, and not when it began, was set up, was taken down and ended: to write and to read that takes
    longer than most of them. What `--durations` lists is told all the same."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return None
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed or report.duration >= LISTED_S:
            item.ihook.pytest_runtest_logreport(report=report)
    return True


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Workers get a part each, from the front, and take from the end of another's when they are done: what takes long stands in front. What needs
    the engines mostly waits, and would wait at the end for a whole minute with nothing else to do: two begin with it, so that it is over
    while there is other work, and of four or more workers only these start engines."""
    parts = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if parts < 2:
        return
    engines = [item for item in items if item.get_closest_marker("engines")]
    slow = [item for item in items if item.get_closest_marker("slow") and item not in engines]
    at_engines = 2 if parts > 3 else 1
    most = -(-len(engines) // at_engines)
    fronts = [engines[n * most : (n + 1) * most] for n in range(at_engines)]
    fronts += [slow[n :: parts - at_engines] for n in range(parts - at_engines)]
    in_front = {item for front in fronts for item in front}
    short = iter([item for item in items if item not in in_front])
    size = -(-len(items) // parts)
    items[:] = [item for front in fronts for item in (*front, *islice(short, max(0, size - len(front))))] + list(short)


def pytest_collection_finish() -> None:
    migrations_are_done_once()
    gc.set_threshold(20_000, 10, 10)
    gc.collect()
    gc.freeze()
    gc.enable()
