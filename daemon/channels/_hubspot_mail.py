"""What HubSpot says of a transactional single send: its `sendResult`, for the answer and for receipts alike.

https://developers.hubspot.com/docs/api-reference/marketing-single-send-v4 and the transactional guide (2026-11).
"""

from collections.abc import Mapping

from daemon.channels._verdict import Refusal, Verdict, channel, later, message, recipient, throttled
from daemon.channels.base import ReceiptUpdate
from daemon.http import Response
from outbox.outcome import ReceiptState

_DEAD = recipient("HubSpot does not mail this address any more: it bounced")
_SILENT = recipient("they unsubscribed in HubSpot", opted_out=True)
_MAIL = message("HubSpot could not make this mail: look at it in Marketing, Email, and at the fields it wants")

SEND_RESULTS: Mapping[str, Verdict] = {
    "INVALID_TO_ADDRESS": _DEAD,
    "PREVIOUSLY_BOUNCED": _DEAD,
    "QUARANTINED_ADDRESS": _DEAD,
    "BLOCKED_ADDRESS": _DEAD,
    "BLOCKED_DOMAIN": _DEAD,
    "UNDELIVERABLE": _DEAD,
    "ADDRESS_OPTED_OUT": _SILENT,
    "PREVIOUS_SPAM": _SILENT,
    "PREVIOUSLY_UNSUBSCRIBED_BRAND": _SILENT,
    "PREVIOUSLY_UNSUBSCRIBED_BUSINESS_UNIT": _SILENT,
    "PREVIOUSLY_UNSUBSCRIBED_MESSAGE": _SILENT,
    "PREVIOUSLY_UNSUBSCRIBED_PORTAL": _SILENT,
    "IDEMPOTENT_FAIL": _MAIL,
    "MISSING_CONTENT": _MAIL,
    "MISSING_REQUIRED_PARAMETER": _MAIL,
    "MISSING_TEMPLATE_PROPERTIES": _MAIL,
    "TEMPLATE_RENDER_EXCEPTION": _MAIL,
    "EMAIL_DISABLED": channel("HubSpot has switched mail off for this account: ask HubSpot"),
    "INVALID_FROM_ADDRESS": channel("the mail's from address is not allowed: Settings, Marketing, Email"),
    "PORTAL_EXPIRED": channel("the HubSpot account has lapsed"),
    "PORTAL_SUSPENDED": channel("HubSpot has suspended mail for this account: ask HubSpot"),
    "PORTAL_OVER_LIMIT": channel("the account's mails are used up", after=3600),
    "UNCONFIGURED_SENDING_DOMAIN": channel("connect the sending domain: HubSpot, Settings, Domains"),
    "THROTTLED": throttled(60),
    "CANCELLED_ABUSE": channel("HubSpot stopped this mail as abuse: ask HubSpot"),
    "CAMPAIGN_CANCELLED": later(300),
}
_TEMPORARY = frozenset({"", "QUEUED", "THROTTLED"})
_SENT = frozenset({"SENT", "IDEMPOTENT_IGNORE"})


def read_status(response: Response, status_id: str) -> ReceiptUpdate | None:
    """The answer to a question about a send's status. None: nothing final yet."""
    answer = response.object()
    if str(answer.get("status")) not in {"COMPLETE", "CANCELED"}:
        return None
    result = str(answer.get("sendResult") or "")
    if result in _SENT:
        return ReceiptUpdate(state=ReceiptState.SENT, provider_id=status_id)
    if result in _TEMPORARY and answer["status"] == "COMPLETE":
        return None
    verdict = SEND_RESULTS.get(result)
    opted_out = isinstance(verdict, Refusal) and verdict.opted_out
    words = str(answer.get("message") or result or "cancelled")
    return ReceiptUpdate(
        state=ReceiptState.UNDELIVERED,
        provider_id=status_id,
        code=result,
        detail=words,
        opted_out=opted_out,
        bad_address=verdict is _DEAD,
    )
