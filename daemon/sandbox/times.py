"""The forms in which vendors write a moment. All take wall ms and write UTC."""

from datetime import UTC, datetime
from email.utils import format_datetime


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def iso(at: int) -> str:
    """2026-11-24T10:15:00.000Z"""
    return moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def offset(at: int) -> str:
    """2026-11-24T10:15:00+00:00"""
    return moment(at).isoformat(timespec="seconds")


def rfc2822(at: int) -> str:
    """Tue, 24 Nov 2026 10:15:00 +0000"""
    return format_datetime(moment(at - at % 1000))
