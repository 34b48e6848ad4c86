"""How the modem stands, as one frozen value: what the channel list, `tether modem info` and the metrics show."""

from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from daemon.modem.answers import Room, bars
from outbox.clock import Clock

HOME, ROAMING = (1, 6), (5, 7)
"""Registration states that carry SMS; 6 and 7 are LTE's "SMS only" (3GPP TS 27.007, 7.2)."""

WEAK_DBM = -107
"""Weaker than this, texts go slowly and not always."""

_REGISTRATION = {
    0: "not searching",
    1: "home",
    2: "searching",
    3: "denied",
    4: "unknown",
    5: "roaming",
    6: "home, SMS only",
    7: "roaming, SMS only",
    8: "emergency calls only",
}


class Stage(StrEnum):
    """Where the modem is in its life."""

    STOPPED = "stopped"
    ABSENT = "absent"  # no such device, or it can't be opened
    STARTING = "starting"
    NEEDS_PERSON = "needs_person"  # no SIM, PIN, PUK: `trouble` and `remedy` say which
    SEARCHING = "searching"  # no network yet, or no longer
    READY = "ready"
    RECOVERING = "recovering"  # it hung
    GIVEN_UP = "given_up"  # every step of recovery failed; it is tried again each five minutes


@dataclass(frozen=True)
class Identity:
    """Who the modem says it is."""

    manufacturer: str = ""
    model: str = ""
    revision: str = ""
    imei: str = ""
    """Hardware's own number: in no log."""
    family: str = ""

    def is_another(self, than: "Identity") -> bool:
        """By what both say: one that has just started may leave out some of it, and a bit of its name may be flipped."""
        if self.imei and than.imei:
            return self.imei != than.imei
        named = ((self.manufacturer, than.manufacturer), (self.model, than.model))
        return any(one and other and one != other for one, other in named)

    def after(self, before: "Identity") -> "Identity":
        """With what the same modem said before and left out now."""
        if self.is_another(before):
            return self
        return replace(
            self,
            manufacturer=self.manufacturer or before.manufacturer,
            model=self.model or before.model,
            imei=self.imei or before.imei,
        )


@dataclass(frozen=True)
class Status:
    """A snapshot. Times are ms of the wall clock, for people to read."""

    stage: Stage = Stage.STOPPED
    since: int = 0
    device: str = ""
    identity: Identity = Identity()
    sim: str = ""
    """`ready`, or what it wants: "SIM PIN", "SIM PUK", "no SIM"."""
    registration: int | None = None
    operator: str = ""
    network: str = ""
    """ "4G" where it is registered by that: not every operator carries SMS over it."""
    signal_dbm: int | None = None
    storage: Room | None = None
    credit: str = ""
    """The operator's own words, from the configured USSD code."""
    credit_at: int | None = None
    trouble: str = ""
    """The last thing that went wrong, kept after it passed."""
    trouble_at: int | None = None
    code: str = ""
    remedy: str = ""
    """What a person can do about it; "" once the modem stands at another stage."""
    resets: int = 0
    """Steps of recovery taken since the service began."""
    sent: int = 0
    """SMS (parts) that the network took since the service began."""
    heard: int = 0
    """Messages and reports that came in since the service began."""
    ignored: int = 0
    """What came in and was no message for people: binary, silent, unreadable."""

    @property
    def bars(self) -> int:
        return bars(self.signal_dbm)

    @property
    def registered(self) -> bool:
        return self.registration in (*HOME, *ROAMING)

    @property
    def registration_text(self) -> str:
        return "" if self.registration is None else _REGISTRATION.get(self.registration, str(self.registration))

    @property
    def reason(self) -> str:
        """Why nothing goes, as a sentence; "" while it does."""
        if self.stage is Stage.READY:
            return ""
        if self.stage is Stage.SEARCHING:
            return f"no network ({self.registration_text or 'not asked yet'})"
        if self.stage in (Stage.STOPPED, Stage.STARTING):
            return f"the modem is {'not running' if self.stage is Stage.STOPPED else 'starting'}"
        return self.trouble

    def as_json(self) -> dict[str, Any]:
        """For the API and `--json`: plain values, the IMEI cut to its end."""
        plain = asdict(self) | {"bars": self.bars, "registration": self.registration_text, "reason": self.reason}
        plain["identity"]["imei"] = f"…{self.identity.imei[-4:]}" if self.identity.imei else ""
        return plain


class CurrentStatus:
    """Holds the current status; its one writer is the driver's task."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moved_at = clock.monotonic()
        self.status = Status()

    @property
    def stage_seconds(self) -> float:
        """How long it has stood at its stage, whatever was done to the wall clock."""
        return self._clock.monotonic() - self._moved_at

    def set(self, **changes: Any) -> None:
        self.status = replace(self.status, **changes)

    def stage(self, stage: Stage) -> bool:
        """Move to that stage; False when it stood there already. What could be done about a trouble before helps nothing there."""
        if self.status.stage is stage:
            return False
        self._moved_at = self._clock.monotonic()
        self.set(stage=stage, since=self._clock.now(), remedy="")
        return True

    def trouble(self, text: str, now: int, *, code: str = "", remedy: str = "") -> None:
        self.set(trouble=text, trouble_at=now, code=code, remedy=remedy)
