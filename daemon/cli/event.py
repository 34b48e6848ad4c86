"""`tether event`: post an event by hand or from a file."""

import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, read, settings_of, settle
from daemon.cli.service import service

if TYPE_CHECKING:
    from daemon.wire.events import BatchItem


@app.command(epilog="Example: tether event order.ready --order B-1042 --name Ada --phone '07700 900123'")
def event(
    type: Annotated[str | None, typer.Argument(help="The event's type, such as order.ready.")] = None,
    order: Annotated[str | None, typer.Option(help="The order's number.")] = None,
    id: Annotated[
        str | None, typer.Option(help="The event's own id; the same id is taken once. Default: a new one.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The customer's name.")] = None,
    phone: Annotated[str | None, typer.Option(help="The customer's phone number.")] = None,
    email: Annotated[str | None, typer.Option(help="The customer's e-mail address.")] = None,
    locale: Annotated[str | None, typer.Option(help="The customer's language, such as de or en-GB.")] = None,
    total: Annotated[str | None, typer.Option(help="The order's total, such as 48.50.")] = None,
    promised: Annotated[
        str | None, typer.Option(help="When it is promised, such as 2026-11-24T12:00:00+00:00.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="A JSON file with the event, or an array; - reads standard input."),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Take in an event, as a till would post it."""
    from daemon.intake.own_sources import COMMAND_LINE

    if file is not None:
        body: Any = sys.stdin.buffer.read() if str(file) == "-" else _read(file)
    elif type and order:
        customer = _given(name=name, phone=phone, email=email, locale=locale)
        body = {
            "id": id or f"cli-{uuid.uuid4()}",
            "type": type,
            "order": _given(ref=order, total=total, promised_at=promised),
        } | ({"customer": customer} if customer else {})
    else:
        raise typer.BadParameter("give a type and --order, or --file; see `tether event --help`")
    settings = settings_of(config)

    async def post() -> Any:
        async with service(settings) as client:
            return await client.post("/v1/events", body, source=COMMAND_LINE)

    answer = settle(post)
    items = _items(answer)
    if json:
        as_json(answer)
    else:
        for item in items:
            _tell(item, is_alone=len(items) == 1)
        _tell_unsent(answer)
        if type and not items[0].warnings:
            _doubt(type)
    if any(item.problem for item in items):
        raise Failure("not all events were taken: correct them and post the file again, which takes no event twice")


def _doubt(type: str) -> None:
    """A type of the store's own is as good as ours; one that nearly is ours was probably meant to be."""
    from daemon.wire.event_types import nearly_event_type

    near = nearly_event_type(type)
    if near is not None:
        print(
            f"tether: {type!r} is no usual type and leads to what your own routes say; {near!r} is one",
            file=sys.stderr,
        )


def _items(answer: dict[str, Any]) -> Sequence["BatchItem"]:
    """What became of each event; of one alone, as if it were an array's."""
    from daemon.wire.events import Accepted, BatchAnswer, BatchItem

    if "items" in answer:
        return read(answer, BatchAnswer).items
    taken = read(answer, Accepted)
    return [BatchItem(0, 200 if taken.duplicate else 202, taken.event_id, taken.duplicate, None, tuple(taken.warnings))]


def _tell(item: "BatchItem", *, is_alone: bool) -> None:
    for warning in item.warnings:
        print(f"{'tether' if is_alone else f'item {item.index}'}: {warning}", file=sys.stderr)
    if item.problem:
        print(f"item {item.index}: {item.problem.detail}", file=sys.stderr)
    else:
        print(f"{'had been taken before' if item.duplicate else 'taken'}: {item.event_id}")


def _tell_unsent(answer: dict[str, Any]) -> None:
    """Of one event: who hears nothing of it, and why."""
    from daemon.cli.send import NOT_UNDER_WAY
    from daemon.wire.events import Accepted

    for message in read(answer, Accepted).messages if "items" not in answer else ():
        if message.state in NOT_UNDER_WAY and message.reason:
            print(f"tether: nothing goes to {message.audience}: {message.reason}", file=sys.stderr)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from error


def _given(**values: str | None) -> dict[str, str]:
    return {key: value for key, value in values.items() if value is not None}
