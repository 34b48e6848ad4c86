"""How the modem stands: what a channel's `detail` and the status' `modem` say of one."""

from daemon.wire.values import Answer, Word


class Identity(Answer, frozen=True):
    """Who the modem says it is."""

    manufacturer: str = ""
    model: str = ""


class Storage(Answer, frozen=True):
    """Places for messages in its memory."""

    used: int = 0
    total: int = 0


class Modem(Answer, frozen=True, kw_only=True):
    """Times are ms of the wall clock."""

    state: Word = ""
    """Of its channel; `stage` is where the modem itself is in its life."""
    stage: Word = ""
    reason: str = ""
    remedy: str = ""
    device: str = ""
    identity: Identity = Identity()
    sim: str = ""
    operator: str = ""
    network: str = ""
    registration: str = ""
    signal_dbm: int | None = None
    bars: int | None = None
    """0 to 4, as a telephone shows it."""
    storage: Storage | None = None
    credit: str = ""
    credit_at: int | None = None
    trouble: str = ""
    trouble_at: int | None = None
    resets: int = 0
    sent: int = 0
    heard: int = 0
    ignored: int = 0
