"""The stand-ins for chat and push say what Slack, Meta, Intercom, Pusher and Google document."""

from typing import Any, ClassVar

import pytest

from tests.support.good_requests import SLACK, SLACK_MESSAGE, WHATSAPP, WHATSAPP_TEMPLATE, WHATSAPP_TEXT
from tests.support.stand_in import StandIns


class TestSlack:
    def test_takes_a_message_and_names_it_by_channel_and_ts(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("slack", "POST", SLACK, value=SLACK_MESSAGE)
        assert (said.status, said.json["ok"], said.json["channel"]) == (200, True, "C0123ABCD")
        assert said.json["ts"] == stand_ins.last.id
        assert (stand_ins.last.text, stand_ins.last.reference) == ("B-1042 & more", "m1.1")

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"channel": ""}, "channel_not_found"),
            ({"channel": "orders"}, "channel_not_found"),
            ({"channel": "C0-invalid"}, "channel_not_found"),
            ({"channel": "C0-undelivered"}, "is_archived"),
            ({"text": ""}, "no_text"),
            ({"text": "x" * 40_001}, "msg_too_long"),
            ({"blocks": [{}] * 51}, "invalid_blocks"),
            ({"metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ],
    )
    def test_says_no_in_a_200(self, stand_ins: StandIns, change: dict[str, Any], error: str) -> None:
        said = stand_ins.ask("slack", "POST", SLACK, value={**SLACK_MESSAGE, **change})
        assert (said.status, said.json) == (200, {"ok": False, "error": error})

    def test_credentials_and_media_type_too(self, stand_ins: StandIns) -> None:
        assert stand_ins.ask("slack", "POST", SLACK, value=SLACK_MESSAGE, signed=False).json["error"] == "not_authed"
        bad = {"Authorization": "Bearer xoxb-no"}
        assert stand_ins.ask("slack", "POST", SLACK, value=SLACK_MESSAGE, headers=bad).json["error"] == "invalid_auth"
        text = {"Content-Type": "text/plain"}
        assert stand_ins.ask("slack", "POST", SLACK, body=b"x", headers=text).json["error"] == "invalid_post_type"

    def test_history_shows_our_reference_when_asked_for_metadata(self, stand_ins: StandIns) -> None:
        stand_ins.ask("slack", "POST", SLACK, value=SLACK_MESSAGE)
        query = {"channel": "C0123ABCD", "oldest": "1795515000", "include_all_metadata": "true"}
        found = stand_ins.ask("slack", "GET", "/api/conversations.history", query=query).json["messages"]
        assert found[0]["metadata"]["event_payload"]["ref"] == "m1.1"
        del query["include_all_metadata"]
        assert (
            "metadata"
            not in stand_ins.ask("slack", "GET", "/api/conversations.history", query=query).json["messages"][0]
        )

    def test_opens_a_conversation_with_a_person(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("slack", "POST", "/api/conversations.open", value={"users": "U0123ABCD"})
        assert said.json["channel"]["id"] == "D0123ABCD"


class TestWhatsApp:
    def test_takes_a_template_at_any_time(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("whatsapp", "POST", WHATSAPP, value=WHATSAPP_TEMPLATE)
        assert (said.status, said.json["messages"][0]["message_status"]) == (200, "accepted")
        assert said.json["messages"][0]["id"] == stand_ins.last.id
        assert (stand_ins.last.to, stand_ins.last.reference) == ("+447700900123", "m1.1")

    def test_takes_free_text_for_a_day_after_the_customer_wrote(self, stand_ins: StandIns) -> None:
        closed = stand_ins.ask("whatsapp", "POST", WHATSAPP, value=WHATSAPP_TEXT)
        assert (closed.status, closed.json["error"]["code"]) == (400, 131047)
        stand_ins.windows.wrote("whatsapp", "+447700900123", stand_ins.now)
        assert stand_ins.ask("whatsapp", "POST", WHATSAPP, value=WHATSAPP_TEXT).status == 200
        stand_ins.later(24 * 3600)
        assert stand_ins.ask("whatsapp", "POST", WHATSAPP, value=WHATSAPP_TEXT).json["error"]["code"] == 131047

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"messaging_product": "sms"}, 100),
            ({"to": ""}, 131008),
            ({"to": "ada"}, 131009),
            ({"to": "447700900903"}, 131026),
            ({"type": "poem"}, 131051),
            ({"template": {"name": "order_ready"}}, 131008),
            ({"template": {"name": "order_missing", "language": {"code": "en"}}}, 132001),
            ({"biz_opaque_callback_data": "x" * 513}, 131009),
        ],
    )
    def test_refuses_with_metas_codes(self, stand_ins: StandIns, change: dict[str, Any], code: int) -> None:
        said = stand_ins.ask("whatsapp", "POST", WHATSAPP, value={**WHATSAPP_TEMPLATE, **change})
        assert said.status >= 400
        assert (said.json["error"]["code"], said.json["error"]["type"]) == (code, "OAuthException")

    def test_a_parameter_may_hold_no_line_break(self, stand_ins: StandIns) -> None:
        component = {"type": "body", "parameters": [{"type": "text", "text": "a\nb"}]}
        template = {**WHATSAPP_TEMPLATE["template"], "components": [component]}
        said = stand_ins.ask("whatsapp", "POST", WHATSAPP, value={**WHATSAPP_TEMPLATE, "template": template})
        assert said.json["error"]["code"] == 132018

    def test_wants_the_token(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("whatsapp", "POST", WHATSAPP, value=WHATSAPP_TEMPLATE, signed=False)
        assert (said.status, said.json["error"]["code"]) == (401, 190)

    def test_history_tells_the_steps(self, stand_ins: StandIns) -> None:
        id = stand_ins.ask("whatsapp", "POST", WHATSAPP, value=WHATSAPP_TEMPLATE).json["messages"][0]["id"]
        stand_ins.later(2)
        path = "/v23.0/106540352242922/message_history"
        data = stand_ins.ask("whatsapp", "GET", path, query={"message_id": id}).json["data"]
        assert [event["delivery_status"] for event in data[0]["events"]["data"]] == ["SENT", "DELIVERED"]
        assert stand_ins.ask("whatsapp", "GET", path, query={"message_id": "wamid.no"}).status == 422


class TestMessenger:
    path = "/v25.0/1909458034523498/messages"

    def body(self, kind: str = "UTILITY", to: str = "25381719828140932", **message: Any) -> dict[str, Any]:
        template = {"template": {"name": "order_ready", "language": {"code": "en"}, "components": []}}
        return {"recipient": {"id": to}, "messaging_type": kind, "message": message or template}

    def test_utility_templates_go_at_any_time_and_text_in_the_window(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("messenger", "POST", self.path, value=self.body())
        assert said.json == {"recipient_id": "25381719828140932", "message_id": stand_ins.last.id}
        text = self.body("RESPONSE", text="Ready")
        closed = stand_ins.ask("messenger", "POST", self.path, value=text).json["error"]
        assert (closed["code"], closed["error_subcode"]) == (10, 2018278)
        stand_ins.windows.wrote("messenger", "25381719828140932", stand_ins.now)
        assert stand_ins.ask("messenger", "POST", self.path, value=text).status == 200

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"messaging_type": "UTILITY"}, 100),
            ({"recipient": {"id": "psid-invalid"}, "message": {"text": "x"}}, 100),
            ({"recipient": {"id": "psid-optedout"}, "message": {"text": "x"}}, 551),
            ({"recipient": {"id": "1"}, "messaging_type": "MESSAGE_TAG", "tag": "POST_PURCHASE_UPDATE", "message": {"text": "x"}}, 100),
            ({"recipient": {"id": "1"}, "messaging_type": "RESPONSE", "message": {"text": ""}}, 100),
            ({"recipient": {"id": "1"}, "messaging_type": "RESPONSE", "message": {"text": "x" * 2001}}, 100),
            ({"recipient": {"id": "1"}, "messaging_type": "UTILITY", "message": {"attachment": {}}}, 100),
        ],
    )  # fmt: skip
    def test_refuses(self, stand_ins: StandIns, body: dict[str, Any], code: int) -> None:
        said = stand_ins.ask("messenger", "POST", self.path, value=body)
        assert said.status >= 400
        assert said.json["error"]["code"] == code

    def test_the_token_may_be_in_the_query(self, stand_ins: StandIns) -> None:
        query = {"access_token": stand_ins.secrets["MESSENGER_PAGE_TOKEN"]}
        assert stand_ins.ask("messenger", "POST", self.path, value=self.body(), query=query, signed=False).status == 200
        assert stand_ins.ask("messenger", "POST", self.path, value=self.body(), signed=False).status == 401


class TestIntercom:
    def message(self, to: str) -> dict[str, Any]:
        who = {"from": {"type": "admin", "id": "991267766"}, "to": {"type": "user", "id": to}}
        return {"message_type": "inapp", "body": "Ready", **who}

    def test_a_contact_is_made_once_found_and_written_to(self, stand_ins: StandIns) -> None:
        body = {"role": "user", "email": "ada@example.com", "external_id": "cust-77"}
        made = stand_ins.ask("intercom", "POST", "/contacts", value=body).json
        again = stand_ins.ask("intercom", "POST", "/contacts", value=body)
        assert again.status == 409
        assert made["id"] in again.json["errors"][0]["message"]
        query = {"query": {"field": "email", "operator": "=", "value": "ada@example.com"}}
        found = stand_ins.ask("intercom", "POST", "/contacts/search", value=query).json["data"]
        assert [contact["id"] for contact in found] == [made["id"]]
        assert stand_ins.ask("intercom", "GET", "/contacts/find_by_external_id/cust-77").json["id"] == made["id"]
        said = stand_ins.ask("intercom", "POST", "/messages", value=self.message(made["id"]))
        assert (said.json["type"], said.json["id"]) == ("admin_message", stand_ins.last.id)
        assert stand_ins.last.to == "ada@example.com"

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"body": ""}, 400, "parameter_invalid"),
            ({"message_type": "fax"}, 400, "parameter_invalid"),
            ({"message_type": "email"}, 422, "parameter_not_found"),
            ({"from": {}}, 422, "parameter_not_found"),
            ({"to": {}}, 422, "parameter_not_found"),
            ({"to": {"type": "user", "id": "nobody"}}, 404, "not_found"),
        ],
    )
    def test_refuses_with_an_error_list(
        self, stand_ins: StandIns, change: dict[str, Any], status: int, code: str
    ) -> None:
        said = stand_ins.ask("intercom", "POST", "/messages", value={**self.message("contact-1"), **change})
        assert (said.status, said.json["type"], said.json["errors"][0]["code"]) == (status, "error.list", code)
        assert said.json["request_id"]


class TestPusher:
    path = "/apps/3/events"
    good: ClassVar[dict[str, Any]] = {
        "name": "order",
        "channels": ["private-ada"],
        "data": '{"id":"m1.1","text":"Ready"}',
    }

    def test_takes_an_event_and_a_batch(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("pusher", "POST", self.path, value=self.good)
        assert (said.status, said.json) == (200, {})
        assert (stand_ins.last.to, stand_ins.last.reference, stand_ins.last.text) == ("private-ada", "m1.1", "Ready")
        one = {"name": "order", "channel": "private-ada", "data": "x"}
        assert stand_ins.ask("pusher", "POST", "/apps/3/batch_events", value={"batch": [one] * 10}).status == 200
        assert stand_ins.ask("pusher", "POST", "/apps/3/batch_events", value={"batch": [one] * 11}).status == 400
        assert len(stand_ins.mailbox) == 11

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"name": ""}, 400),
            ({"name": "x" * 201}, 400),
            ({"data": {"not": "text"}}, 400),
            ({"data": "x" * 10_241}, 413),
            ({"channels": []}, 400),
            ({"channels": ["c"] * 101}, 400),
            ({"channels": ["no spaces"]}, 400),
            ({"socket_id": "x"}, 400),
        ],
    )
    def test_refuses(self, stand_ins: StandIns, change: dict[str, Any], status: int) -> None:
        assert stand_ins.ask("pusher", "POST", self.path, value={**self.good, **change}).status == status
        assert len(stand_ins.mailbox) == 0


class TestFcm:
    path = "/v1/projects/sandbox-project/messages:send"

    def body(self, **message: Any) -> dict[str, Any]:
        return {"message": {"token": "abc", "notification": {"title": "B-1042", "body": "Ready"}, **message}}

    def test_takes_a_message_and_names_it(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("fcm", "POST", self.path, value=self.body(data={"id": "m1.1"}))
        assert said.json == {"name": stand_ins.last.id}
        assert (stand_ins.last.subject, stand_ins.last.text, stand_ins.last.reference) == ("B-1042", "Ready", "m1.1")

    def test_validate_only_delivers_nothing(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("fcm", "POST", self.path, value={"validate_only": True, **self.body()})
        assert said.status == 200
        assert len(stand_ins.mailbox) == 0

    @pytest.mark.parametrize(
        ("message", "status", "code"),
        [
            ({"token": "x-invalid"}, 400, "INVALID_ARGUMENT"),
            ({"token": "x-undelivered"}, 404, "UNREGISTERED"),
            ({"token": "x-optedout"}, 403, "SENDER_ID_MISMATCH"),
        ],
    )
    def test_bad_tokens_carry_an_fcm_error(self, stand_ins: StandIns, message: Any, status: int, code: str) -> None:
        said = stand_ins.ask("fcm", "POST", self.path, value=self.body(**message))
        assert (said.status, said.json["error"]["details"][0]["errorCode"]) == (status, code)

    @pytest.mark.parametrize(
        "message",
        [
            {"data": {"n": 12}},
            {"data": {"google.x": "y"}},
            {"data": {"big": "x" * 4097}},
            {"topic": "both"},
            {"token": ""},
            {"android": {"ttl": "3600"}},
            {"android": {"priority": "URGENT"}},
        ],
    )
    def test_our_own_mistakes_carry_field_violations(self, stand_ins: StandIns, message: dict[str, Any]) -> None:
        said = stand_ins.ask("fcm", "POST", self.path, value=self.body(**message))
        assert said.status == 400
        assert said.json["error"]["details"][0]["fieldViolations"]

    def test_another_project_is_not_found_without_an_fcm_error(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("fcm", "POST", self.path.replace("sandbox-", ""), value=self.body())
        assert (said.status, "details" in said.json["error"]) == (404, False)

    def test_wants_a_token_of_its_own(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("fcm", "POST", self.path, value=self.body(), signed=False)
        assert (said.status, said.json["error"]["status"]) == (401, "UNAUTHENTICATED")
