"""The durable core of Tether on SQLite: events in, messages out, and a record of all of it. It knows no HTTP, no provider and no
template, and imports nothing of `daemon` or `tui`."""

from outbox.attempts import Refusal
from outbox.audit import AuditRow, Verdict
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
    "Verdict",
]
