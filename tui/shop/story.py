"""An order's story as staff want to read it: a message that simply went out is one line, not three; what systems and apps
were told is one line for all. Pure."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from daemon.wire.orders import Entry

WELL = frozenset({"", "sent", "delivered", "read"})
"""Receipts that say nothing that the message's own state does not."""
TROUBLED = frozenset({"failed", "expired", "unknown"})
"""States of a message that somebody may want to look at."""
ECHO = "event.accepted"
"""The record's entry of an event of staff's own, which stands in the story already."""
UNDONE = "undone"
"""The code of what an undo stopped: the step that is taken back says it once."""


class Folded(msgspec.Struct, frozen=True):
    """What customer systems and apps were told, in one line that opens."""

    messages: int
    troubled: int
    is_open: bool = False


Row = Entry | Folded


def fold(
    moments: Sequence[Entry], is_backstage: Callable[[str], bool], *, keep: Collection[str] = (), opened: bool = False
) -> list[Row]:
    """Put what went to systems and apps behind one line at the end; the messages `keep` stay in their place."""
    by_message = {each.message_id for each in moments if each.kind == "message" and is_backstage(each.channel)} - set(
        keep
    )
    behind = [each for each in moments if each.message_id and each.message_id in by_message]
    if not behind:
        return list(moments)
    troubled = {each.message_id for each in behind if each.kind == "message" and each.state in TROUBLED}
    front = [each for each in moments if each.message_id not in by_message]
    return [*front, Folded(len(by_message), len(troubled), opened), *(behind if opened else ())]


def condense(timeline: Sequence[Entry]) -> list[Entry]:
    """Leave out what repeats: the one attempt of a message that was taken at once, its receipts, the record of staff's own events.
    The text that was sent moves to the message."""
    smooth = _smooth(timeline)
    kept: list[Entry] = []
    for moment in timeline:
        attempt = smooth.get(moment.message_id)
        if moment.kind == "message" and attempt is not None:
            kept.append(msgspec.structs.replace(moment, text=attempt.text or moment.text, to=attempt.to or moment.to))
        elif moment.kind in {"attempt", "receipt"} and attempt is not None:
            continue
        elif moment.kind != "override" or (moment.type != ECHO and moment.reason_code != UNDONE):
            kept.append(moment)
    return kept


def _smooth(timeline: Sequence[Entry]) -> Mapping[str, Entry]:
    """By message: the only attempt, where it was taken and nothing bad came back."""
    attempts: dict[str, list[Entry]] = defaultdict(list)
    rough: set[str] = set()
    for moment in timeline:
        if moment.kind == "attempt":
            attempts[moment.message_id].append(moment)
        elif moment.kind == "receipt" and moment.receipt not in WELL:
            rough.add(moment.message_id)
    return {
        key: tries[0]
        for key, tries in attempts.items()
        if key not in rough and len(tries) == 1 and tries[0].outcome == "accepted"
    }
