"""A message as a stream keeps it, and its headers as servers read them. Pure."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

CONDITION = "Nats-Expected-Last-Subject-Sequence"
CONDITION_ELSEWHERE = f"{CONDITION}-Subject"
"""Has a server look for the condition at another subject."""

DIGITS = 18
"""What has more need not be the number that a server of 64 bits made of it."""


class Stored(msgspec.Struct, frozen=True):
    """A message as a stream keeps it."""

    subject: str
    seq: int
    at: int
    """ms, by the servers' clocks."""
    body: bytes
    headers: Mapping[str, str]

    @property
    def pending(self) -> int:
        """How many more the stream had beyond it when it was read."""
        return int(self.headers.get("Nats-Num-Pending", "0"))

    @property
    def after(self) -> int:
        """The number of the subject's message before it, where it was told on that condition; -1: it was not."""
        number = "" if CONDITION_ELSEWHERE in self.headers else self.headers.get(CONDITION, "")
        return int(number) if number.isascii() and number.isdecimal() and len(number) <= DIGITS else -1


def read_headers(raw: bytes) -> dict[str, str]:
    """As servers read them: a name is what stands before the colon, to the letter, and a condition said twice is the first. What they add
    themselves stands at the end, and counts before what the publisher wrote."""
    first, *lines = raw.split(b"\r\n")
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("utf-8", "replace").partition(":")
        if colon and not (name == CONDITION and name in found):
            found[name] = value.strip()
    status, _, description = first.decode("utf-8", "replace").removeprefix("NATS/1.0").strip().partition(" ")
    if status.isdecimal() and "Nats-Sequence" not in found:
        found |= {"Status": status, "Description": description}
    return found


def read_stored(headers: Mapping[str, str], body: bytes) -> Stored | None:
    """The message that an answer bears; None: it bears none, and its status says why."""
    if "Nats-Sequence" not in headers:
        return None
    return Stored(
        headers["Nats-Subject"], int(headers["Nats-Sequence"]), moment(headers["Nats-Time-Stamp"]), body, headers
    )


def moment(stamp: str) -> int:
    """ms of a moment as NATS writes it. It has nanoseconds, which `fromisoformat` of Python 3.11 does not read beyond microseconds."""
    text, _, fraction = stamp.removesuffix("Z").partition(".")
    whole = datetime.fromisoformat(f"{text}+00:00")
    return int(whole.timestamp()) * 1000 + int((fraction + "000")[:3])
