"""A source as those see it who look: what it lacks, when it was last asked, how far behind it is, and why."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from daemon.intake.base import Source
from daemon.intake.polling.poller import Poller, PollStatus

SourceState: TypeAlias = Literal["ready", "waiting", "failing", "misconfigured"]


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A source and how it goes."""

    name: str
    kind: str
    title: str
    missing: Sequence[str]
    poll: float | None
    state: SourceState
    last_asked: int | None = None
    last_success: int | None = None
    behind: float | None = None
    """Seconds ago up to which all that it told is on record; None: it is not asked, or was not yet."""
    problem: str = ""
    cursor: int | None = None
    swept_at: int | None = None
    mended: Sequence[str] = ()


def row_of(source: Source, poller: Poller | None, now: int) -> SourceRow:
    status = poller.status if poller else PollStatus()
    return SourceRow(
        name=source.name,
        kind=source.kind,
        title=source.title,
        missing=source.missing(),
        poll=None if poller is None else float(source.settings.poll or 0),
        state=_state(source, poller, status),
        last_asked=status.last_asked,
        last_success=status.last_success,
        behind=None if status.current is None else max(0.0, (now - status.current) / 1000),
        problem=status.problem or _misgiving(source.name, status),
        cursor=status.cursor,
        swept_at=status.swept_at,
        mended=status.mended,
    )


def _misgiving(name: str, status: PollStatus) -> str:
    """What a person should know though what is new is read."""
    if status.moved_from:
        return (
            f"it was {status.moved_from} before: another shop needs a table of another name, for what was told of an order's id is not told "
            f"again; if it is the same shop, say so by `tether sources sync {name}`: until then it is not compared with the record"
        )
    if status.uncompared:
        return f"what is new is read, but what was there before can't be compared with the record: {status.uncompared}"
    return ""


def _state(source: Source, poller: Poller | None, status: PollStatus) -> SourceState:
    if source.missing():
        return "misconfigured"
    if status.problem:
        return "failing"
    return "waiting" if poller is not None and status.last_success is None else "ready"
