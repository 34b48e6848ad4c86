"""The durable core of Tether on SQLite: events in, messages out, and a record of all of it. It knows no HTTP, no provider and no
template, and imports nothing of `daemon` or `tui`."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outbox.attempts import Refusal
    from outbox.audit import AuditRow, Verification
    from outbox.box import Outbox
    from outbox.chain import Change
    from outbox.consent import OptOut
    from outbox.forget import Removed
    from outbox.pages import Page
    from outbox.quarantine import Kept
    from outbox.receipts import Awaited
    from outbox.replies import ReplyRow
    from outbox.tokens import UNBOUND, Bounds, Token
    from outbox.views import Figures, StoredEvent, Story

__all__ = [
    "UNBOUND",
    "AuditRow",
    "Awaited",
    "Bounds",
    "Change",
    "Figures",
    "Kept",
    "OptOut",
    "Outbox",
    "Page",
    "Refusal",
    "Removed",
    "ReplyRow",
    "StoredEvent",
    "Story",
    "Token",
    "Verification",
]

_HOMES = {
    "AuditRow": "audit",
    "Awaited": "receipts",
    "Bounds": "tokens",
    "Change": "chain",
    "Figures": "views",
    "Kept": "quarantine",
    "OptOut": "consent",
    "Outbox": "box",
    "Page": "pages",
    "Refusal": "attempts",
    "Removed": "forget",
    "ReplyRow": "replies",
    "StoredEvent": "views",
    "Story": "views",
    "Token": "tokens",
    "UNBOUND": "tokens",
    "Verification": "audit",
}
"""Where each name is. They are loaded when asked for: the screen imports a leaf of this package, and has no use for SQLite."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"outbox has no {name!r}")
    return getattr(import_module(f"outbox.{_HOMES[name]}"), name)
