"""Amazon SES API v2: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html (2026-11).

Quirks: the error's type is a response header; no lookup and no idempotency key; a suppressed recipient is accepted and bounces
later. Receipts come through SNS, or by asking Virtual Deliverability Manager (paid, `insights = true`, one call a second).
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from daemon.channels import _sns
from daemon.channels._http import HttpChannel
from daemon.channels._mail import headers, in_ascii, sender, subject
from daemon.channels._sigv4 import Keys, sign
from daemon.channels._values import values_of
from daemon.channels._verdict import Problem, Verdict, channel, later, message, throttled
from daemon.channels.base import (
    Health,
    HttpSettings,
    Inbound,
    InboundRefused,
    InboundRequest,
    Misconfigured,
    Outgoing,
    PollPlan,
    ReceiptUpdate,
    Reply,
    Sent,
)
from daemon.http import Http, Request, Response, json_request, objects
from outbox.outcome import Accepted, Outcome, ReceiptState, Rejected, Scope

_KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in .env, and that the user may do ses:SendEmail"
_SIGNATURE = "check AWS_SECRET_ACCESS_KEY in .env, and this machine's clock"
_IDENTITY = "verify `from` in this region, and ask for production access: SES console, Identities and Account dashboard"
_TEMPLATE = "the template or configuration set does not exist in this region: check [channels.ses]"
_STATES: Mapping[str, ReceiptState] = {
    "DELIVERY": ReceiptState.DELIVERED,
    "OPEN": ReceiptState.READ,
    "CLICK": ReceiptState.READ,
    "BOUNCE": ReceiptState.UNDELIVERED,
    "REJECT": ReceiptState.UNDELIVERED,
    "RENDERING_FAILURE": ReceiptState.UNDELIVERED,
}
_EVENTS = {"renderingfailure": "RENDERING_FAILURE", "rendering failure": "RENDERING_FAILURE"}


class SesSettings(HttpSettings, frozen=True, kw_only=True):
    region: str
    from_: str = msgspec.field(name="from")
    configuration_set: str = ""
    templates: Mapping[str, str] = {}
    """Event type -> name of a template kept at SES."""
    insights: bool = False
    """The account has Virtual Deliverability Manager: receipts are polled."""
    topic: str = ""
    """The ARN of the SNS topic whose posts are believed: anyone may own a topic, and Amazon signs for all of them."""


class Ses(HttpChannel):
    name = "ses"
    medium = "email"
    title = "Amazon SES"
    address_kinds = ("email",)
    secrets_begin: ClassVar[Mapping[str, tuple[str, ...]]] = {"AWS_ACCESS_KEY_ID": ("AKIA", "ASIA")}
    rank = 30
    Settings = SesSettings
    secrets = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    optional_secrets = ("AWS_SESSION_TOKEN",)
    console = "AWS console, IAM, Users, Security credentials"
    default_rate = 1
    tells_delivery = True
    needs_time = True

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "TooManyRequestsException": throttled(1),
        "ThrottlingException": throttled(1),
        "Throttling": throttled(1),
        "DailyQuota": channel(
            "the day's quota is used up: ask for more at the SES console, Account dashboard", after=600
        ),
        "LimitExceededException": channel(
            "a quota of the account is used up: SES console, Account dashboard", after=600
        ),
        "NotVerified": channel(_IDENTITY),
        "MessageRejected": message("SES refused the content of this mail"),
        "MailFromDomainNotVerifiedException": channel(_IDENTITY),
        "AccountSuspendedException": channel("the account may no longer send: see the mails from AWS about it"),
        "SendingPausedException": channel("sending is paused for the account: SES console, Reputation metrics"),
        "NotFoundException": channel(_TEMPLATE),
        "BadRequestException": message(),
        "SignatureDoesNotMatch": channel(_SIGNATURE, after=900),
        "InvalidSignatureException": channel(_SIGNATURE, after=900),
        "RequestExpired": channel("set this machine's clock", after=300),
        "InvalidClientTokenId": channel(_KEYS),
        "UnrecognizedClientException": channel(_KEYS),
        "AccessDeniedException": channel(_KEYS),
        "ExpiredToken": channel("AWS_SESSION_TOKEN has expired: use the keys of an IAM user, which do not"),
        "ExpiredTokenException": channel("AWS_SESSION_TOKEN has expired: use the keys of an IAM user, which do not"),
        "RequestTimeout": later(),
    }

    settings: SesSettings

    def __init__(self, settings: SesSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        self.origin = f"https://email.{settings.region}.amazonaws.com"
        self.poll = PollPlan(delays=(60, 600, 3600, 21600, 43200)) if settings.insights else None
        self.sender = sender(settings.from_, "channels.ses.from")
        if settings.topic and not _sns.is_topic(settings.topic):
            raise Misconfigured(
                'channels.ses.topic: that is no topic of SNS; copy its ARN from the console ("arn:aws:sns:eu-west-1:123456789012:tether")'
            )
        access, secret = self.secret["AWS_ACCESS_KEY_ID"], self.secret["AWS_SECRET_ACCESS_KEY"]
        self.keys = Keys(access, secret, self.secret.get("AWS_SESSION_TOKEN", ""), settings.region, "ses")
        self._certificates: dict[str, bytes] = {}

    def _signed(self, request: Request, now: int) -> Request:
        return sign(request, self.base(request), self.keys, now)

    def build(self, out: Outgoing) -> Request:
        said = [{"Name": name, "Value": value} for name, value in headers(out, self.sender).items()]
        template = self.settings.templates.get(out.trigger)
        content: dict[str, Any]
        if template:
            data = msgspec.json.encode(values_of(out)).decode()
            content = {"Template": {"TemplateName": template, "TemplateData": data, "Headers": said}}
        else:
            body = {
                "Text": _text(out.rendered.text),
                **({"Html": _text(out.rendered.html)} if out.rendered.html else {}),
            }
            content = {"Simple": {"Subject": _text(subject(out)), "Body": body, "Headers": said}}
        value: dict[str, Any] = {
            "FromEmailAddress": in_ascii(self.sender.name, self.sender.address),
            "Destination": {"ToAddresses": [in_ascii("", out.to)]},
            "Content": content,
            "EmailTags": [{"Name": "msg_ref", "Value": out.reference.replace(".", "-")}],
        }
        if out.reply_to:
            value["ReplyToAddresses"] = [in_ascii("", out.reply_to)]
        if self.settings.configuration_set:
            value["ConfigurationSetName"] = self.settings.configuration_set
        return self._signed(json_request("POST", "/v2/email/outbound-emails", value), out.now)

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        sid = response.object().get("MessageId")
        return Accepted(sid) if isinstance(sid, str) and sid else None

    def read(self, response: Response, out: Outgoing) -> Outcome:
        """A template that is not there is the matter of the event that names it, and of no other."""
        outcome = super().read(response, out)
        if (
            isinstance(outcome, Rejected)
            and outcome.code == "NotFoundException"
            and out.trigger in self.settings.templates
            and "configuration set" not in outcome.reason.lower()
        ):
            return msgspec.structs.replace(outcome, scope=Scope.MESSAGE)
        return outcome

    def problem(self, response: Response) -> Problem:
        answer = response.object()
        text = str(answer.get("message") or answer.get("Message") or "")
        kind = response.headers.get("x-amzn-errortype") or str(answer.get("__type") or "")
        code = kind.split(":")[0].rpartition("#")[2]
        if "Daily message quota exceeded" in text:
            code = "DailyQuota"
        if code == "MessageRejected" and "not verified" in text:
            code = "NotVerified"
        return Problem(code, text)

    # what became of it

    def receipts_request(self, sent: Sequence[Sent]) -> Request | None:
        sid = sent[0].attempt.provider_id
        if not sid or not self.settings.insights:
            return None
        return self._signed(Request(method="GET", path=f"/v2/email/insights/{quote(sid, safe='')}/"), sent[0].now)

    def read_receipts(self, response: Response, sent: Sequence[Sent]) -> Sequence[ReceiptUpdate]:
        events = [event for each in objects(response.object().get("Insights")) for event in objects(each.get("Events"))]
        sid = sent[0].attempt.provider_id
        updates = []
        for event in events:
            kind, details = str(event.get("Type")), event.get("Details")
            bounce = details.get("Bounce") if isinstance(details, dict) else None
            if kind in _STATES and not _passes(bounce):
                updates.append(_receipt(sid, kind, bounce))
            elif kind == "COMPLAINT":
                updates.append(ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=sid, opted_out=True))
        return updates

    async def fetch_keys(self, request: InboundRequest) -> None:
        posted = Response(status=200, body=request.body).object()
        url = posted.get("SigningCertURL")
        place = _sns.certificate_place(url, self.settings.topic) if self._is_our_topic(posted) else None
        if place is None or url in self._certificates:
            return
        origin, path = place
        answer = await self.exchange(origin, Request(method="GET", path=path), until=self.deadline())
        if isinstance(answer, Response) and answer.ok and _sns.is_certificate(answer.body):
            self._certificates = {str(url): answer.body}

    def _is_our_topic(self, posted: Mapping[str, Any]) -> bool:
        return bool(self.settings.topic) and posted.get("TopicArn") == self.settings.topic

    def receive(self, request: InboundRequest) -> Inbound:
        posted = Response(status=200, body=request.body).object()
        url = posted.get("SigningCertURL")
        if not self._is_our_topic(posted) or _sns.certificate_place(url, self.settings.topic) is None:
            raise InboundRefused("this is no message of the SNS topic that [channels.ses] names as `topic`")
        certificate = self._certificates.get(str(url))
        if certificate is None:
            raise InboundRefused(
                "the certificate of Amazon SNS could not be fetched: it will be sent again", status=503
            )
        if not _sns.holds(posted, certificate):
            raise InboundRefused("the signature of Amazon SNS does not hold")
        if posted.get("Type") == "SubscriptionConfirmation":
            return Inbound(confirm_url=_sns.subscription(posted.get("SubscribeURL"), self.settings.topic))
        return _read(Response(status=200, body=str(posted.get("Message")).encode()).object())

    def check_request(self) -> Request:
        return self._signed(Request(method="GET", path="/v2/email/account"), self.http.clock.now())

    def read_check(self, response: Response) -> Health:
        account = response.object()
        if account.get("SendingEnabled") is False:
            return Health(
                ok=False, summary="sending is paused for this account", remedy="SES console, Account dashboard"
            )
        if account.get("ProductionAccessEnabled") is False:
            summary = "the account is in SES's sandbox: it reaches verified addresses only"
            return Health(ok=False, summary=summary, remedy="ask for production access: SES console, Account dashboard")
        quota = account.get("SendQuota")
        told = quota if isinstance(quota, dict) else {}
        return Health(ok=True, summary=f"{told.get('SentLast24Hours', 0)} of {told.get('Max24HourSend', 0)} sent today")


def _text(value: str) -> dict[str, str]:
    return {"Data": value, "Charset": "UTF-8"}


def _read(event: Mapping[str, Any]) -> Inbound:
    """An event of SES (`eventType`) or a notification of an identity (`notificationType`), as SNS passes them on."""
    name = str(event.get("eventType") or event.get("notificationType") or "")
    kind = _EVENTS.get(name.lower(), name.upper())
    mail = event.get("mail")
    sid = mail.get("messageId") if isinstance(mail, Mapping) else None
    replies = []
    if kind == "COMPLAINT":
        complaint = event.get("complaint")
        told = complaint if isinstance(complaint, Mapping) else {}
        people = [str(person.get("emailAddress") or "") for person in objects(told.get("complainedRecipients"))]
        replies = [Reply(address=person, id=f"{sid}.complaint {person}", consent="stop") for person in people if person]
    bounce = event.get("bounce")
    receipts = [_receipt(str(sid), kind, bounce)] if sid and kind in _STATES and not _passes(bounce) else []
    return Inbound(receipts=receipts, replies=replies)


def _passes(bounce: Any) -> bool:
    """Whether the mail may be there all the same: an absent reader's notice comes as a general bounce that passes. Of a full mailbox SES
    speaks so only when it has given up; while it tries on it says DeliveryDelay
    (https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html)."""
    told = {name.lower(): str(value).upper() for name, value in bounce.items()} if isinstance(bounce, Mapping) else {}
    return told.get("bouncetype") == "TRANSIENT" and told.get("bouncesubtype", "GENERAL") == "GENERAL"


def _receipt(sid: str, kind: str, bounce: Any) -> ReceiptUpdate:
    told = {name.lower(): value for name, value in bounce.items()} if isinstance(bounce, Mapping) else {}
    people = objects(told.get("bouncedrecipients"))
    detail = told.get("diagnosticcode") or next((person.get("diagnosticCode") for person in people), "")
    failed = _STATES[kind] is ReceiptState.UNDELIVERED
    return ReceiptUpdate(
        state=_STATES[kind],
        provider_id=sid,
        code=str(told.get("bouncesubtype") or kind) if failed else "",
        detail=str(detail or ""),
        bad_address=str(told.get("bouncetype")).upper() == "PERMANENT",
    )
