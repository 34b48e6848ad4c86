"""What the record's entries are called by people. Names that are not here are shown as they are by the record, and as "noted" elsewhere."""

from collections.abc import Mapping

from tui.i18n import Texts, text

DEEDS: Mapping[str, str] = {
    "order.held": text("held"),
    "order.released": text("released"),
    "message.queued": text("sent again by hand"),
    "message.cancelled": text("stopped by hand"),
    "message.cancelling": text("stopped by hand"),
    "message.sent": text("sent"),
    "message.delivered": text("delivered"),
    "message.failed": text("failed"),
    "message.suppressed": text("not wanted"),
    "message.superseded": text("replaced"),
    "message.expired": text("too late"),
    "message.unknown": text("not sure"),
    "message.held": text("on hold"),
    "customer.called": text("phoned"),
    "staff.message": text("message by hand"),
    "staff.contact": text("another way to reach them"),
    "staff.told": text("told by staff"),
    "staff.untold": text("not told after all"),
    "event.accepted": text("taken in"),
    "event.conflict": text("came twice, and differs"),
    "attempt.accepted": text("taken"),
    "attempt.deferred": text("not now"),
    "attempt.rejected": text("refused"),
    "attempt.unknown": text("no sure answer"),
    "receipt.sent": text("passed on"),
    "receipt.delivered": text("delivered"),
    "receipt.read": text("read by the customer"),
    "receipt.undelivered": text("could not be delivered"),
    "receipt.ignored": text("a receipt of nobody's"),
    "receipt.early": text("a receipt that came early"),
    "reply.received": text("wrote to us"),
    "reply.read": text("reply read"),
    "consent.stopped": text("asked not to be written to"),
    "consent.allowed": text("may be written to again"),
    "channel.paused": text("channel paused"),
    "channel.resumed": text("channel resumed"),
    "channel.changed": text("channel changed"),
    "uplink.changed": text("the line changed"),
    "uplink.forced": text("the line was set by hand"),
    "config.loaded": text("settings read"),
    "service.started": text("service started"),
    "service.stopped": text("service stopped"),
    "token.created": text("access given"),
    "token.revoked": text("access taken away"),
    "backup.restored": text("a backup took its place"),
    "upgrade.undone": text("an upgrade was undone"),
    "restore.confirmed": text("restore confirmed"),
}

IN_RECORD: Mapping[str, str] = {
    **DEEDS,
    "message.queued": text("waiting"),
    "message.sending": text("sending"),
    "message.cancelled": text("stopped"),
}
"""The same where the service's own doings stand too."""


def deed_words(t: Texts, kind: str) -> str:
    """ "" for what nobody named."""
    return t(DEEDS[kind]) if kind in DEEDS else ""


def record_words(t: Texts, kind: str) -> str:
    """A record's entry as people call it, else by its own name."""
    return t(IN_RECORD[kind]) if kind in IN_RECORD else kind
