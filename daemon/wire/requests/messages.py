"""What staff ask for at a message of the outbox."""

import msgspec

from daemon.wire.checks import Word
from daemon.wire.requests.act import Act, Reason, part


class Retry(msgspec.Struct, frozen=True, omit_defaults=True):
    channel: Word | None = None
    """Absent: from its first channel on."""


def retry(message_id: str, channel: str = "") -> Act:
    """Not repeatable: the first may have been taken, and have failed again meanwhile."""
    return Act(path=f"/v1/messages/{part(message_id)}/retry", body=Retry(channel or None), repeatable=False)


def cancel(message_id: str, reason: str = "") -> Act:
    return Act(path=f"/v1/messages/{part(message_id)}/cancel", body=Reason(reason))
