"""What an examination finds: one sentence on how it is, and one on what to do."""

from enum import StrEnum

import msgspec


class Level(StrEnum):
    OK = "ok"
    ADVICE = "advice"
    """It works, and could be better."""
    PROBLEM = "problem"
    """It does not work, or will not for long."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`check` names what was looked at ("disk", "channel twilio")."""

    check: str
    level: Level
    summary: str
    remedy: str = ""
    """What to do; "" where there is nothing."""


def ok(check: str, summary: str) -> Finding:
    return Finding(check=check, level=Level.OK, summary=summary)


def advice(check: str, summary: str, remedy: str) -> Finding:
    return Finding(check=check, level=Level.ADVICE, summary=summary, remedy=remedy)


def problem(check: str, summary: str, remedy: str) -> Finding:
    return Finding(check=check, level=Level.PROBLEM, summary=summary, remedy=remedy)
