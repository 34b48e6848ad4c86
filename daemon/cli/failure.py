"""How a command's failures are told: in a sentence, with nothing in it that a terminal or a journal may not have. It loads no command line."""

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from daemon.cli import EX_CONFIG
from outbox import harmless

_secrets: Mapping[str, str] = {}


def hide(secrets: Mapping[str, str]) -> None:
    """These are known from here on: no failure that is told in full has them."""
    global _secrets
    _secrets = secrets


class Failure(Exception):
    """Something went wrong that the text explains; the process ends with `code`."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


@contextmanager
def explain() -> Iterator[None]:
    """Turn expected failures into a sentence on standard error and an exit code."""
    try:
        yield
    except Failure as error:
        end(str(error), error.code)
    except BrokenPipeError:
        _say_no_more()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        _end_by_cause(error)


def _end_by_cause(error: Exception) -> NoReturn:
    from daemon.config import ConfigError
    from outbox.errors import KeyChanged, KeyMissing, OutboxError

    if isinstance(error, ConfigError | KeyMissing | KeyChanged):
        end(str(error), EX_CONFIG)
    if isinstance(error, OutboxError):
        end(str(error), 1)
    if isinstance(error, UnicodeEncodeError) and error.object in sys.argv:
        end(f"{error.object!a} is no text in {error.encoding}: is the terminal set to another encoding?", 2)
    if os.environ.get(TRACEBACK):
        end(_whole(error), 1)
    if isinstance(error, OSError):
        end(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    end(_of_ours(error), 1)


def deliver() -> None:
    """Let what was printed go. The interpreter does so when nobody can be told any more that there was no room for it. Raises Failure."""
    try:
        if sys.stdout is not None:  # it was closed before the command began
            sys.stdout.flush()
    except BrokenPipeError:
        _say_no_more()
    except OSError as error:
        _say_no_more()
        raise Failure(f"standard output can't be written: {error.strerror}") from error


def _say_no_more() -> None:
    """What is still to be written goes nowhere, so that the interpreter's own flush at exit is quiet."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


TRACEBACK = "TETHER_TRACEBACK"
"""Set in the environment, a failure that nobody foresaw is shown in full: for whoever mends it, and for the journal."""


def _whole(error: BaseException) -> str:
    """All of it but what no journal may have: its words may hold a secret, or anybody's address."""
    import traceback

    from daemon.runtime.logs import Redactor

    return Redactor(_secrets).text("".join(traceback.format_exception(error)))


def _of_ours(error: BaseException) -> str:
    """A failure that is a mistake of ours, in a sentence."""
    import traceback

    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    places = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(places[-1].filename).name}, line {places[-1].lineno}" if places else ""
    return (
        f"this should not have happened: {type(error).__name__}{where}. "
        f"With {TRACEBACK}=1 in front of the command all of it is shown, for a report"
    )


def speak_plainly() -> None:
    """From here on, whatever is printed reaches the terminal without control characters, however it got into the text, and what the
    terminal's own encoding lacks is written as its number."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper) and not isinstance(stream, harmless.Stream):
            plain = harmless.Stream(
                stream.buffer,
                encoding=stream.encoding,
                errors="backslashreplace" if stream.errors == "strict" else stream.errors,
                line_buffering=stream.line_buffering,
            )
            setattr(sys, name, plain)


def end(text: str, code: int) -> NoReturn:
    """End the process with that code, and say why."""
    for line in text.splitlines() or [""]:
        print(f"tether: {harmless.clean(line)}", file=sys.stderr)
    with suppress(Failure):
        deliver()
    sys.exit(code)
