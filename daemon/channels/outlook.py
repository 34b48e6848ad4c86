"""Microsoft 365 mail by Graph, app-only: https://learn.microsoft.com/en-us/graph/api/user-sendmail (2026-11).

Quirks: 202 with an empty body and no id, and a 202 with Retry-After is a yes too; a mail may have gone out although Graph
answered 5xx, so those are unknown and looked up in Sent Items by a property of our own (needs Mail.Read; without it, not).
"""

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

import msgspec

from daemon.channels._mail import AUTOMATIC, sender, subject
from daemon.channels._oauth import OAuthChannel
from daemon.channels._verdict import Problem, Verdict, channel, message, recipient, throttled, unsure
from daemon.channels.base import Health, OAuthSettings, Outgoing, Sent
from daemon.http import Http, Request, Response, form_request, json_request, objects
from outbox.outcome import Absent, Accepted, CannotTell, Deferred, Found, Lookup, Outcome, Rejected

_PROPERTY = "String {5b0e54f6-6f0c-4a0f-9b53-0f1d5e2f7a10} Name TetherReference"
SHOWS_AFTER = 120.0
"""Seconds after which a mail that went out is in Sent Items."""
MOST_EARLIER = 5
"""Tries that one question is about."""
_THROTTLED = ("ApplicationThrottled", "TooManyRequests")
_CONSENT = (
    "give the app Mail.Send with admin consent, and allow it this mailbox: entra.microsoft.com, App registrations"
)
_MAILBOX = "`sender` in [channels.outlook] must be a licensed Exchange Online mailbox"


class OutlookSettings(OAuthSettings, frozen=True, kw_only=True):
    sender: str
    """The mailbox it is sent from (its address or object id)."""
    save_to_sent_items: bool = True


class Outlook(OAuthChannel):
    name = "outlook"
    medium = "email"
    title = "Microsoft 365 Outlook"
    address_kinds = ("email",)
    rank = 40
    Settings = OutlookSettings
    secrets = ("OUTLOOK_TENANT_ID", "OUTLOOK_CLIENT_ID", "OUTLOOK_CLIENT_SECRET")
    console = "entra.microsoft.com, App registrations, Certificates & secrets; client secrets expire"
    origin = "https://graph.microsoft.com"
    token_origin = "https://login.microsoftonline.com"  # noqa: S105 - an address
    default_rate = 0.5
    default_concurrency = 1
    can_look_up = True

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "ErrorInvalidRecipients": recipient("this is not a mail address that Exchange takes"),
        "InvalidAuthenticationToken": channel(_CONSENT),
        "ErrorAccessDenied": channel(_CONSENT),
        "ErrorSendAsDenied": channel("the mailbox may not send as `sender`: check [channels.outlook]"),
        "ErrorInvalidUser": channel(_MAILBOX),
        "ResourceNotFound": channel(_MAILBOX),
        "Request_ResourceNotFound": channel(_MAILBOX),
        "MailboxNotEnabledForRESTAPI": channel(_MAILBOX),
        "ErrorMessageSizeExceeded": message("the mail is too large"),
        "ErrorQuotaExceeded": channel("the mailbox is full: make room in it"),
        "ErrorExceededMessageLimit": channel("the mailbox has sent its 10,000 mails of today", after=3600),
        **dict.fromkeys(_THROTTLED, throttled()),
        "ErrorServerBusy": unsure(),
        "ErrorInternalServerError": unsure(),
        "UnknownError": unsure(),
    }
    TOKEN_CODES: ClassVar[Mapping[str, Verdict]] = {
        "invalid_resource": channel(_CONSENT),
    }

    settings: OutlookSettings

    def __init__(self, settings: OutlookSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        sender(settings.sender, "channels.outlook.sender")
        self.user = f"/v1.0/users/{quote(settings.sender, safe='@')}"

    def token_request(self) -> Request:
        pairs = [
            ("client_id", self.secret["OUTLOOK_CLIENT_ID"]),
            ("client_secret", self.secret["OUTLOOK_CLIENT_SECRET"]),
            ("scope", "https://graph.microsoft.com/.default"),
            ("grant_type", "client_credentials"),
        ]
        return form_request("POST", f"/{quote(self.secret['OUTLOOK_TENANT_ID'], safe='')}/oauth2/v2.0/token", pairs)

    async def prepare(self, out: Outgoing, *, until: float) -> Request | Outcome:
        """A mail may have gone out although Graph said that it throttles: a later try looks for the earlier ones first, where it may."""
        earlier = [f"{out.message_id}.{n}" for n in range(max(1, out.attempt - MOST_EARLIER), out.attempt)]
        if not earlier or not self.settings.save_to_sent_items:
            return self.build(out)
        answer = await self.ask(self._sent_items(*earlier), out, until=until, also=(403,))
        if not isinstance(answer, Response):
            return answer
        listed = answer.object().get("value")
        if answer.ok and not isinstance(listed, list):
            return self.untold(answer, out)
        found = next(iter(objects(listed)), None)
        if found is None:
            return self.build(out)
        return Accepted(str(found.get("internetMessageId") or ""), detail="an earlier try had arrived")

    def build(self, out: Outgoing) -> Request:
        html = out.rendered.html
        headers = {"x-msg-ref": out.reference, "X-Auto-Response-Suppress": AUTOMATIC["X-Auto-Response-Suppress"]}
        mail: dict[str, Any] = {
            "subject": subject(out),
            "body": {"contentType": "html" if html else "text", "content": html or out.rendered.text},
            "toRecipients": [{"emailAddress": {"address": out.to, **({"name": out.name} if out.name else {})}}],
            "internetMessageHeaders": [{"name": name, "value": value} for name, value in headers.items()],
            "singleValueExtendedProperties": [{"id": _PROPERTY, "value": out.reference}],
        }
        if out.reply_to:
            mail["replyTo"] = [{"emailAddress": {"address": out.reply_to}}]
        value = {"message": mail, "saveToSentItems": self.settings.save_to_sent_items}
        trace = {"client-request-id": str(uuid5(NAMESPACE_URL, f"tether:{out.reference}"))}
        return json_request("POST", f"{self.user}/sendMail", value, headers=trace)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        return Accepted(detail=f"request-id {response.headers.get('request-id', 'not told')}")

    def read(self, response: Response, out: Outgoing) -> Outcome:
        """What is throttled may have gone out all the same: its next try is of use once Sent Items would show it."""
        outcome = super().read(response, out)
        if isinstance(outcome, Deferred) and outcome.code in _THROTTLED and self.settings.save_to_sent_items:
            return msgspec.structs.replace(outcome, again=SHOWS_AFTER)
        return outcome

    def problem(self, response: Response) -> Problem:
        error = response.object().get("error")
        told = error if isinstance(error, dict) else {}
        return Problem(str(told.get("code") or ""), str(told.get("message") or ""))

    # what became of it

    def lookup_request(self, sent: Sent) -> Request | None:
        return self._sent_items(sent.reference) if self.settings.save_to_sent_items else None

    def _sent_items(self, *references: str) -> Request:
        either = " or ".join(f"p/value eq '{reference}'" for reference in references)
        chosen = f"singleValueExtendedProperties/any(p:p/id eq '{_PROPERTY}' and ({either}))"
        query = [("$filter", chosen), ("$select", "id,internetMessageId")]
        return Request(method="GET", path=f"{self.user}/mailFolders/sentitems/messages", query=query)

    def read_lookup(self, response: Response, sent: Sent) -> Lookup:
        rows = response.object().get("value")
        if not isinstance(rows, list):
            return CannotTell("Sent Items could not be read", again=60)
        found = next(iter(objects(rows)), None)
        if found is not None:
            return Found(str(found.get("internetMessageId") or ""))
        if sent.now - sent.attempt.started_at < SHOWS_AFTER * 1000:
            return CannotTell("not in Sent Items yet", again=60)
        return Absent()

    async def check(self) -> Health:
        token = await self.token(self.deadline())
        if isinstance(token, str):
            return Health(
                ok=True, summary="the app is known; only a test mail proves that it may send from this mailbox"
            )
        refused = self.clean(token, ())
        return Health(ok=False, summary=refused.reason, remedy=refused.remedy if isinstance(refused, Rejected) else "")
