"""`tether hq figures`: how messages fared, per store and week, as a table or CSV."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from daemon.cli.frame import JsonOption, as_json, table
from daemon.cli.hq_frame import HqConfigOption, hq, with_archive

if TYPE_CHECKING:
    from daemon.hq.config import HqSettings
    from daemon.hq.database import Connection

HEADS = {
    "week": (
        "week",
        "store",
        "messages",
        "told",
        "untold",
        "silenced",
        "half within",
        "9 of 10 within",
        "parts",
        "cost (est.)",
    ),
    "way": ("store", "way", "told", "parts", "cost (est.)"),
    "why": ("store", "state", "why", "messages"),
}


@hq.command(epilog="Example: tether hq figures --weeks 12 --csv figures.csv")
def figures(
    weeks: Annotated[int, typer.Option(min=1, max=104, help="So many, this one with them.")] = 4,
    by: Annotated[Literal["week", "way", "why"], typer.Option(help="Per week, by which way, or why not.")] = "week",
    store: Annotated[list[str] | None, typer.Option(help="Of that store only; may be repeated.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write CSV there; - for standard output.")] = None,
    config: HqConfigOption = None,
    json: JsonOption = False,
) -> None:
    """How messages to customers fared.

    Told within how long, by which way, why not, at what cost; per store. A message counts in the week in which it was made; what it cost is the store's own estimate ([sms] prices).
    """

    async def read(settings: "HqSettings", db: "Connection") -> Any:
        from daemon.hq import figures as found
        from outbox.clock import SystemClock

        now = datetime.fromtimestamp(SystemClock().now() / 1000, UTC)
        span = found.Span.last(weeks, now, settings.hq.timezone, store)
        return await {"week": found.weeks, "way": found.ways, "why": found.whys}[by](db, span)

    rows = with_archive(config, read)
    if csv is not None:
        _write(csv, by, rows)
    elif json:
        as_json(rows)
    else:
        table(HEADS[by], [_told(by, row) for row in rows], empty="no messages in these weeks")


def _told(by: str, row: Any) -> tuple[Any, ...]:
    if by == "week":
        times = (_spoken(row.half_within), _spoken(row.most_within))
        return (row.week, row.store, row.messages, row.told, row.untold, row.silenced, *times, row.parts, _money(row))
    if by == "way":
        return (row.store, row.channel, row.told, row.parts, _money(row))
    return (row.store, row.state, row.reason_code, row.messages)


def _spoken(seconds: float | None) -> str:
    from daemon.wire.durations import spoken

    return "" if seconds is None else spoken(seconds)


def _money(row: Any) -> str:
    return f"{row.cost:.2f} {row.currency}".strip()


def _write(path: Path, by: str, rows: list[Any]) -> None:
    import csv as sheet
    import io

    import msgspec

    from outbox import harmless

    made = io.StringIO()
    writer = sheet.writer(made)
    fields = {"week": "Week", "way": "Way", "why": "Why"}[by]
    from daemon.hq import figures as found

    names = [field.name for field in msgspec.structs.fields(getattr(found, fields))]
    writer.writerow(names)
    for row in rows:
        writer.writerow([harmless.cell(str("" if (value := getattr(row, name)) is None else value)) for name in names])
    if str(path) == "-":
        sys.stdout.write(made.getvalue())
    else:
        path.write_text(made.getvalue(), encoding="utf-8")
        print(f"{len(rows)} rows are written to {path}")
