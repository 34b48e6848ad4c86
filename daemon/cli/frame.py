"""What all verbs share: the Typer application, the options, how failures are told, how answers are printed."""

import io
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from typer.core import TyperGroup

from daemon.cli import VERBS, modules, release
from outbox import harmless

if TYPE_CHECKING:
    from daemon.config import Settings
    from daemon.wire.service import SmsToday, Uplink

T = TypeVar("T")

EX_CONFIG = 78


class Verbs(TyperGroup):
    """All verbs by name. A verb's module is imported when it is called; the list of them needs none."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb; for a word that is none all are imported, so that the one that was meant can be named."""
        for module in modules() if cmd_name not in VERBS else (VERBS[cmd_name].module,):
            import_module(f"daemon.cli.{module}")
        self.commands = typer.main.get_group(app).commands
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in VERBS.items()])


app = typer.Typer(
    name="tether",
    cls=Verbs,
    help="The box behind the counter: takes in order events and sees to it that customers and the team hear about them.",
    epilog="Start with `tether demo`, which needs nothing; `tether init` sets up a real store.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The store's tether.toml. Default: $TETHER_CONFIG, ./tether.toml, /etc/tether/tether.toml.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, for scripts.")]

_root_config: Path | None = None
_secrets: Mapping[str, str] = {}
"""Those of the configuration that was read."""


def _version(wanted: bool) -> None:
    if wanted:
        print(release())
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the release and exit.")
]


@app.callback()
def _root(config: ConfigOption = None, show_version: VersionOption = False) -> None:
    global _root_config
    _root_config = config


def hand_down(context: typer.Context, **options: object) -> None:
    """Options that stand before the verb of a group count for the verb, where it has them."""
    context.default_map = {context.invoked_subcommand or "": {name: value for name, value in options.items() if value}}


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
        _end(str(error), error.code)
    except typer.TyperException as error:
        _end_wrong_use(error)
    except typer.Abort:
        _end("stopped", 1)
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
        _end(str(error), EX_CONFIG)
    if isinstance(error, OutboxError):
        _end(str(error), 1)
    if isinstance(error, UnicodeEncodeError) and error.object in sys.argv:
        _end(f"{error.object!a} is no text in {error.encoding}: is the terminal set to another encoding?", 2)
    if os.environ.get(TRACEBACK):
        _end(_whole(error), 1)
    if isinstance(error, OSError):
        _end(f"{error.filename}: {error.strerror}" if error.filename else str(error), 1)
    _end(_of_ours(error), 1)


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


def _end_wrong_use(error: Any) -> NoReturn:
    """What is wrong with the words of the command, and how they would be right."""
    error.show()
    context = getattr(error, "ctx", None)
    is_help = error.message.startswith("Usage:")
    if context is not None and context.command.epilog and not is_help:
        print(f"\n{context.command.epilog}", file=sys.stderr)
    sys.exit(error.exit_code)


def _end(text: str, code: int) -> NoReturn:
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


def settle(work: Callable[[], Awaitable[T]]) -> T:
    """Run a verb's asynchronous part. Raises KeyboardInterrupt on Ctrl-C, however the loop waits: asyncio's own way is missed by a loop that
    is about to wait just then."""
    import asyncio
    import signal

    async def whole() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)
        return await work()

    try:
        return asyncio.run(whole())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def as_json(value: Any) -> None:
    """Print a value as indented JSON: in ASCII where the output is not UTF-8."""
    import msgspec

    form = msgspec.json.format(msgspec.json.encode(value), indent=2)
    text = harmless.json_escaped(form).decode()
    if not text.isascii() and (getattr(sys.stdout, "encoding", None) or "utf-8").lower() != "utf-8":
        import json

        text = json.dumps(json.loads(form), indent=2)
    print(text)


def tell(answer: Any, words: str, *, json: bool) -> None:
    """Print what became of an act: the service's answer for a script, a sentence for people."""
    if json:
        as_json(answer)
    else:
        print(words)


def counted(number: int, one: str, more: str = "") -> str:
    """`1 order`, `2 orders`, `0 replies`."""
    return f"{number} {one if number == 1 else more or one + 's'}"


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Print rows in aligned columns, or the sentence for none."""
    if not rows:
        print(empty)
        return
    cells = [[str(heading) for heading in headings], *[[_cell(value) for value in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def read(answer: Any, kind: type[T]) -> T:
    """An answer as the struct that both ends of the wire share. What a service of another release leaves out has its default."""
    import msgspec

    from daemon.wire.values import read_value

    try:
        return msgspec.convert(answer, kind, dec_hook=read_value)
    except msgspec.ValidationError as error:
        raise Failure(f"the service is of another release, and answers what this one can't read: {error}") from error


def when(moment: int | None, settings: "Settings") -> str:
    """A moment (ms) as the store's clocks show it: "2026-11-24 15:02:17"; "-" for none."""
    if not moment:
        return "-"
    return f"{datetime.fromtimestamp(moment / 1000, settings.store.zone):%Y-%m-%d %H:%M:%S}"


def how_the_line_is(uplink: "Uplink", settings: "Settings") -> str:
    by_hand = " (set by hand: `tether uplink auto` takes that back)" if uplink.forced else ""
    return f"{uplink.state} since {when(uplink.since, settings)}{by_hand}"


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else " ".join(str(value).split())


def texts_today(sms: "SmsToday", currency: str) -> str:
    """What text messages have cost today of what they may."""
    spent = f"{sms.parts_today} of {sms.daily_parts} parts, about {sms.cost_today} of {sms.daily_cost} {currency} today"
    held = f"; new numbers held: {', '.join(sms.held_blocks)}" if sms.held_blocks else ""
    return f"{spent}; to {', '.join(sms.countries)} only{held}"
