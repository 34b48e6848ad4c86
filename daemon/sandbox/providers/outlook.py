"""Microsoft 365 mail by Graph, app-only: token, sendMail, draft and send (https://learn.microsoft.com/graph/api/user-sendmail)."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.fate import Fate, fate_of
from daemon.sandbox.providers.base import Provider, Routes, World, as_list, as_object, as_text, with_headers
from daemon.sandbox.times import iso

LIFETIME = 3599


class Outlook(Provider):
    name = "outlook"
    medium = "email"
    secrets: ClassVar[Mapping[str, str]] = {
        "OUTLOOK_TENANT_ID": "11111111-2222-3333-4444-555555555555",
        "OUTLOOK_CLIENT_ID": "22222222-3333-4444-5555-666666666666",
        "OUTLOOK_CLIENT_SECRET": "sandbox-outlook-secret",
    }
    table: ClassVar[Mapping[str, Any]] = {"sender": "orders@example.com"}

    def __init__(self, world: World) -> None:
        self._drafts: dict[str, Mapping[str, Any]] = {}
        super().__init__(world)

    def routes(self) -> Routes:
        user = "/v1.0/users/{user}"
        return {
            f"POST {user}/sendMail": self.send_mail,
            f"POST {user}/messages": self.draft,
            f"GET {user}/messages/{{id}}": self.fetch,
            f"POST {user}/messages/{{id}}/send": self.send_draft,
            f"GET {user}/mailFolders/{{folder}}/messages": self.folder,
            f"GET {user}": self.user,
        }

    def authorize(self, call: Call) -> None:
        if not self.world.tokens.good(self.name, call.token(), call.now):
            raise self.refuse(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        kinds = {
            400: "ErrorInvalidRequest",
            404: "ResourceNotFound",
            429: "ApplicationThrottled",
            503: "ServiceUnavailable",
        }
        kind = code or kinds.get(status, "UnknownError")
        inner = {"request-id": self.uuid(), "client-request-id": self.uuid(), "date": "2026-11-24T11:00:00"}
        return reply(status, {"error": {"code": kind, "message": text or kind, "innerError": inner}})

    # ------------------------------------------------------------ sending

    def send_mail(self, call: Call, user: str) -> Response:
        body = as_object(call.json)
        message = as_object(body.get("message") or body.get("Message"))
        if not message:
            raise self.refuse(400, "ErrorInvalidRequest", "The message property is required.")
        self._check_user(user)
        self._take(call, user, message, id="")
        return self._accepted()

    def draft(self, call: Call, user: str) -> Response:
        self._check_user(user)
        message = as_object(call.json)
        self._check(message)
        id = f"AAMk{self.hex(40)}"
        self._drafts[id] = message
        if len(self._drafts) > 1000:
            del self._drafts[next(iter(self._drafts))]
        return reply(201, self._resource(id, message, draft=True))

    def send_draft(self, call: Call, user: str, id: str) -> Response:
        message = self._drafts.pop(id, None)
        if message is None:
            raise self.refuse(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        self._take(call, user, message, id=id)
        return self._accepted()

    def fetch(self, call: Call, user: str, id: str) -> Response:
        if id in self._drafts:
            return reply(200, self._resource(id, self._drafts[id], draft=True))
        raise self.refuse(404, "ErrorItemNotFound", "The specified object was not found in the store.")

    def folder(self, call: Call, user: str, folder: str) -> Response:
        """Sent Items hold what was sent, newest first; the Inbox holds no reports here. A filter names the marks that are looked for."""
        sent = self.mine() if folder.lower() == "sentitems" else []
        if "$filter" in call.query:
            marks = re.findall(r"p/value eq '([^']*)'", call.query["$filter"])
            sent = [a for a in sent if a.reference in marks]
        value = [
            {
                "id": a.id or str(a.seq),
                "subject": a.subject,
                "isDraft": False,
                "sentDateTime": iso(a.at),
                "internetMessageHeaders": [{"name": "x-msg-ref", "value": a.reference}],
                "toRecipients": [{"emailAddress": {"address": a.to}}],
            }
            for a in sent[:10]
        ]
        return reply(200, {"value": value})

    def user(self, call: Call, user: str) -> Response:
        self._check_user(user)
        return reply(200, {"id": self.uuid(), "userPrincipalName": user, "mail": user})

    # ------------------------------------------------------------ parts

    def _check_user(self, user: str) -> None:
        if fate_of(user) is Fate.INVALID:
            raise self.refuse(404, "ErrorInvalidUser", f"The requested user '{user}' is invalid.")

    def _check(self, message: Mapping[str, Any]) -> list[str]:
        kinds = ("toRecipients", "ccRecipients", "bccRecipients")
        entries = [as_object(entry) for kind in kinds for entry in as_list(message.get(kind))]
        to = [as_text(as_object(entry.get("emailAddress")).get("address")) for entry in entries]
        if not to or len(to) > 500 or not all("@" in address for address in to):
            raise self.refuse(400, "ErrorInvalidRecipients", "At least one recipient is not valid.")
        if any(fate_of(address) is Fate.INVALID for address in to):
            raise self.refuse(400, "ErrorInvalidRecipients", "At least one recipient is not valid.")
        body = as_object(message.get("body"))
        if body.get("contentType", "text") not in ("text", "html"):
            raise self.refuse(400, "RequestBodyRead", "contentType is text or html")
        headers = [as_text(as_object(h).get("name")) for h in as_list(message.get("internetMessageHeaders"))]
        if len(headers) > 5 or not all(name.lower().startswith("x-") for name in headers):
            raise self.refuse(
                400, "InvalidInternetMessageHeader", "Custom headers begin with x-, and are at most five."
            )
        return to

    def _take(self, call: Call, user: str, message: Mapping[str, Any], id: str) -> None:
        body = as_object(message.get("body"))
        content = as_text(body.get("content"))
        is_html = body.get("contentType") == "html"
        headers = [as_object(h) for h in as_list(message.get("internetMessageHeaders"))]
        for to in self._check(message):
            self.accept(
                call,
                id=id,
                to=to,
                sender=user,
                subject=as_text(message.get("subject")),
                text="" if is_html else content,
                html=content if is_html else "",
                reference=next(
                    (as_text(h.get("value")) for h in headers if "ref" in as_text(h.get("name")).lower()), ""
                ),
            )

    def _accepted(self) -> Response:
        return with_headers(Response(202), {"request-id": self.uuid()})

    def _resource(self, id: str, message: Mapping[str, Any], *, draft: bool) -> dict[str, Any]:
        return {**message, "id": id, "isDraft": draft, "internetMessageId": f"<{id}@example.com>"}

    # ------------------------------------------------------------ tokens

    def token_routes(self) -> Routes:
        return {"POST /{tenant}/oauth2/v2.0/token": self.token}

    def token(self, call: Call, tenant: str) -> Response:
        """POST {auth}/{tenant}/oauth2/v2.0/token"""
        secrets = self.world.secrets
        if tenant != secrets["OUTLOOK_TENANT_ID"]:
            return _oauth_error(400, "invalid_request", "AADSTS90002: Tenant not found.", 90002)
        if call.field("grant_type") != "client_credentials":
            return _oauth_error(400, "unsupported_grant_type", "AADSTS70003: The grant type is not supported.", 70003)
        if not call.field("scope").endswith("/.default"):
            return _oauth_error(400, "invalid_scope", "AADSTS1002012: The scope must end in /.default.", 1002012)
        if call.field("client_id") != secrets["OUTLOOK_CLIENT_ID"]:
            return _oauth_error(400, "unauthorized_client", "AADSTS700016: Application not found.", 700016)
        if call.field("client_secret") != secrets["OUTLOOK_CLIENT_SECRET"]:
            return _oauth_error(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.", 7000215)
        token = self.world.tokens.issue(self.name, call.now, LIFETIME)
        value = {"token_type": "Bearer", "expires_in": LIFETIME, "ext_expires_in": LIFETIME, "access_token": token}
        return reply(200, value)


def _oauth_error(status: int, error: str, text: str, number: int) -> Response:
    return reply(status, {"error": error, "error_description": text, "error_codes": [number]})
