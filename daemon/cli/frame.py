"""What all verbs share: the Typer application, the options, how failures are told, how answers are printed."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from daemon.cli import EX_CONFIG, VERBS, failure, modules, release
from daemon.cli.failure import TRACEBACK, Failure, deliver, end, speak_plainly
from daemon.cli.service import read, settle
from daemon.cli.settings import NOT_FOR_THIS_USER, begin_with, is_unread, named, need_the_file, settings_of
from outbox import harmless

if TYPE_CHECKING:
    from daemon.config import Settings
    from daemon.wire.service import SmsToday, Uplink


__all__ = [
    "EX_CONFIG",
    "NOT_FOR_THIS_USER",
    "TRACEBACK",
    "ConfigOption",
    "Failure",
    "JsonOption",
    "app",
    "as_json",
    "counted",
    "deliver",
    "explain",
    "hand_down",
    "how_the_line_is",
    "is_unread",
    "named",
    "need_the_file",
    "read",
    "settings_of",
    "settle",
    "speak_plainly",
    "table",
    "tell",
    "texts_today",
    "when",
]


class Verbs(TyperGroup):
    """All verbs by name. A verb's module is imported when it is called; the list of them needs none."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb; for a word that is none all are imported, so that the one that was meant can be named."""
        for module in modules() if cmd_name not in VERBS else (VERBS[cmd_name].module,):
            import_module(f"daemon.cli.{module}")
        self.commands = typer.main.get_group(app).commands
        for command in self.commands.values():
            _keep_examples_whole(command)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in VERBS.items()])


_AS_IT_IS = "\b\n"
"""Before a paragraph of a help page: its lines are not broken."""


def _keep_examples_whole(command: Any) -> None:
    """Have each verb's help show its example on one line, however long: it is there to be copied into a shell."""
    if command.epilog:
        command.epilog = _AS_IT_IS + command.epilog
    for below in getattr(command, "commands", {}).values():
        _keep_examples_whole(below)


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


def _version(wanted: bool) -> None:
    if wanted:
        print(release())
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the release and exit.")
]


@app.callback()
def _root(config: ConfigOption = None, show_version: VersionOption = False) -> None:
    begin_with(config)


def hand_down(context: typer.Context, **options: object) -> None:
    """Options that stand before the verb of a group count for the verb, where it has them."""
    context.default_map = {context.invoked_subcommand or "": {name: value for name, value in options.items() if value}}


@contextmanager
def explain() -> Iterator[None]:
    """Turn expected failures into a sentence on standard error and an exit code, wrong use of the command line too."""
    with failure.explain():
        try:
            yield
        except typer.TyperException as error:
            _end_wrong_use(error)
        except typer.Abort:
            end("stopped", 1)


def _end_wrong_use(error: Any) -> NoReturn:
    """What is wrong with the words of the command, and how they would be right."""
    error.show()
    context = getattr(error, "ctx", None)
    is_help = error.message.startswith("Usage:")
    if context is not None and context.command.epilog and not is_help:
        print(f"\n{context.command.epilog.removeprefix(_AS_IT_IS)}", file=sys.stderr)
    sys.exit(error.exit_code)


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
