"""What the rest of the service may ask of the link: how it stands, in words that say what to do. Plain values; imports no NATS."""

from typing import Literal

import msgspec

LinkState = Literal["connected", "connecting", "away", "refused", "waiting"]
"""away: HQ can't be reached, which nobody at the store need mind. refused: somebody must act. waiting: for the clock."""


class FleetStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Times in ms, None for never."""

    store: str
    state: LinkState = "connecting"
    since: int = 0
    reason: str = ""
    server: str = ""
    epoch: str = ""
    seq: int = 0
    """The newest entry of the record."""
    archived: int = 0
    """Up to which HQ has it."""
    behind: int = 0
    behind_since: int | None = None
    """When the oldest entry was made that HQ does not have."""
    acknowledged: int = 0
    last_heard: int | None = None
    """When HQ's own word last came."""
    consent_at: int | None = None
    """When the fleet's opt-outs were last asked for."""
    from_elsewhere: int = 0
    """How many opt-outs hold here that another store told of."""
    untold: int = 0
    """Words on consent that the fleet does not know yet."""
    refused_optins: int = 0
    bundle: str = ""
    """What headquarters published and is in force here."""
    bundle_problem: str = ""
    """Why something newer is not."""
    kids: tuple[str, ...] = ()
    bytes_out: int = 0
    errors: int = 0
