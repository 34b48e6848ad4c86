"""Salesforce Marketing Cloud Engagement: https://developer.salesforce.com/docs/marketing/marketing-cloud (2026-11).

Two ways: a journey's entry event (not idempotent, its fate can't be asked), or a transactional send definition under a message key
of ours (a repeat is refused, its fate can be asked), which is used for the event types that `templates` names. A token is good for
minutes and tells the host to call; without `account_id` it acts in the parent business unit. The file is longer than most since it is both ways.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urlsplit

import msgspec

from daemon.channels._http import is_refusal
from daemon.channels._oauth import OAuthChannel
from daemon.channels._values import values_of
from daemon.channels._verdict import Problem, Verdict, channel, message, throttled
from daemon.channels.base import Health, Misconfigured, OAuthSettings, Outgoing, PollPlan, ReceiptUpdate, Sent
from daemon.http import Http, Request, Response, json_request
from daemon.oauth import Token
from outbox.model import Medium
from outbox.outcome import Absent, Accepted, CannotTell, Found, Lookup, Outcome, ReceiptState, Rejected, Scope, Unknown

_STATES: Mapping[str, ReceiptState] = {
    "EmailSent": ReceiptState.SENT,
    "SMSSent": ReceiptState.SENT,
    "EmailNotSent": ReceiptState.UNDELIVERED,
    "SMSNotSent": ReceiptState.UNDELIVERED,
}
_ARRIVED = "an earlier try had arrived"
_ANOTHERS = "another message was sent under its key"
_FIELDS: Mapping[str, str] = {
    "EventId": "message_id",
    "OrderId": "order_ref",
    "Status": "status",
    "EmailAddress": "email",
    "Phone": "phone",
    "Name": "name",
    "Text": "text",
}


class SfmcSettings(OAuthSettings, frozen=True, kw_only=True):
    event_definition_key: str = ""
    """Of the journey's entry event."""
    account_id: str = ""
    """The business unit's MID."""
    templates: Mapping[str, str] = {}
    """Event type -> definition key of a transactional send."""
    medium: Literal["email", "sms"] = "email"
    """What those definitions send."""
    fields: Mapping[str, str] = msgspec.field(default_factory=lambda: _FIELDS)
    """Field of the data extension -> our field; each must exist there."""
    contact_key: str = ""
    """Our field that is the contact's key; "": the e-mail address, else the phone number."""


class Sfmc(OAuthChannel):
    name = "sfmc"
    medium = "crm"
    title = "Salesforce Marketing Cloud"
    address_kinds = ("email", "phone")
    rank = 40
    Settings = SfmcSettings
    secrets = ("SFMC_SUBDOMAIN", "SFMC_CLIENT_ID", "SFMC_CLIENT_SECRET")
    console = "Marketing Cloud, Setup, Installed Packages"
    can_look_up = True
    default_concurrency = 4

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "50100": throttled(),
        "50200": throttled(900),
    }
    ABSENT: ClassVar[Sequence[int]] = (404,)
    STATUSES: ClassVar[Mapping[int, Verdict]] = {
        403: channel("give the package the scopes Journeys Execute, Email Send, SMS Send: Setup, Installed Packages"),
        404: message(
            "there is no such send definition or event in this business unit: compare the keys and account_id"
        ),
    }

    settings: SfmcSettings

    def __init__(self, settings: SfmcSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        if not settings.event_definition_key and not settings.templates:
            raise Misconfigured(
                "event_definition_key is missing: copy it from Journey Builder, Entry Sources, your API event"
            )
        tenant = self.secret["SFMC_SUBDOMAIN"]
        self.origin = f"https://{tenant}.rest.marketingcloudapis.com"
        self.token_origin = f"https://{tenant}.auth.marketingcloudapis.com"
        self.poll = PollPlan(delays=(10, 60, 300, 1800, 7200, 43200)) if settings.templates else None
        self.tells_delivery = bool(settings.templates)
        self.repeat_is_harmless = not settings.event_definition_key
        self.heeds = (settings.medium,)

    def token_request(self) -> Request:
        body = {
            "grant_type": "client_credentials",
            "client_id": self.secret["SFMC_CLIENT_ID"],
            "client_secret": self.secret["SFMC_CLIENT_SECRET"],
        }
        if self.settings.account_id:
            body["account_id"] = self.settings.account_id
        return json_request("POST", "/v2/token", body)

    def token_of(self, response: Response) -> Token | None:
        place = urlsplit(str(response.object().get("rest_instance_url") or ""))
        if place.scheme == "https" and (place.hostname or "").endswith(".marketingcloudapis.com"):
            self.origin = f"https://{place.netloc}"
        return super().token_of(response)

    def heeded(self, trigger: str) -> Sequence[Medium]:
        return self.heeds if trigger in self.settings.templates else ()

    def address_of(self, addresses: Mapping[str, str]) -> str | None:
        """Opt-outs name what is written to: of texts the number."""
        number = addresses.get("phone") if self.settings.medium == "sms" else None
        return number or super().address_of(addresses)

    async def prepare(self, out: Outgoing, *, until: float) -> Request | Outcome:
        if out.trigger not in self.settings.templates and not self.settings.event_definition_key:
            return Rejected(Scope.MESSAGE, "no_definition", "no send definition is configured for this event")
        if out.trigger in self.settings.templates and not self._address(out):
            return Rejected(Scope.RECIPIENT, "no_address", f"the customer has no address for {self.settings.medium}")
        return self.build(out)

    def build(self, out: Outgoing) -> Request:
        known = values_of(out)
        data = {name: known[ours] for name, ours in self.settings.fields.items() if known.get(ours)}
        key = known.get(self.settings.contact_key) or out.addresses.get("email") or out.to
        definition = self.settings.templates.get(out.trigger)
        if definition is None:
            body: dict[str, Any] = {
                "ContactKey": key,
                "EventDefinitionKey": self.settings.event_definition_key,
                "Data": data,
            }
            return self._json("/interaction/v1/events", body)
        recipient = {"contactKey": key, "to": self._address(out), "attributes": data}
        return self._json(self._message(out.message_id), {"definitionKey": definition, "recipient": recipient})

    def _json(self, path: str, body: Any) -> Request:
        headers = {"Content-Type": "application/json; charset=UTF-8"}
        return Request(method="POST", path=path, headers=headers, body=msgspec.json.encode(body))

    def _message(self, key: str) -> str:
        return f"/messaging/v1/{self.settings.medium}/messages/{quote(key, safe='')}"

    def _address(self, out: Outgoing) -> str:
        if self.settings.medium == "email":
            return out.addresses.get("email", "")
        return out.addresses.get("phone", "").removeprefix("+")

    # answers

    async def send(self, out: Outgoing) -> Outcome:
        """The earlier try may have been by another channel, or have been put off: whom the message under the key was to tells whose it is."""
        until = self.deadline()
        outcome = await super().send(out)
        if not isinstance(outcome, Accepted) or outcome.detail != _ARRIVED:
            return outcome
        answer = await self.call(Request(method="GET", path=self._message(out.message_id)), until=until)
        if not isinstance(answer, Response) or not (answer.ok or is_refusal(answer)):
            return Unknown("its key was used, and whose message that was could not be asked")
        return outcome if _is_to(self._address(out), answer) else Rejected(Scope.MESSAGE, "key_used", _ANOTHERS)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        answer = response.object()
        if out.trigger not in self.settings.templates:
            return Accepted(str(answer["eventInstanceId"])) if answer.get("eventInstanceId") else None
        return Accepted(out.message_id) if answer.get("requestId") and not answer.get("errorcode") else None

    def read(self, response: Response, out: Outgoing) -> Outcome:
        """A key that was used before: by an earlier try, where there was one; else by another store's message, in a business unit that a
        chain shares."""
        is_again = out.attempt > 1 or out.possible_duplicate
        if (
            is_again
            and out.trigger in self.settings.templates
            and response.status in {400, 409}
            and _is_repeat(response)
        ):
            return Accepted(out.message_id, detail=_ARRIVED)
        return super().read(response, out)

    def problem(self, response: Response) -> Problem:
        answer = response.object()
        wait = answer.get("retryAfter")
        return Problem(
            code=str(answer.get("errorcode") or ""),
            text=str(answer.get("message") or ""),
            after=float(wait) if isinstance(wait, int | float) else None,
        )

    def lookup_request(self, sent: Sent) -> Request | None:
        if sent.trigger not in self.settings.templates:
            return None
        return Request(method="GET", path=self._message(sent.attempt.message_id))

    def read_lookup(self, response: Response, sent: Sent) -> Lookup:
        if response.status == 404:
            early = sent.now - sent.attempt.started_at < 30_000
            return CannotTell("not known yet", again=30) if early or not response.object() else Absent()
        if not response.object().get("requestId"):
            return CannotTell()
        if not _is_to(sent.attempt.address, response):
            return CannotTell(_ANOTHERS)
        return Found(sent.attempt.message_id, _state(response))

    def receipts_request(self, sent: Sequence[Sent]) -> Request | None:
        return self.lookup_request(sent[0])

    def read_receipts(self, response: Response, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate]:
        state, info = _state(response), response.object().get("info")
        if state is None or not _is_to(sent[0].attempt.address, response):
            return ()
        told = info if isinstance(info, dict) else {}
        words = str(told.get("statusMessage") or "")
        return [
            ReceiptUpdate(
                state=state,
                provider_id=sent[0].attempt.message_id,
                code=str(told.get("statusCode") or ""),
                detail=words,
                opted_out=state is ReceiptState.UNDELIVERED and "unsubscrib" in words.lower(),
            )
        ]

    async def check(self) -> Health:
        token = await self.token(self.deadline())
        return Health(ok=True, summary="the package gives tokens") if isinstance(token, str) else self.unwell(token)


def _state(response: Response) -> ReceiptState | None:
    return _STATES.get(str(response.object().get("eventCategoryType", "")).rpartition(".")[2])


def _is_to(address: str, response: Response) -> bool:
    """Whether what is told is of a message to that address: another store's may bear the same key."""
    info = response.object().get("info")
    told = str(info.get("to") or "") if isinstance(info, dict) else ""
    return not told or told.casefold().removeprefix("+") == address.casefold().removeprefix("+")


def _is_repeat(response: Response) -> bool:
    """The key was used within the last two days: the earlier try arrived. Their words, since the code is not documented."""
    words = str(response.object().get("message", "")).lower()
    return "duplicate" in words and "key" in words
