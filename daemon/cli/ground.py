"""What every command stands on, the service's own start too: its configuration, and how failures are told. It loads no command line."""

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from daemon.cli import EX_CONFIG
from outbox import harmless

if TYPE_CHECKING:
    from daemon.config import Settings

T = TypeVar("T")

_root_config: Path | None = None
_secrets: Mapping[str, str] = {}
"""Those of the configuration that was read."""


def begin_with(config: Path | None) -> None:
    """The configuration that was named before the verb: it counts where the verb names none."""
    global _root_config
    _root_config = config


class Failure(Exception):
    """Something went wrong that the text explains; the process ends with `code`."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


INSTALLED_DATABASE = "/var/lib/tether/tether.db"


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


def named(config: Path | None) -> Path | None:
    """The configuration that the options or the environment name, whether it is there or not."""
    return config or _root_config or (Path(os.environ["TETHER_CONFIG"]) if os.environ.get("TETHER_CONFIG") else None)


def settings_of(config: Path | None) -> "Settings":
    """Read the configuration that the options and the environment name. Raises ConfigError.

    Who may not read the machine's own (a login of the counter's) still finds the service where it is usually installed."""
    from daemon.config import SEARCH, ConfigError, Data, Settings, find, load

    global _secrets
    try:
        settings = load(find(config or _root_config, os.environ))
        _secrets = settings.secrets
        return settings
    except PermissionError as error:
        if str(error.filename) != str(SEARCH[1]) or config or _root_config or os.environ.get("TETHER_CONFIG"):
            raise ConfigError(
                f"{error.filename}: this user may not read it; put sudo in front, or ask its owner"
            ) from error
        return _at_the_counter(Settings(data=Data(path=Path(INSTALLED_DATABASE))))


NOT_FOR_THIS_USER = "/etc/tether/tether.toml is for root and the service to read"


def is_unread(settings: "Settings") -> bool:
    """Whether it is the machine's own that this user may not read: all of it but the store is at its default, whatever the file says."""
    return settings.file is None and settings.database == Path(INSTALLED_DATABASE)


def need_the_file(settings: "Settings", command: str) -> None:
    """For a command that goes by the configuration itself. Raises Failure where this user may not read it."""
    if is_unread(settings):
        raise Failure(f"{NOT_FOR_THIS_USER}: sudo tether {command}")


def _at_the_counter(settings: "Settings") -> "Settings":
    """With the store as its service tells of it: times are shown on the store's clocks. A service that tells nothing says why when it is
    asked for what the command wants."""
    import msgspec

    from daemon.cli.service import got
    from daemon.wire.service import Glance

    try:
        told = read(got(settings, "/v1/status", only="it knows the store's time zone"), Glance).store
    except Failure:
        return settings
    own = {
        name: value for name in ("name", "country", "timezone", "locale", "currency") if (value := getattr(told, name))
    }
    return msgspec.structs.replace(settings, store=msgspec.structs.replace(settings.store, **own))


def read(answer: Any, kind: type[T]) -> T:
    """An answer as the struct that both ends of the wire share. What a service of another release leaves out has its default."""
    import msgspec

    from daemon.wire.values import read_value

    try:
        return msgspec.convert(answer, kind, dec_hook=read_value)
    except msgspec.ValidationError as error:
        raise Failure(f"the service is of another release, and answers what this one can't read: {error}") from error
