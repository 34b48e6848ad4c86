"""An order's story as staff want to read it: a message that simply went out is one line, not three. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from tui.wire import Moment

WELL = frozenset({"", "sent", "delivered", "read"})
"""Receipts that say nothing that the message's own state does not."""
ECHO = "event.accepted"
"""The record's entry of an event of staff's own, which stands in the story already."""
UNDONE = "undone"
"""The code of what an undo stopped: the step that is taken back says it once."""


def condense(timeline: Sequence[Moment]) -> list[Moment]:
    """Leave out what repeats: the one attempt of a message that was taken at once, its receipts, the record of staff's own events.
    The text that was sent moves to the message."""
    smooth = _smooth(timeline)
    kept: list[Moment] = []
    for moment in timeline:
        attempt = smooth.get(moment.message_id)
        if moment.kind == "message" and attempt is not None:
            kept.append(msgspec.structs.replace(moment, text=attempt.text or moment.text, to=attempt.to or moment.to))
        elif moment.kind in {"attempt", "receipt"} and attempt is not None:
            continue
        elif moment.kind != "override" or (moment.type != ECHO and moment.reason_code != UNDONE):
            kept.append(moment)
    return kept


def _smooth(timeline: Sequence[Moment]) -> Mapping[str, Moment]:
    """By message: the only attempt, where it was taken and nothing bad came back."""
    attempts: dict[str, list[Moment]] = defaultdict(list)
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
