"""The process's logs, which more than one test sets up anew."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog


@contextmanager
def logs_as_before() -> Iterator[None]:
    """Whatever sets them up meanwhile: afterwards they are as they were, with the plain tracebacks that `conftest` asks for."""
    root, known = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        structlog.configure(**known)
        root.handlers[:], root.level = handlers, level
