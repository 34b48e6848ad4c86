"""The stand-ins for CRMs, shops and webhooks say what their vendors document, and know a repeat from news."""

from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest

from tests.support.stand_in import C, StandIns


class TestActiveCampaign:
    def contact(self, value: str = "ready", email: str = "ada@example.com") -> dict[str, Any]:
        return {"contact": {"email": email, "fieldValues": [{"field": "6", "value": value}]}}

    def test_a_contact_is_made_then_updated_and_an_unchanged_value_is_no_news(self, stand_ins: StandIns) -> None:
        said = [stand_ins.ask("activecampaign", "POST", "/api/3/contact/sync", value=self.contact()) for _ in range(2)]
        assert [one.status for one in said] == [201, 200]
        assert said[0].json["contact"]["id"] == said[1].json["contact"]["id"]
        assert [arrival.repeat for arrival in stand_ins.mailbox] == [False, True]

    def test_there_is_no_contact_emails_call(self, stand_ins: StandIns) -> None:
        assert stand_ins.ask("activecampaign", "POST", "/api/3/contactEmails", value={}).status == 404

    def test_fields_are_found_by_tag(self, stand_ins: StandIns) -> None:
        query = {"limit": "100", "filters[perstag]": "ORDER_STATUS"}
        fields = stand_ins.ask("activecampaign", "GET", "/api/3/fields", query=query).json["fields"]
        assert [field["perstag"] for field in fields] == ["ORDER_STATUS"]
        again = stand_ins.ask("activecampaign", "GET", "/api/3/fields", query=query).json["fields"]
        assert again == fields

    def test_enrolment_needs_a_contact(self, stand_ins: StandIns) -> None:
        path = "/api/3/contactAutomations"
        body = {"contactAutomation": {"contact": "10", "automation": "42"}}
        assert stand_ins.ask("activecampaign", "POST", path, value=body).status == 403
        stand_ins.ask("activecampaign", "POST", "/api/3/contact/sync", value=self.contact())
        said = stand_ins.ask("activecampaign", "POST", path, value=body)
        assert said.status == 201
        id = said.json["contactAutomation"]["id"]
        assert stand_ins.ask("activecampaign", "GET", f"{path}/{id}").status == 200

    @pytest.mark.parametrize(("email", "value"), [("ada", "x"), ("invalid@example.com", "x"), ("ada@example.com", 7)])
    def test_refuses_a_bad_sync(self, stand_ins: StandIns, email: str, value: Any) -> None:
        said = stand_ins.ask("activecampaign", "POST", "/api/3/contact/sync", value=self.contact(value, email))
        assert said.status == 422
        assert said.json["errors"]

    def test_events_answer_200_and_success_decides(self, stand_ins: StandIns) -> None:
        form = {
            "key": C["ACTIVECAMPAIGN_EVENT_KEY"],
            "actid": "123",
            "event": "order_ready",
            "eventdata": "1001|ready|m1",
            "visit": '{"email":"ada@example.com"}',
        }
        said = stand_ins.ask("activecampaign", "POST", "/event", form=form, signed=False)
        assert (said.status, said.json["success"]) == (200, 1)
        assert (stand_ins.last.subject, stand_ins.last.reference) == ("order_ready", "m1")
        for bad in ({"key": "no"}, {"actid": "x"}, {"event": "x" * 33}, {"visit": "{"}, {"visit": '{"email":"ada"}'}):
            said = stand_ins.ask("activecampaign", "POST", "/event", form={**form, **bad}, signed=False)
            assert (said.status, said.json["success"]) == (200, 0)


class TestKlaviyo:
    def event(self, **more: Any) -> dict[str, Any]:
        attributes = {
            "properties": {"order_id": "1001", "status": "ready"},
            "unique_id": "m1",
            "metric": {"data": {"type": "metric", "attributes": {"name": "Balloon Order Ready"}}},
            "profile": {"data": {"type": "profile", "attributes": {"email": "ada@example.com"}}},
            **more,
        }
        return {"data": {"type": "event", "attributes": attributes}}

    def post(self, stand_ins: StandIns, body: dict[str, Any], **more: Any) -> Any:
        headers = {"Content-Type": "application/vnd.api+json"}
        return stand_ins.ask("klaviyo", "POST", "/api/events", value=body, headers=headers, **more)

    def test_takes_an_event_once_by_its_unique_id(self, stand_ins: StandIns) -> None:
        for _ in range(2):
            said = self.post(stand_ins, self.event())
            assert (said.status, said.text) == (202, "")
        assert [arrival.repeat for arrival in stand_ins.mailbox] == [False, True]
        assert stand_ins.mailbox.counts() == {"m1": 1}

    def test_another_profile_or_metric_is_another_event(self, stand_ins: StandIns) -> None:
        self.post(stand_ins, self.event())
        self.post(
            stand_ins, self.event(profile={"data": {"type": "profile", "attributes": {"email": "bob@example.com"}}})
        )
        assert not any(arrival.repeat for arrival in stand_ins.mailbox)

    @pytest.mark.parametrize(
        "change",
        [
            {"properties": None},
            {"properties": {str(n): n for n in range(401)}},
            {"metric": {}},
            {"metric": {"data": {"attributes": {"name": "x" * 128}}}},
            {"profile": {}},
            {"profile": {"data": {"attributes": {"phone_number": "07700 900123"}}}},
        ],
    )
    def test_refuses(self, stand_ins: StandIns, change: dict[str, Any]) -> None:
        said = self.post(stand_ins, self.event(**change))
        assert said.status == 400
        assert {"id", "code", "title", "detail"} <= said.json["errors"][0].keys()

    def test_wants_the_literal_scheme_and_a_revision(self, stand_ins: StandIns) -> None:
        bearer = {"Authorization": f"Bearer {C['KLAVIYO_API_KEY']}"}
        assert stand_ins.ask("klaviyo", "GET", "/api/metrics", headers=bearer).status == 401
        assert stand_ins.ask("klaviyo", "GET", "/api/metrics", headers={"revision": "soon"}).status == 400

    def test_events_are_found_by_metric(self, stand_ins: StandIns) -> None:
        self.post(stand_ins, self.event())
        metric = stand_ins.ask("klaviyo", "GET", "/api/metrics").json["data"][0]["id"]
        query = {"filter": f'equals(metric_id,"{metric}")', "sort": "-datetime", "page[size]": "50"}
        found = stand_ins.ask("klaviyo", "GET", "/api/events", query=query).json["data"]
        assert found[0]["attributes"]["event_properties"]["order_id"] == "1001"
        flows = stand_ins.ask("klaviyo", "GET", f"/api/metrics/{metric}/flow-triggers").json["data"]
        assert flows[0]["attributes"]["status"] == "live"


class TestHubSpot:
    upsert = "/crm/v3/objects/orders/batch/upsert"

    def inputs(self, status: str = "ready") -> dict[str, Any]:
        return {
            "inputs": [
                {"id": "1001", "idProperty": "tether_order_number", "properties": {"tether_order_status": status}}
            ]
        }

    def test_an_upsert_creates_once_and_an_unchanged_value_is_no_news(self, stand_ins: StandIns) -> None:
        said = [stand_ins.ask("hubspot", "POST", self.upsert, value=self.inputs()).json["results"][0] for _ in range(2)]
        assert [one["new"] for one in said] == [True, False]
        assert said[0]["id"] == said[1]["id"]
        assert [arrival.repeat for arrival in stand_ins.mailbox] == [False, True]

    def test_an_object_is_addressed_by_id_or_property(self, stand_ins: StandIns) -> None:
        id = stand_ins.ask("hubspot", "POST", self.upsert, value=self.inputs()).json["results"][0]["id"]
        patch = {"properties": {"tether_order_status": "collected"}}
        assert stand_ins.ask("hubspot", "PATCH", f"/crm/v3/objects/0-123/{id}", value=patch).status == 200
        query = {"idProperty": "tether_order_number"}
        found = stand_ins.ask("hubspot", "GET", "/crm/v3/objects/orders/1001", query=query).json
        assert found["properties"]["tether_order_status"] == "collected"
        assert stand_ins.ask("hubspot", "PATCH", "/crm/v3/objects/orders/7", value=patch).status == 404
        body = {
            "filterGroups": [{"filters": [{"propertyName": "tether_order_number", "operator": "EQ", "value": "1001"}]}]
        }
        assert stand_ins.ask("hubspot", "POST", "/crm/v3/objects/orders/search", value=body).json["total"] == 1

    @pytest.mark.parametrize(
        "body",
        [{}, {"inputs": []}, {"inputs": [{"properties": {}}]}, {"inputs": [{"id": "1", "properties": {"n": 1}}]}],
    )
    def test_refuses_in_its_own_shape(self, stand_ins: StandIns, body: dict[str, Any]) -> None:
        said = stand_ins.ask("hubspot", "POST", self.upsert, value=body)
        assert (said.status, said.json["category"]) == (400, "VALIDATION_ERROR")
        assert said.json["correlationId"]

    def test_a_property_that_is_not_there_cannot_be_written(self, stand_ins: StandIns) -> None:
        body = {"inputs": [{"id": "1001", "idProperty": "tether_order_number", "properties": {"colour": "red"}}]}
        said = stand_ins.ask("hubspot", "POST", self.upsert, value=body)
        assert (said.status, said.json["errors"][0]["code"]) == (400, "PROPERTY_DOESNT_EXIST")
        made = {"name": "colour", "label": "Colour", "type": "string", "fieldType": "text", "groupName": "order"}
        stand_ins.ask("hubspot", "POST", "/crm/v3/properties/orders", value=made)
        assert stand_ins.ask("hubspot", "POST", self.upsert, value=body).status == 200

    def test_a_property_is_made_once(self, stand_ins: StandIns) -> None:
        body = {"name": "status", "label": "Status", "type": "string", "fieldType": "text", "groupName": "order"}
        codes = [stand_ins.ask("hubspot", "POST", "/crm/v3/properties/orders", value=body).status for _ in range(2)]
        assert codes == [201, 409]
        assert stand_ins.ask("hubspot", "GET", "/crm/v3/properties/orders/status").status == 200
        assert stand_ins.ask("hubspot", "GET", "/crm/v3/properties/orders/other").status == 404

    def test_a_single_send_goes_once_by_its_send_id(self, stand_ins: StandIns) -> None:
        path = "/marketing/v3/transactional/single-email/send"
        body = {"emailId": 4126643121, "message": {"to": "ada@example.com", "sendId": "m1"}}
        ids = [stand_ins.ask("hubspot", "POST", path, value=body).json["statusId"] for _ in range(2)]
        stand_ins.later(2)
        found = [stand_ins.ask("hubspot", "GET", f"/marketing/v3/email/send-statuses/{id}").json for id in ids]
        assert [one["sendResult"] for one in found] == ["SENT", "IDEMPOTENT_IGNORE"]
        assert stand_ins.mailbox.counts() == {"m1": 1}


class TestSfmc:
    event: ClassVar[dict[str, Any]] = {
        "ContactKey": "C-77",
        "EventDefinitionKey": "APIEvent-order",
        "Data": {"EventId": "m1", "EmailAddress": "ada@example.com", "Status": "ready"},
    }

    def test_takes_an_entry_event(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("sfmc", "POST", "/interaction/v1/events", value=self.event)
        assert (said.status, said.json) == (201, {"eventInstanceId": stand_ins.last.id})
        assert (stand_ins.last.to, stand_ins.last.reference) == ("ada@example.com", "m1")

    @pytest.mark.parametrize(
        "change", [{"ContactKey": ""}, {"EventDefinitionKey": "a.b"}, {"EventDefinitionKey": "APIEvent-missing"}, {"ContactKey": "c-invalid"}]
    )  # fmt: skip
    def test_refuses_an_entry_event(self, stand_ins: StandIns, change: dict[str, str]) -> None:
        said = stand_ins.ask("sfmc", "POST", "/interaction/v1/events", value={**self.event, **change})
        assert said.status == 400
        assert {"message", "errorcode"} <= said.json.keys()

    def test_a_message_key_is_taken_once_and_can_be_asked_for(self, stand_ins: StandIns) -> None:
        path = "/messaging/v1/email/messages/m1"
        body = {"definitionKey": "order-ready", "recipient": {"contactKey": "C-77", "to": "ada@example.com"}}
        assert stand_ins.ask("sfmc", "POST", path, value=body).status == 202
        again = stand_ins.ask("sfmc", "POST", path, value=body)
        assert again.status == 400
        assert "duplicate" in again.json["message"]
        assert stand_ins.ask("sfmc", "GET", path).json["eventCategoryType"].endswith("EmailQueued")
        stand_ins.later(2)
        status = stand_ins.ask("sfmc", "GET", path).json
        assert status["eventCategoryType"].endswith("EmailSent")
        assert status["timestamp"].startswith("2026-11-24T04:15:02")
        assert stand_ins.ask("sfmc", "GET", f"{path}x").status == 404

    def test_the_token_tells_where_to_go_on(self, stand_ins: StandIns) -> None:
        body = {
            "grant_type": "client_credentials",
            "client_id": C["SFMC_CLIENT_ID"],
            "client_secret": C["SFMC_CLIENT_SECRET"],
        }
        said = stand_ins.ask("auth", "POST", "/v2/token", value=body, headers={"Host": "127.0.0.1:9100"})
        assert said.json["rest_instance_url"] == "http://127.0.0.1:9100/sfmc/"
        headers = {"Authorization": f"Bearer {said.json['access_token']}"}
        assert stand_ins.ask("sfmc", "POST", "/interaction/v1/events", value=self.event, headers=headers).status == 201
        assert stand_ins.ask("auth", "POST", "/v2/token", value={**body, "client_secret": "no"}).status == 401


class TestZoho:
    def body(self, **record: Any) -> dict[str, Any]:
        return {
            "data": [{"Order_No": "1001", "Order_Status": "Ready", **record}],
            "duplicate_check_fields": ["Order_No"],
        }

    def test_an_upsert_inserts_then_updates_and_an_unchanged_value_is_no_news(self, stand_ins: StandIns) -> None:
        said = [
            stand_ins.ask("zoho", "POST", "/crm/v8/Deals/upsert", value=self.body()).json["data"][0] for _ in range(2)
        ]
        assert [(one["action"], one["duplicate_field"]) for one in said] == [("insert", None), ("update", "Order_No")]
        assert said[0]["details"]["id"] == said[1]["details"]["id"]
        assert [arrival.repeat for arrival in stand_ins.mailbox] == [False, True]

    def test_an_empty_trigger_fires_no_workflow(self, stand_ins: StandIns) -> None:
        stand_ins.ask("zoho", "POST", "/crm/v8/Deals/upsert", value={**self.body(), "trigger": []})
        assert stand_ins.last.data["workflow"] is False
        stand_ins.ask(
            "zoho", "POST", "/crm/v8/Deals/upsert", value={**self.body(Order_Status="Gone"), "trigger": ["workflow"]}
        )
        assert stand_ins.last.data["workflow"] is True

    def test_each_record_has_its_own_outcome(self, stand_ins: StandIns) -> None:
        body = {"data": [{"Order_No": "1"}, {"Order_No": "2", "Order_Status": "invalid"}]}
        said = stand_ins.ask("zoho", "POST", "/crm/v8/Deals/upsert", value=body)
        assert said.status == 200
        assert [one["code"] for one in said.json["data"]] == ["SUCCESS", "INVALID_DATA"]
        none = stand_ins.ask("zoho", "POST", "/crm/v8/Deals/upsert", value=self.body(Order_Status="invalid"))
        assert none.status == 202

    def test_records_are_found_and_read_back(self, stand_ins: StandIns) -> None:
        id = stand_ins.ask("zoho", "POST", "/crm/v8/Deals/upsert", value=self.body()).json["data"][0]["details"]["id"]
        query = {"criteria": "(Order_No:equals:1001)"}
        assert stand_ins.ask("zoho", "GET", "/crm/v8/Deals/search", query=query).json["data"][0]["id"] == id
        assert stand_ins.ask("zoho", "GET", f"/crm/v8/Deals/{id}").json["data"][0]["Order_Status"] == "Ready"
        assert stand_ins.ask("zoho", "GET", "/crm/v8/Contacts/1").status == 204

    @pytest.mark.parametrize("scheme", ["Bearer", "Zoho-oauthtoken"])
    def test_only_zohos_own_scheme_word_counts(self, stand_ins: StandIns, scheme: str) -> None:
        token = stand_ins.tokens.issue("zoho", stand_ins.now, 60)
        headers = {"Authorization": f"{scheme} {token}"}
        said = stand_ins.ask("zoho", "POST", "/crm/v8/Deals/upsert", value=self.body(), headers=headers)
        assert said.status == (401 if scheme == "Bearer" else 200)

    @pytest.mark.parametrize(
        ("change", "error"),
        [({}, None), ({"client_secret": "no"}, "invalid_client"), ({"refresh_token": "no"}, "invalid_code"), ({"grant_type": "x"}, "invalid_request")],
    )  # fmt: skip
    def test_token_errors_are_in_a_200(self, stand_ins: StandIns, change: dict[str, str], error: str | None) -> None:
        given = {
            "refresh_token": C["ZOHO_REFRESH_TOKEN"],
            "client_id": C["ZOHO_CLIENT_ID"],
            "client_secret": C["ZOHO_CLIENT_SECRET"],
            "grant_type": "refresh_token",
            **change,
        }
        for said in (
            stand_ins.ask("auth", "POST", "/oauth/v2/token", form=given),
            stand_ins.ask("auth", "POST", "/oauth/v2/token", query=urlencode(given)),
        ):
            assert (said.status, said.json.get("error")) == (200, error)


class TestWooCommerce:
    path = "/wp-json/wc/v3/orders/727/notes"
    note: ClassVar[dict[str, Any]] = {"note": "Ready to collect [n-7Q2A]", "customer_note": True}

    def test_every_note_is_mailed_and_can_be_looked_up(self, stand_ins: StandIns) -> None:
        ids = [stand_ins.ask("woocommerce", "POST", self.path, value=self.note).json["id"] for _ in range(2)]
        assert len(set(ids)) == 2
        found = stand_ins.ask("woocommerce", "GET", self.path, query={"type": "customer"}).json
        assert [note["note"] for note in found] == [self.note["note"]] * 2
        assert stand_ins.ask("woocommerce", "GET", self.path, query={"type": "internal"}).json == []

    def test_keys_in_the_query_are_looked_at_first(self, stand_ins: StandIns) -> None:
        query = {"consumer_key": C["WOOCOMMERCE_KEY"], "consumer_secret": C["WOOCOMMERCE_SECRET"]}
        assert stand_ins.ask("woocommerce", "POST", self.path, value=self.note, query=query, signed=False).status == 201
        query["consumer_secret"] = "no"
        assert stand_ins.ask("woocommerce", "POST", self.path, value=self.note, query=query).status == 401

    def test_refuses_in_wordpress_shape(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("woocommerce", "POST", self.path, value={"note": ""})
        assert (said.status, said.json["code"], said.json["data"]) == (
            400,
            "rest_missing_callback_param",
            {"status": 400},
        )
        unknown = stand_ins.ask("woocommerce", "POST", self.path.replace("727", "invalid"), value=self.note)
        assert (unknown.status, unknown.json["code"]) == (404, "woocommerce_rest_shop_order_invalid_id")
        assert stand_ins.ask("woocommerce", "GET", "/wp-json/wc/v3/orders", query={"per_page": "500"}).status == 400


class TestWebhook:
    def test_the_same_id_again_has_no_second_effect(self, stand_ins: StandIns) -> None:
        body = {"type": "order.ready", "timestamp": "2026-11-24T10:15:00Z", "data": {"text": "Ready"}}
        for _ in range(2):
            assert stand_ins.ask("webhook", "POST", "/store", value=body).status == 200
        assert [arrival.repeat for arrival in stand_ins.mailbox] == [False, True]
        assert (stand_ins.last.subject, stand_ins.last.text) == ("order.ready", "Ready")
