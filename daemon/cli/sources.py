"""`tether sources` and `tether replay`: where events come from, what a body would become, and planning events again."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemon.cli.frame import ConfigOption, Failure, JsonOption, app, as_json, read, settings_of, settle, table, when
from daemon.cli.service import done, got, listed, segment, service

if TYPE_CHECKING:
    from daemon.config import Settings
    from daemon.wire.sources import Kept, Source, Tried

HEADINGS = ("source", "kind", "state", "asked", "last asked", "behind", "webhooks to", "trouble")
NONE = "no sources: give tether.toml a [sources.NAME] table (docs/sources.md)"

group = typer.Typer(no_args_is_help=True, help="Where events come from, and how it goes.")
app.add_typer(group, name="sources", epilog="Example: tether sources list")

NameArgument = Annotated[str, typer.Argument(help="The source's name, as its table [sources.NAME] has it.")]


@group.command("list", epilog="Example: tether sources list")
def list_(config: ConfigOption = None, json: JsonOption = False) -> None:
    """All sources, and how they are. Where their webhooks go, how often they are asked, and how that goes."""
    answer = got(settings_of(config), "/v1/sources")
    if json:
        as_json(answer)
        return
    settings = settings_of(config)
    from daemon.wire.sources import Sources

    rows = read(answer, Sources).items
    table(HEADINGS, [_row(row, settings) for row in rows], empty=NONE)
    for row in rows:
        if row.mended:
            print(f"{row.name}: the comparison of {when(row.swept_at, settings)} mended {', '.join(row.mended)}")


def _row(row: "Source", settings: "Settings") -> tuple[str, ...]:
    return (
        row.name,
        row.title,
        row.state,
        _every(row.poll),
        when(row.last_asked, settings),
        _behind(row.behind),
        row.hook,
        _trouble(row),
    )


def _behind(seconds: float | None) -> str:
    from daemon.wire.durations import spoken

    return "" if seconds is None else spoken(seconds)


@group.command(epilog="Example: tether sources sync webshop --since 3d")
def sync(
    name: NameArgument,
    since: Annotated[str | None, typer.Option(help='From when on ("3d", "2026-11-24T09:00:00Z").')] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Ask a source now, and from when on again. What is on record already is not told again."""
    wish = {} if since is None else {"since": moment_of(since)}
    from daemon.wire.requests import keeping
    from daemon.wire.sources import Source

    answer = done(settings_of(config), keeping.sync(name, wish))
    row = read(answer, Source)
    if json:
        as_json(answer)
    else:
        table(HEADINGS, [_row(row, settings_of(config))], empty=NONE)
    if row.state != "ready":
        raise Failure(_trouble(row) or f"{name} has not answered yet: look at `tether sources list` in a while")


def _every(seconds: float | None) -> str:
    return "" if seconds is None else f"every {seconds:g} s"


def _trouble(row: "Source") -> str:
    missing = f"{', '.join(row.missing)} missing in .env" if row.missing else ""
    return "; ".join(part for part in (missing, row.problem) if part)


@group.command("try", epilog="Example: tether sources try webshop order.json")
def try_(
    name: NameArgument,
    file: Annotated[Path, typer.Argument(help="A body as the source posts it.")],
    content_type: Annotated[str, typer.Option(help="What its sender calls it.")] = "application/json",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """What a body would become and what it would send. Nothing is taken, nothing sent, and no signature is asked for."""
    try:
        body = file.read_bytes()
    except OSError as error:
        raise Failure(f"{file}: {error.strerror}") from error
    settings = settings_of(config)

    async def ask() -> Any:
        async with service(settings) as client:
            return await client.call("POST", f"/v1/sources/{segment(name)}/try", body=body, content_type=content_type)

    answer = settle(ask)
    from daemon.wire.sources import Tried

    found = read(answer, Tried)
    if json:
        as_json(answer)
    else:
        _show_tried(found)
    if found.unread:
        raise Failure("; ".join(found.unread))


def _show_tried(answer: "Tried") -> None:
    for record in answer.fetch:
        print(f"it names the record {record}, which would be fetched")
    if not answer.events:
        print(f"nothing would come of it: {answer.note or 'it holds nothing new'}")
    for tried in answer.events:
        event = tried.event
        print(
            f"{event['type']}  order {event['order']['ref']}  {'(was taken before) ' if tried.known else ''}{event['id']}"
        )
        for odd in event.get("unread", ()):
            print(f"  left out: {odd}")
        if not tried.messages:
            print(f"  nobody would be told{': its order was never placed' if event.get('history') else ''}")
        for message in tried.messages:
            warnings = "; ".join(warned.detail or warned.code for warned in message.warnings)
            print(
                f"  to {message.audience} {message.to} by {message.channel or '-'}{f'  ({warnings})' if warnings else ''}"
            )
            for line in (message.subject or "", *message.text.splitlines()):
                if line:
                    print(f"    {line}")


@group.command(epilog="Example: tether sources quarantine --replay 12")
def quarantine(
    id: Annotated[str | None, typer.Argument(help="One of them, with its body.")] = None,
    source: Annotated[str | None, typer.Option(help="Only this source's.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Those that were read again or dropped, too.")] = False,
    replay: Annotated[str | None, typer.Option(help="Read this one again; `all`: all that wait.")] = None,
    drop: Annotated[str | None, typer.Option(help="Say that this one means nothing.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """What sources told and could not be understood. It is kept, to be read again once the mapping is mended."""
    if drop is not None:
        from daemon.wire.requests import keeping

        done(settings_of(config), keeping.drop_kept(drop))
        print(f"{drop} is dropped")
    elif replay is not None:
        _read_again(config, replay, source)
    elif id is not None:
        _show_kept(got(settings_of(config), f"/v1/quarantine/{segment(id)}"), json=json)
    else:
        _list_kept(config, source, all=all, json=json)


def _read_again(config: Path | None, which: str, source: str | None) -> None:
    from daemon.wire.requests import keeping
    from daemon.wire.sources import Reread

    ids = [row.id for row in reversed(_waiting(config, source))] if which == "all" else [which]
    left = 0
    for id in ids:
        try:
            answer = read(done(settings_of(config), keeping.read_again(id)), Reread)
        except Failure as refusal:
            if which != "all":
                raise
            answer = Reread(id, closed=False, reason=str(refusal))
        left += not answer.closed
        print(f"{id}: {'understood' if answer.closed else answer.reason}")
    if left:
        raise Failure(f"{left} could still not be understood")


def _waiting(config: Path | None, source: str | None) -> list["Kept"]:
    from daemon.wire.sources import Kept

    return read(listed(settings_of(config), "/v1/quarantine", most=1000, source=source, state="waiting"), list[Kept])


def _list_kept(config: Path | None, source: str | None, *, all: bool, json: bool) -> None:
    rows = listed(settings_of(config), "/v1/quarantine", most=1000, source=source, state=None if all else "waiting")
    if json:
        as_json(rows)
        return
    from daemon.wire.sources import Kept
    from daemon.wire.values import rfc3339

    cells = [
        (row.id, row.source, rfc3339(row.at), row.state, row.times, row.size, row.reason)
        for row in read(rows, list[Kept])
    ]
    table(("id", "source", "at", "state", "times", "bytes", "why"), cells, empty="nothing is kept: all was understood")


def _show_kept(answer: Any, *, json: bool) -> None:
    if json:
        as_json(answer)
        return
    from daemon.wire.sources import KeptDetail
    from daemon.wire.values import rfc3339

    kept = read(answer, KeptDetail)
    print(f"{kept.id}  {kept.source}  {rfc3339(kept.at)}  {kept.state}  came {kept.times} time(s)\n{kept.reason}\n")
    for name, value in kept.headers.items():
        print(f"{name}: {value}")
    print(f"\n{kept.body}")


@app.command(epilog="Example: tether replay --since 2h --dry-run")
def replay(
    since: Annotated[str, typer.Option(help='How far back ("2h", "3d"), or from when on ("2026-11-24T09:00:00Z").')],
    source: Annotated[str | None, typer.Option(help="Only what this source told.")] = None,
    order: Annotated[str | None, typer.Option(help="Only this order.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be sent.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Plan events again under today's routes. What was planned before is left alone: nothing is sent twice."""
    wish = {"since": moment_of(since), "dry_run": dry_run, "source": source, "order": order}
    from daemon.wire.requests import keeping

    answer = done(settings_of(config), keeping.replay({key: value for key, value in wish.items() if value is not None}))
    if json:
        as_json(answer)
        return
    from daemon.wire.sources import Replayed

    replayed = read(answer, Replayed)
    rows = [
        (
            event.order_ref,
            event.type,
            message.audience,
            message.to,
            ", ".join(message.via),
            message.state,
        )
        for event in replayed.items
        for message in event.messages
    ]
    table(("order", "event", "who", "to", "via", "state"), rows, empty="nothing new would be sent")
    what = "would be sent" if dry_run else "are planned"
    print(f"{replayed.looked_at} events looked at; {len(rows)} messages {what}")


def moment_of(since: str) -> str:
    """A duration back from now, or a moment, as RFC 3339. Raises Failure."""
    from daemon.config import Duration
    from outbox.clock import SystemClock

    if re.match(r"\d{4}-\d\d-\d\d", since):
        return since if "T" in since else f"{since}T00:00:00Z"
    try:
        seconds = Duration.parse(since)
    except ValueError as error:
        raise Failure(f"--since: {error}") from error
    try:
        return datetime.fromtimestamp(SystemClock().now() / 1000 - seconds, UTC).isoformat()
    except (ValueError, OverflowError) as error:
        raise Failure(f"--since: {since!r} is before the calendar begins") from error
