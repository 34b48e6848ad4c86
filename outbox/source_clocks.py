"""Whose clock runs ahead: what a source says happened later than we heard of it can't be so."""

from collections.abc import Mapping

from outbox.model import Posted
from outbox.orders import to_ms

AHEAD_MS = 120_000
"""Less than this is nobody's trouble."""
MOST = 100


class SourceClocks:
    """By source, how far (ms) its clock was ahead of ours when it last told the time of something that had just happened.

    Known of what came since the start: a source that is off says so again with its next event.
    """

    def __init__(self) -> None:
        self._ahead: dict[str, int] = {}

    def heard(self, posted: Posted) -> None:
        """It may have waited on its way here: what happened long ago says nothing of the clock."""
        moment = posted.event.occurred_at
        if moment is None:
            return
        ahead = to_ms(moment) - posted.received_at
        if ahead > AHEAD_MS:
            if posted.source in self._ahead or len(self._ahead) < MOST:
                self._ahead[posted.source] = ahead
        elif ahead > -AHEAD_MS:
            self._ahead.pop(posted.source, None)

    def forget(self) -> None:
        """Our own clock was set: what was compared with it before means nothing."""
        self._ahead.clear()

    def ahead(self) -> Mapping[str, int]:
        return dict(self._ahead)
