"""Zoho CRM v8: token, upsert, update, search, send_mail (https://www.zoho.com/crm/developer/docs/api/v8).

Records are kept. Each record's own `status` and `code` decide; an unchanged value fires no workflow and is noted as a repeat.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from daemon.sandbox.exchange import Call, Response, reply
from daemon.sandbox.providers.base import Provider, Routes, World, as_list, as_object, as_text
from daemon.sandbox.times import offset

LIFETIME = 3600
_KEEP = 10_000
_TRIGGERS = frozenset({"workflow", "approval", "blueprint", "pathfinder", "orchestration"})
_WHO = {"name": "Store", "id": "554023000000235011"}


class Zoho(Provider):
    name = "zoho"
    medium = "crm"
    secrets: ClassVar[Mapping[str, str]] = {
        "ZOHO_CLIENT_ID": "1000.SANDBOX",
        "ZOHO_CLIENT_SECRET": "sandbox-zoho-secret",
        "ZOHO_REFRESH_TOKEN": "1000.sandbox.refresh",
    }
    table: ClassVar[Mapping[str, Any]] = {"dc": "eu", "module": "Deals", "field": "Order_Status"}

    def __init__(self, world: World) -> None:
        self._records: dict[tuple[str, str], dict[str, Any]] = {}
        super().__init__(world)

    def routes(self) -> Routes:
        return {
            "POST /crm/v8/{module}/upsert": self.upsert,
            "POST /crm/v8/{module}": self.insert,
            "GET /crm/v8/{module}/search": self.search,
            "GET /crm/v8/settings/fields": self.fields,
            "POST /crm/v8/settings/fields": self.create_field,
            "GET /crm/v8/org": self.org,
            "PUT /crm/v8/{module}/{id}": self.update,
            "GET /crm/v8/{module}/{id}": self.fetch,
            "GET /crm/v8/{module}": self.listed,
            "POST /crm/v8/{module}/{id}/actions/send_mail": self.send_mail,
        }

    def authorize(self, call: Call) -> None:
        if not self.world.tokens.good(self.name, call.token("Zoho-oauthtoken"), call.now):
            raise self.refuse(401, "INVALID_TOKEN", "invalid oauth token")

    def problem(self, status: int, code: str = "", text: str = "") -> Response:
        names = {400: "INVALID_DATA", 404: "INVALID_URL_PATTERN", 429: "TOO_MANY_REQUESTS"}
        kind = code or names.get(status, "INTERNAL_ERROR")
        return reply(status, {"code": kind, "details": {}, "message": text or kind.lower(), "status": "error"})

    # ------------------------------------------------------------ records

    def upsert(self, call: Call, module: str) -> Response:
        body, given = self._given(call)
        keys = [as_text(key) for key in as_list(body.get("duplicate_check_fields"))]
        return self._many(call, module, body, given, keys)

    def insert(self, call: Call, module: str) -> Response:
        body, given = self._given(call)
        return self._many(call, module, body, given, [])

    def update(self, call: Call, module: str, id: str) -> Response:
        body, given = self._given(call)
        if (module, id) not in self._records:
            raise self.refuse(400, "INVALID_DATA", "the id given seems to be invalid")
        return reply(200, {"data": [self._write(call, module, body, given[0], self._records[module, id], "")]})

    def _given(self, call: Call) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
        body = as_object(call.json)
        given = [as_object(record) for record in as_list(body.get("data"))]
        if not 1 <= len(given) <= 100:
            raise self.refuse(400, "INVALID_DATA", "data must have 1 to 100 records")
        if not set(map(as_text, as_list(body.get("trigger")))) <= _TRIGGERS:
            raise self.refuse(400, "INVALID_DATA", "trigger is invalid")
        return body, given

    def _many(
        self, call: Call, module: str, body: Mapping[str, Any], given: list[Mapping[str, Any]], keys: list[str]
    ) -> Response:
        results = []
        for record in given:
            bad = next((name for name, value in record.items() if value == "invalid"), None)
            if bad:
                details = {"api_name": bad, "expected_data_type": "picklist"}
                results.append(
                    {"code": "INVALID_DATA", "details": details, "message": "invalid data", "status": "error"}
                )
                continue
            known, by = self._known(module, record, keys)
            results.append(self._write(call, module, body, record, known, by))
        return reply(200 if any(r["status"] == "success" for r in results) else 202, {"data": results})

    def _known(self, module: str, record: Mapping[str, Any], keys: list[str]) -> tuple[dict[str, Any] | None, str]:
        for key in keys:
            for (of, _), held in self._records.items():
                if of == module and record.get(key) and held.get(key) == record[key]:
                    return held, key
        return None, ""

    def _write(
        self,
        call: Call,
        module: str,
        body: Mapping[str, Any],
        record: Mapping[str, Any],
        known: dict[str, Any] | None,
        by: str,
    ) -> dict[str, Any]:
        id = known["id"] if known else f"554023000{self.digits(9)}"
        changed = {name: value for name, value in record.items() if (known or {}).get(name) != value}
        created = known["Created_Time"] if known else offset(call.now)
        held = {**(known or {}), **record, "id": id, "Created_Time": created, "Modified_Time": offset(call.now)}
        self._records[module, id] = held
        if len(self._records) > _KEEP:
            del self._records[next(iter(self._records))]
        fires = "trigger" not in body or "workflow" in as_list(body["trigger"])
        self.accept(
            call,
            id=id,
            to=as_text(held.get("Email")) or f"{module}/{id}",
            text=", ".join(f"{name}: {value}" for name, value in record.items()),
            data={"module": module, "changed": changed, "workflow": fires and bool(changed)},
            repeat=known is not None and not changed,
        )
        details = {
            "id": id,
            "Modified_Time": held["Modified_Time"],
            "Created_Time": created,
            "Modified_By": _WHO,
            "Created_By": _WHO,
        }
        action = {"action": "update" if known else "insert"} | (
            {"duplicate_field": by} if known else {"duplicate_field": None}
        )
        text = "record updated" if known else "record added"
        return {"code": "SUCCESS", "details": details, "message": text, "status": "success", **action}

    def fetch(self, call: Call, module: str, id: str) -> Response:
        if (module, id) not in self._records:
            return Response(204)
        return reply(200, {"data": [self._records[module, id]]})

    def listed(self, call: Call, module: str) -> Response:
        if not call.query.get("fields"):
            raise self.refuse(400, "REQUIRED_PARAM_MISSING", "One of the expected parameter is missing: fields")
        found = [record for (of, _), record in self._records.items() if of == module][::-1]
        return (
            reply(200, {"data": found[:200], "info": {"count": len(found), "more_records": False}})
            if found
            else Response(204)
        )

    def search(self, call: Call, module: str) -> Response:
        """`criteria` in its simplest form, (Field:equals:value), or email, or phone."""
        criteria = call.query.get("criteria", "").strip("()").split(":equals:")
        wanted = {"email": "Email", "phone": "Phone"}
        pairs = {field: call.query[name] for name, field in wanted.items() if name in call.query}
        if len(criteria) == 2:
            pairs[criteria[0]] = criteria[1]
        if not pairs:
            raise self.refuse(400, "REQUIRED_PARAM_MISSING", "criteria, email or phone is required")
        found = [
            record
            for (of, _), record in self._records.items()
            if of == module and all(str(record.get(name)) == value for name, value in pairs.items())
        ]
        return (
            reply(200, {"data": found, "info": {"count": len(found), "more_records": False}})
            if found
            else Response(204)
        )

    # ------------------------------------------------------------ mail, settings

    def send_mail(self, call: Call, module: str, id: str) -> Response:
        mail = as_object(next(iter(as_list(as_object(call.json).get("data"))), None))
        to = [as_text(as_object(entry).get("email")) for entry in as_list(mail.get("to"))]
        if not to or not as_object(mail.get("from")).get("email") or not mail.get("subject"):
            raise self.refuse(400, "MANDATORY_NOT_FOUND", "from, to and subject are required")
        message_id = self.hex(32)
        for address in to:
            html = as_text(mail.get("content"))
            self.accept(call, id=message_id, to=address, medium="email", subject=as_text(mail["subject"]), html=html)
        details = {"message_id": message_id}
        value = {
            "code": "SUCCESS",
            "details": details,
            "message": "Your mail has been sent successfully.",
            "status": "success",
        }
        return reply(200, {"data": [value]})

    def fields(self, call: Call) -> Response:
        names = ("Deal_Name", "Order_No", "Order_Status", "Stage")
        found = [{"api_name": name, "data_type": "text", "field_label": name.replace("_", " ")} for name in names]
        return reply(200, {"fields": found})

    def create_field(self, call: Call) -> Response:
        details = {"id": f"554023000{self.digits(9)}"}
        return reply(
            201, {"fields": [{"code": "SUCCESS", "details": details, "message": "field created", "status": "success"}]}
        )

    def org(self, call: Call) -> Response:
        return reply(200, {"org": [{"id": "554023000000000001", "company_name": "Sandbox"}]})

    # ------------------------------------------------------------ tokens

    def token_routes(self) -> Routes:
        return {"POST /oauth/v2/token": self.token}

    def token(self, call: Call) -> Response:
        """POST {accounts}/oauth/v2/token: all in the form, or all in the query. Errors are in a 200."""
        secrets = self.world.secrets
        given = call.query if call.query else {name: values[0] for name, values in call.form.items()}
        if given.get("grant_type") != "refresh_token":
            return reply(200, {"error": "invalid_request"})
        if (given.get("client_id"), given.get("client_secret")) != (
            secrets["ZOHO_CLIENT_ID"],
            secrets["ZOHO_CLIENT_SECRET"],
        ):
            return reply(200, {"error": "invalid_client"})
        if given.get("refresh_token") != secrets["ZOHO_REFRESH_TOKEN"]:
            return reply(200, {"error": "invalid_code"})
        value = {
            "access_token": self.world.tokens.issue(self.name, call.now, LIFETIME, prefix="1000."),
            "scope": "ZohoCRM.modules.ALL",
            "api_domain": f"http://{call.headers.get('Host', '127.0.0.1')}/zoho",
            "token_type": "Bearer",
            "expires_in": LIFETIME,
        }
        return reply(200, value)
