"""Intercom, outbound message to a contact: https://developers.intercom.com/docs/references/2.16/rest-api (2026-11).

Quirks: a message goes to a contact's id, so the contact is found (or made) first; a contact just made may be unknown to
/messages for a while. `inapp` shows only once the customer opens the shop's Messenger. No idempotency key, nothing to look
a message up by. A region that is not the workspace's answers 401. The file is longer than most for the four ways to find a contact.
"""

import hashlib
import hmac
import html
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from urllib.parse import quote

import msgspec

from daemon import consent_words
from daemon.channels._http import HttpChannel, is_refusal
from daemon.channels._verdict import Failure, Problem, Verdict, channel, message, recipient, throttled
from daemon.channels.base import Health, HttpSettings, Inbound, InboundRefused, InboundRequest, Outgoing, Reply
from daemon.http import Http, Request, Response, json_request, objects, unescaped
from outbox.outcome import Accepted, Deferred, Outcome, Rejected, Scope

_SETTLES = 60
"""Seconds within which a new contact may still be unknown to /messages."""
_CONTACT_ID = re.compile(r"[0-9a-f]{24}")
_TOKEN = "INTERCOM_ACCESS_TOKEN is not valid in this region: copy it again, or set region to the workspace's own"  # noqa: S105
_PLAN = "the workspace's plan or the token's permissions do not allow this: Developer Hub, your app, Authentication"


class IntercomSettings(HttpSettings, frozen=True, kw_only=True):
    admin_id: str
    """The teammate who writes."""
    region: Literal["us", "eu", "au"] = "us"
    kind: Literal["inapp", "email"] = "inapp"
    version: str = "2.16"


class Contact(msgspec.Struct, frozen=True):
    """The contact a message goes to, as Intercom knows it."""

    id: str
    role: str = "user"
    created_at: int = 0
    """Unix seconds; 0 where it does not matter any more."""
    dead_mail: str = ""
    """Why it can't be mailed, "" where it can."""


class Intercom(HttpChannel):
    name = "intercom"
    medium = "chat"
    title = "Intercom"
    known_to_customers = True
    address_kinds = ("intercom", "email", "phone")
    rank = 30
    Settings = IntercomSettings
    secrets = ("INTERCOM_ACCESS_TOKEN",)
    optional_secrets = ("INTERCOM_CLIENT_SECRET",)
    console = "app.intercom.com, Developer Hub, your app, Authentication"
    default_rate = 10

    CODES: ClassVar[Mapping[str, Verdict]] = {
        "api_plan_restricted": channel(_PLAN),
        "forbidden": channel(_PLAN),
        "not_found": recipient("the contact is gone, or admin_id is not a teammate's"),
        "parameter_invalid": message("Intercom does not take this text"),
        "parameter_not_found": message("Intercom does not take this text"),
        "rate_limit_exceeded": throttled(),
        "contact_merged": recipient("the contact was merged into another one"),
        "unauthorized": channel(_TOKEN),
        "token_unauthorized": channel(_TOKEN),
        "token_not_found": channel(_TOKEN),
        "token_revoked": channel(_TOKEN),
        "token_expired": channel(_TOKEN),
    }
    STATUSES: ClassVar[Mapping[int, Verdict]] = {404: recipient("the contact is gone, or admin_id is not a teammate's")}

    settings: IntercomSettings

    def __init__(self, settings: IntercomSettings, secrets: Mapping[str, str], http: Http) -> None:
        super().__init__(settings, secrets, http)
        part = "" if settings.region == "us" else f"{settings.region}."
        self.origin = f"https://api.{part}intercom.io"
        self.headers = {
            "Authorization": f"Bearer {self.secret['INTERCOM_ACCESS_TOKEN']}",
            "Accept": "application/json",
            "Intercom-Version": settings.version,
        }
        if settings.kind == "email":
            self.heeds = ("email",)

    def address_of(self, addresses: Mapping[str, str]) -> str | None:
        """Who is mailed is known by the address that the mail goes to, where there is one: opt-outs of mail name no other."""
        mail = addresses.get("email") if self.settings.kind == "email" else None
        return mail or super().address_of(addresses)

    async def send(self, out: Outgoing) -> Outcome:
        until = self.deadline()
        contact = await self._contact(out, until)
        if not isinstance(contact, Contact):
            return contact
        if self.settings.kind == "email" and contact.dead_mail:
            opted_out = contact.dead_mail == "unsubscribed_from_emails"
            return Rejected(Scope.RECIPIENT, contact.dead_mail, "Intercom won't mail this contact", opted_out=opted_out)
        answer = await self.call(self._message(contact, out), until=until)
        if isinstance(answer, Response) and answer.status == 410 and (survivor := _survivor(answer)):
            answer = await self.call(self._message(Contact(id=survivor), out), until=until)
        if not isinstance(answer, Response):
            return self.clean(answer, out.addresses.values())
        if answer.status == 404 and out.now // 1000 - contact.created_at < _SETTLES:
            return Deferred("the contact was made a moment ago and is not ready yet", "contact_new", after=15)
        return self.read(answer, out)

    def _message(self, contact: Contact, out: Outgoing) -> Request:
        text = html.escape(out.rendered.text, quote=False).replace("\n", "<br>")
        body: dict[str, Any] = {
            "message_type": self.settings.kind,
            "body": text,
            "from": {"type": "admin", "id": self.settings.admin_id},
            "to": {"type": contact.role, "id": contact.id},
        }
        if self.settings.kind == "email":
            body |= {"subject": out.rendered.subject or out.order_ref, "template": "plain"}
            body["body"] = out.rendered.html or text
        return json_request("POST", "/messages", body, headers=self.headers)

    # the contact, found or made

    async def _contact(self, out: Outgoing, until: float) -> Contact | Failure:
        known = out.addresses.get("intercom", "")
        if _CONTACT_ID.fullmatch(known):
            return await self._of_id(known, out, until)
        found = await self._by_external_id(known, out, until) if known else None
        for kind in ("email", "phone"):
            if found is None and out.addresses.get(kind):
                found = await self._search(kind, out, until)
        return await self._create(known, out, until) if found is None else found

    async def _of_id(self, known: str, out: Outgoing, until: float) -> Contact | Failure:
        """To be mailed, with what Intercom says of mailing it."""
        if self.settings.kind != "email":
            return Contact(id=known)
        answer = await self._get(known, out, until, also=(410,))
        if isinstance(answer, Response) and answer.status == 410:
            answer = await self._get(_survivor(answer) or known, out, until)
        return answer if not isinstance(answer, Response) else _read(answer.object()) or Contact(id=known)

    async def _get(
        self, contact: str, out: Outgoing, until: float, *, also: tuple[int, ...] = ()
    ) -> Response | Failure:
        request = Request(method="GET", path=f"/contacts/{contact}", headers=self.headers)
        return await self.ask(request, out, until=until, also=also)

    async def _by_external_id(self, external_id: str, out: Outgoing, until: float) -> Contact | Failure | None:
        path = f"/contacts/find_by_external_id/{quote(external_id, safe='')}"
        request = Request(method="GET", path=path, headers=self.headers)
        answer = await self.ask(request, out, until=until, also=(404, 410))
        if not isinstance(answer, Response):
            return answer
        if answer.status == 410:
            survivor = _survivor(answer)
            return await self._of_id(survivor, out, until) if survivor else None
        return _read(answer.object()) if answer.ok else None

    async def _search(self, kind: str, out: Outgoing, until: float) -> Contact | Failure | None:
        query = {"field": kind, "operator": "=", "value": out.addresses[kind]}
        body = {"query": query, "pagination": {"per_page": 5}}
        answer = await self.ask(json_request("POST", "/contacts/search", body, headers=self.headers), out, until=until)
        if not isinstance(answer, Response):
            return answer
        found = [contact for contact in map(_read, objects(answer.object().get("data"))) if contact]
        return next((contact for contact in found if contact.role == "user"), found[0] if found else None)

    async def _create(self, external_id: str, out: Outgoing, until: float) -> Contact | Failure:
        known = {"external_id": external_id, "name": out.name}
        known |= {kind: out.addresses.get(kind, "") for kind in ("email", "phone")}
        body = {"role": "user", **{name: value for name, value in known.items() if value}}
        request = json_request("POST", "/contacts", body, headers=self.headers)
        answer = await self.ask(request, out, until=until, also=(409,))
        if not isinstance(answer, Response):
            return answer
        if answer.ok:
            made = _read({**answer.object(), "created_at": out.now // 1000})
            return made or Deferred("Intercom made a contact but did not say which", "no_contact")
        existing = _CONTACT_ID.search(answer.text)
        if existing is None:
            return Deferred("the contact exists but is not found yet", "409", after=15)
        return await self._of_id(existing[0], out, until)

    # answers

    def accepted(self, response: Response, out: Outgoing) -> Accepted | None:
        message_id = response.object().get("id")
        return Accepted(str(message_id)) if message_id else None

    def problem(self, response: Response) -> Problem:
        error = next(iter(objects(response.object().get("errors"))), {})
        return Problem(code=str(error.get("code") or ""), text=str(error.get("message") or ""))

    def check_request(self) -> Request:
        return Request(method="GET", path="/me", headers=self.headers)

    def read_check(self, response: Response) -> Health:
        app = response.object().get("app")
        name = app.get("name") or app.get("id_code") if isinstance(app, dict) else ""
        return Health(ok=True, summary=f"the token opens the workspace {name or ''}".rstrip())

    # webhooks

    def receive(self, request: InboundRequest) -> Inbound:
        secret = self.secret.get("INTERCOM_CLIENT_SECRET")
        if not secret:
            raise InboundRefused(
                "INTERCOM_CLIENT_SECRET is needed to check Intercom's signature: put it in .env", status=503
            )
        due = "sha1=" + hmac.new(secret.encode(), request.body, hashlib.sha1).hexdigest()
        if not hmac.compare_digest(due.encode(), request.headers.get("x-hub-signature", "").encode()):
            raise InboundRefused(
                "the signature does not hold: is INTERCOM_CLIENT_SECRET the client secret of the app that calls?"
            )
        try:
            body = msgspec.json.decode(request.body, type=_Notification)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise InboundRefused("the body is not a notification of Intercom's", status=400) from error
        item = body.data.get("item")
        if not isinstance(item, dict):
            return Inbound()
        if body.topic == "contact.unsubscribed":
            return Inbound(replies=_unsubscribed(item, body.id))
        if body.topic in {"conversation.user.created", "conversation.user.replied"}:
            return Inbound(replies=_written(item, body.id))
        return Inbound()

    async def believed(self, inbound: Inbound) -> Inbound:
        """All of it. But a notification names no number, and an order may know whoever wants silence by nothing else: where Intercom tells
        it. Where it can't just now, all is to be sent again: what is heard twice is taken once."""
        written = next((reply for reply in inbound.replies if reply.text), None)
        contact = next((reply.address for reply in inbound.replies if _CONTACT_ID.fullmatch(reply.address)), "")
        consent = _consent(written.text) if written else None
        if written is None or not contact or consent is None:
            return inbound
        asked = Request(method="GET", path=f"/contacts/{contact}", headers=self.headers)
        answer = await self.call(asked, until=self.deadline())
        row = answer.object() if isinstance(answer, Response) and answer.ok else {}
        if not row.get("id") and not (isinstance(answer, Response) and is_refusal(answer)):
            raise InboundRefused("Intercom could not be asked for their number: it will be sent again", status=503)
        number = re.sub(r"[^\d+]", "", str(row.get("phone") or ""))
        if not number:
            return inbound
        named = Reply(address=number, id=f"{written.id} {number}", consent=consent)
        return msgspec.structs.replace(inbound, replies=[*inbound.replies, named])


class _Notification(msgspec.Struct):
    topic: str
    id: str = ""
    data: dict[str, Any] = {}


def _read(row: Mapping[str, Any]) -> Contact | None:
    if not row.get("id"):
        return None
    marks = ("unsubscribed_from_emails", "has_hard_bounced", "marked_email_as_spam")
    created = row.get("created_at")
    return Contact(
        id=str(row["id"]),
        role="lead" if row.get("role") == "lead" else "user",
        created_at=created if isinstance(created, int) else 0,
        dead_mail=next((mark for mark in marks if row.get(mark) is True), ""),
    )


def _survivor(answer: Response) -> str:
    """Into which contact the one that was asked for was merged; "" where that is not told."""
    found = _CONTACT_ID.search(answer.headers.get("link", ""))
    return found[0] if found else ""


def _unsubscribed(item: Mapping[str, Any], notification: str) -> list[Reply]:
    """The contact, or since version 2.7 what has it beside the subscription."""
    nested = item.get("contact")
    contact = nested if isinstance(nested, dict) else item
    address = str(contact.get("email") or "")
    return [Reply(address=address, id=notification, consent="stop", medium="email")] if address else []


def _written(item: Mapping[str, Any], notification: str) -> list[Reply]:
    """What the customer wrote: the conversation's newest part, or its opening."""
    parts = item.get("conversation_parts")
    part = next(reversed(objects(parts.get("conversation_parts") if isinstance(parts, dict) else None)), None)
    part = part or item.get("source")
    author = part.get("author") if isinstance(part, dict) else None
    if (
        not isinstance(part, dict)
        or not isinstance(author, dict)
        or str(author.get("type")) not in {"user", "lead", "contact"}
    ):
        return []
    text = unescaped(re.sub(r"<[^>]+>", " ", str(part.get("body") or ""))).strip()
    names = _names(item, author)
    said = [Reply(address=name, text=text, id=str(part.get("id") or notification)) for name in names[:1]]
    consent = _consent(text)
    if consent is None:
        return said
    return said + [Reply(address=name, id=f"{said[0].id} {name}", consent=consent) for name in names[1:]]


def _consent(text: str) -> Literal["stop", "start"] | None:
    reading = consent_words.read(text)
    if reading is None or reading.wish is consent_words.Wish.HELP:
        return None
    return "stop" if reading.wish is consent_words.Wish.STOP else "start"


def _names(item: Mapping[str, Any], author: Mapping[str, Any]) -> list[str]:
    """All that an order may know its author by: the mail address, Intercom's own id, the shop's."""
    listed = item.get("contacts")
    contacts = objects(listed.get("contacts") if isinstance(listed, dict) else None)
    own = [contact.get("external_id") for contact in contacts if contact.get("id") == author.get("id")]
    return list(dict.fromkeys(str(name) for name in (author.get("email"), author.get("id"), *own) if name))
