"""Trouble on order: what a provider, its network or a hotel's Wi-Fi may do to a request."""

from collections.abc import Sequence
from random import Random
from typing import Any, Literal, TypeAlias

import msgspec

Kind: TypeAlias = Literal[
    "latency", "error", "throttle", "drop_before", "drop_after", "garbage", "captive_portal", "timeout"
]

_ARRIVES = frozenset({"latency", "drop_after", "garbage"})


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One kind of trouble for one provider ("*": all), until its count or its time is used up."""

    kind: Kind
    provider: str = "*"
    status: int = 500
    """For `error`: the HTTP status, in the vendor's own error body."""
    code: str = ""
    """For `error`: the vendor's code."""
    seconds: float | None = None
    """latency: how long it takes (1); throttle: Retry-After (1); timeout: how long it stays silent (600)."""
    count: int | None = None
    """After so many requests it is over; None: no such end."""
    for_seconds: float | None = None
    """After so long it is over; None: no such end."""
    probability: float = 1.0
    arrives: bool | None = None
    """Whether the message is taken all the same. None: as its kind suggests (after latency, before a drop_after, behind
    garbage); `error` with true is the provider that answers 504 and sends anyway."""

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError("probability is from 0 to 1")
        if not 200 <= self.status <= 599:
            raise ValueError("status is from 200 to 599")
        if any(value is not None and value < 0 for value in (self.seconds, self.count, self.for_seconds)):
            raise ValueError("seconds, count and for_seconds can't be negative")

    @property
    def taken(self) -> bool:
        return self.kind in _ARRIVES if self.arrives is None else self.arrives

    @property
    def wait(self) -> float:
        return (600.0 if self.kind == "timeout" else 1.0) if self.seconds is None else self.seconds


class _Armed:
    def __init__(self, fault: Fault, until: float | None) -> None:
        self.fault = fault
        self.until = until
        self.left = fault.count


class Faults:
    """Those in force. The newest that fits a request wins; each request meets at most one."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._armed: list[_Armed] = []

    def add(self, fault: Fault, now: float) -> None:
        """Put it in force. `now` is monotonic seconds."""
        self._armed.append(_Armed(fault, None if fault.for_seconds is None else now + fault.for_seconds))

    def clear(self) -> None:
        self._armed.clear()

    def pick(self, provider: str, now: float) -> Fault | None:
        """The fault that this request meets, None for none; uses up one of its count."""
        if not self._armed:
            return None
        self._armed = [a for a in self._armed if a.left != 0 and (a.until is None or now < a.until)]
        for armed in reversed(self._armed):
            if armed.fault.provider not in ("*", provider) or self._rng.random() >= armed.fault.probability:
                continue
            if armed.left is not None:
                armed.left -= 1
            return armed.fault
        return None

    def listed(self, now: float) -> Sequence[dict[str, Any]]:
        """Those in force, for the console."""
        return [
            {**msgspec.to_builtins(a.fault), "left": a.left}
            for a in self._armed
            if a.left != 0 and (a.until is None or now < a.until)
        ]
