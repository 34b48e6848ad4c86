"""The stand-ins for mail say what SendGrid, Mailgun, Amazon SES and Microsoft Graph document."""

import base64
import json
from copy import deepcopy
from typing import Any

import pytest

from tests.support.good_requests import (
    MAILGUN,
    MAILGUN_MAIL,
    OUTLOOK,
    OUTLOOK_MAIL,
    SENDGRID_MAIL,
    SES,
    SES_MAIL,
)
from tests.support.stand_in import C, StandIns


class TestSendGrid:
    def test_takes_a_mail_with_an_empty_202_and_the_id_in_a_header(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("sendgrid", "POST", "/v3/mail/send", value=SENDGRID_MAIL)
        assert (said.status, said.text) == (202, "")
        assert stand_ins.last.id.startswith(f"{said.headers['X-Message-Id']}.")
        arrived = stand_ins.last
        assert (arrived.to, arrived.subject, arrived.text, arrived.html, arrived.reference) == (
            "ada@example.com", "Ready", "Ready", "<p>Ready", "m1.1",
        )  # fmt: skip

    def test_takes_a_template_in_place_of_subject_and_content(self, stand_ins: StandIns) -> None:
        body = {**SENDGRID_MAIL, "template_id": "d-0123456789abcdef0123456789abcdef"}
        del body["subject"], body["content"]
        body["personalizations"] = [{"to": [{"email": "ada@example.com"}], "dynamic_template_data": {"order": "1042"}}]
        assert stand_ins.ask("sendgrid", "POST", "/v3/mail/send", value=body).status == 202
        assert stand_ins.last.data["variables"] == {"order": "1042"}

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"from": {"email": "nobody"}}, "from.email"),
            ({"from": {"email": "orders@balloons"}}, "from.email"),
            ({"personalizations": []}, "personalizations"),
            ({"personalizations": [{"to": []}]}, "personalizations.0.to"),
            ({"personalizations": [{"to": [{"email": "ada"}]}]}, "personalizations.0.to.0.email"),
            ({"personalizations": [{"to": [{"email": "a@b.example"}], "custom_args": {"n": 1}}]}, "personalizations.0.custom_args"),
            ({"subject": ""}, "subject"),
            ({"content": []}, "content"),
            ({"content": [{"type": "text/html", "value": "x"}, {"type": "text/plain", "value": "x"}]}, "content"),
            ({"reply_to": {}, "reply_to_list": []}, "reply_to"),
            ({"categories": ["x"] * 11}, "categories"),
        ],
    )  # fmt: skip
    def test_refuses_naming_the_field(self, stand_ins: StandIns, change: dict[str, Any], field: str) -> None:
        said = stand_ins.ask("sendgrid", "POST", "/v3/mail/send", value={**SENDGRID_MAIL, **change})
        assert said.status == 400
        assert [error["field"] for error in said.json["errors"]] == [field]

    def test_sandbox_mode_validates_only(self, stand_ins: StandIns) -> None:
        body = {**SENDGRID_MAIL, "mail_settings": {"sandbox_mode": {"enable": True}}}
        assert stand_ins.ask("sendgrid", "POST", "/v3/mail/send", value=body).status == 200
        assert len(stand_ins.mailbox) == 0

    def test_bad_key_bad_json_and_wrong_media_type(self, stand_ins: StandIns) -> None:
        assert stand_ins.ask("sendgrid", "POST", "/v3/mail/send", value=SENDGRID_MAIL, signed=False).status == 401
        json_type = {"Content-Type": "application/json"}
        assert stand_ins.ask("sendgrid", "POST", "/v3/mail/send", body=b"{", headers=json_type).status == 400
        assert stand_ins.ask("sendgrid", "POST", "/v3/mail/send", form={"to": "x"}).status == 415

    def test_activity_is_found_by_the_headers_id(self, stand_ins: StandIns) -> None:
        id = stand_ins.ask("sendgrid", "POST", "/v3/mail/send", value=SENDGRID_MAIL).headers["X-Message-Id"]
        query = {"limit": "10", "query": f"msg_id LIKE '{id}%'"}
        assert (
            stand_ins.ask("sendgrid", "GET", "/v3/messages", query=query).json["messages"][0]["status"] == "processed"
        )
        stand_ins.later(2)
        assert (
            stand_ins.ask("sendgrid", "GET", "/v3/messages", query=query).json["messages"][0]["status"] == "delivered"
        )
        assert (
            stand_ins.ask("sendgrid", "GET", "/v3/messages", query={"query": "msg_id LIKE 'x%'"}).json["messages"] == []
        )

    def test_a_suppressed_one_is_taken_and_only_the_lists_tell(self, stand_ins: StandIns) -> None:
        body = deepcopy(SENDGRID_MAIL)
        body["personalizations"][0]["to"][0]["email"] = "undelivered@example.com"
        assert stand_ins.ask("sendgrid", "POST", "/v3/mail/send", value=body).status == 202
        found = stand_ins.ask("sendgrid", "GET", "/v3/suppression/bounces/undelivered@example.com").json
        assert found[0]["email"] == "undelivered@example.com"
        assert stand_ins.ask("sendgrid", "GET", "/v3/suppression/bounces/ada@example.com").json == []
        said = stand_ins.ask("sendgrid", "GET", "/v3/asm/suppressions/global/optedout@example.com").json
        assert said == {"recipient_email": "optedout@example.com"}


class TestMailgun:
    def test_takes_a_form_and_keeps_our_message_id(self, stand_ins: StandIns) -> None:
        form = {**MAILGUN_MAIL, "h:Message-Id": "<m1.1@mg.example.com>", "v:msg_ref": "m1.1"}
        said = stand_ins.ask("mailgun", "POST", MAILGUN, form=form)
        assert said.json == {"id": "<m1.1@mg.example.com>", "message": "Queued. Thank you."}
        assert (stand_ins.last.to, stand_ins.last.reference, stand_ins.last.text) == (
            "ada@example.com",
            "m1.1",
            "Ready",
        )

    def test_takes_multipart(self, stand_ins: StandIns) -> None:
        parts = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
            for name, text in {**MAILGUN_MAIL, "text": "Fertig für Sie"}.items()
        )
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        said = stand_ins.ask("mailgun", "POST", MAILGUN, body=f"{parts}--b--\r\n".encode(), headers=headers)
        assert said.status == 200
        assert stand_ins.last.text == "Fertig für Sie"

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"to": ""}, "to parameter is missing"),
            ({"to": "nobody"}, "not a valid address"),
            ({"from": ""}, "from parameter is missing"),
            ({"from": "Balloon Loft"}, "from parameter is not a valid address"),
            ({"text": ""}, "Need at least one of"),
            ({"html": "<p>", "template": "t"}, "Only one"),
            ({"o:tag": ["a", "b", "c", "d"]}, "at most 3 tags"),
            ({"v:big": "x" * 16_400}, "16KB"),
            ({"o:deliver-within": "soon"}, "o:deliver-within"),
            ({"t:variables": "[1]"}, "t:variables"),
            ({"to": ",".join(["a@b.example"] * 1001)}, "Too many recipients"),
        ],
    )
    def test_refuses_in_words(self, stand_ins: StandIns, change: dict[str, Any], words: str) -> None:
        said = stand_ins.ask("mailgun", "POST", MAILGUN, form={**MAILGUN_MAIL, **change})
        assert said.status == 400
        assert words in said.json["message"]

    def test_forbidden_is_plain_text_and_a_wrong_path_is_magnificent(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("mailgun", "POST", MAILGUN, form=MAILGUN_MAIL, signed=False)
        assert (said.status, said.text) == (401, "Forbidden")
        said = stand_ins.ask("mailgun", "POST", "/v3/messages", form=MAILGUN_MAIL)
        assert (said.status, said.text) == (200, "Mailgun Magnificent API")

    def test_events_are_found_by_id_without_brackets(self, stand_ins: StandIns) -> None:
        form = {**MAILGUN_MAIL, "h:Message-Id": "<m1.1@mg.example.com>", "to": "undelivered@example.com"}
        stand_ins.ask("mailgun", "POST", MAILGUN, form=form)
        stand_ins.ask("mailgun", "POST", MAILGUN, form=MAILGUN_MAIL)
        stand_ins.later(5)
        path = "/v3/mg.example.com/events"
        items = stand_ins.ask(
            "mailgun", "GET", path, query={"message-id": "m1.1@mg.example.com", "ascending": "yes"}
        ).json["items"]
        assert [item["event"] for item in items] == ["accepted", "failed"]
        assert (items[1]["severity"], items[1]["message"]["headers"]["message-id"]) == (
            "permanent",
            "m1.1@mg.example.com",
        )
        unrelated = stand_ins.ask("mailgun", "GET", path, query={"message-id": "<m1.1@mg.example.com>"}).json["items"]
        assert len({item["message"]["headers"]["message-id"] for item in unrelated}) == 2

    def test_suppression_tables(self, stand_ins: StandIns) -> None:
        path = "/v3/mg.example.com/{}/{}"
        assert stand_ins.ask("mailgun", "GET", path.format("unsubscribes", "optedout@example.com")).status == 200
        assert stand_ins.ask("mailgun", "GET", path.format("bounces", "ada@example.com")).status == 404


class TestSes:
    def test_takes_a_simple_mail(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("ses", "POST", SES, value=SES_MAIL)
        assert said.status == 200
        assert stand_ins.last.id == said.json["MessageId"]
        assert (stand_ins.last.text, stand_ins.last.reference) == ("Für Sie", "m1-1")

    def test_takes_raw_mime_and_templates(self, stand_ins: StandIns) -> None:
        raw = base64.b64encode(b"Subject: =?utf-8?q?Fertig=21?=\r\n\r\nHallo\r\n").decode()
        assert stand_ins.ask("ses", "POST", SES, value={**SES_MAIL, "Content": {"Raw": {"Data": raw}}}).status == 200
        assert stand_ins.last.subject == "Fertig!"
        template = {"Template": {"TemplateName": "order-ready", "TemplateData": json.dumps({"order": "1042"})}}
        assert stand_ins.ask("ses", "POST", SES, value={**SES_MAIL, "Content": template}).status == 200
        assert stand_ins.last.data["template"] == "order-ready"

    @pytest.mark.parametrize(
        "change",
        [
            {"Content": {}},
            {"Content": {"Simple": {}, "Raw": {}}},
            {"Content": {"Simple": {"Subject": {"Data": "x"}, "Body": {}}}},
            {"Content": {"Simple": {"Subject": {"Data": "é"}, "Body": {"Text": {"Data": "x"}}}}},
            {"Content": {"Template": {"TemplateName": "t", "TemplateData": "[]"}}},
            {"Destination": {}},
            {"Destination": {"ToAddresses": ["ädä@example.com"]}},
            {"Destination": {"ToAddresses": ["a@b.example"] * 51}},
            {"FromEmailAddress": ""},
            {"FromEmailAddress": "örders@example.com"},
            {"FromEmailAddress": "orders@"},
            {"EmailTags": [{"Name": "ref", "Value": "m1.1"}]},
        ],
    )
    def test_refuses_with_the_type_in_a_header(self, stand_ins: StandIns, change: dict[str, Any]) -> None:
        said = stand_ins.ask("ses", "POST", SES, value={**SES_MAIL, **change})
        assert (said.status, said.headers["x-amzn-ErrorType"]) == (400, "BadRequestException")
        assert said.json["message"]

    def test_bulk_answers_each_entry(self, stand_ins: StandIns) -> None:
        entry = {"Destination": {"ToAddresses": ["ada@example.com"]}}
        body = {
            "FromEmailAddress": "orders@example.com",
            "DefaultContent": {"Template": {"TemplateName": "t", "TemplateData": "{}"}},
            "BulkEmailEntries": [entry, entry],
        }
        said = stand_ins.ask("ses", "POST", "/v2/email/outbound-bulk-emails", value=body)
        assert [result["Status"] for result in said.json["BulkEmailEntryResults"]] == ["SUCCESS", "SUCCESS"]
        assert len(stand_ins.mailbox) == 2

    @pytest.mark.parametrize(
        ("address", "kind"),
        [
            ("ada@example.com", "DELIVERY"),
            ("bounce@simulator.amazonses.com", "BOUNCE"),
            ("complaint@simulator.amazonses.com", "COMPLAINT"),
            ("undelivered@example.com", "BOUNCE"),
        ],
    )
    def test_insights_tell_what_became_of_it(self, stand_ins: StandIns, address: str, kind: str) -> None:
        body = {**SES_MAIL, "Destination": {"ToAddresses": [address]}}
        id = stand_ins.ask("ses", "POST", SES, value=body).json["MessageId"]
        stand_ins.later(5)
        events = stand_ins.ask("ses", "GET", f"/v2/email/insights/{id}/").json["Insights"][0]["Events"]
        assert [event["Type"] for event in events] == ["SEND", kind]

    def test_suppression_and_account(self, stand_ins: StandIns) -> None:
        path = "/v2/email/suppression/addresses/{}"
        assert stand_ins.ask("ses", "GET", path.format("invalid@example.com")).status == 200
        assert (
            stand_ins.ask("ses", "GET", path.format("ada@example.com")).headers["x-amzn-ErrorType"]
            == "NotFoundException"
        )
        assert stand_ins.ask("ses", "GET", "/v2/email/account").json["SendingEnabled"] is True


class TestOutlook:
    def test_takes_a_mail_with_an_empty_202(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("outlook", "POST", OUTLOOK, value=OUTLOOK_MAIL)
        assert (said.status, said.text) == (202, "")
        assert said.headers["request-id"]
        assert (stand_ins.last.html, stand_ins.last.reference) == ("<p>Ready", "m1.1")

    @pytest.mark.parametrize(
        "change",
        [
            {"toRecipients": []},
            {"toRecipients": [{"emailAddress": {"address": "invalid@example.com"}}]},
            {"body": {"contentType": "HTML", "content": "x"}},
            {"internetMessageHeaders": [{"name": "Message-Id", "value": "x"}]},
            {"internetMessageHeaders": [{"name": "x-a", "value": "x"}] * 6},
        ],
    )
    def test_refuses_in_graphs_shape(self, stand_ins: StandIns, change: dict[str, Any]) -> None:
        said = stand_ins.ask("outlook", "POST", OUTLOOK, value={"message": {**OUTLOOK_MAIL["message"], **change}})
        assert said.status == 400
        assert said.json["error"].keys() == {"code", "message", "innerError"}

    @pytest.mark.parametrize(("mark", "found"), [("m1.1", 1), ("m2.1", 0)])
    def test_sent_items_are_searched_by_their_mark(self, stand_ins: StandIns, mark: str, found: int) -> None:
        stand_ins.ask("outlook", "POST", OUTLOOK, value=OUTLOOK_MAIL)
        chosen = f"singleValueExtendedProperties/any(p:p/id eq 'String x' and (p/value eq '{mark}'))"
        folder = "/v1.0/users/orders@example.com/mailFolders/sentitems/messages"
        listed = stand_ins.ask("outlook", "GET", folder, query={"$filter": chosen}).json["value"]
        assert len(listed) == found

    def test_a_draft_goes_once_and_is_gone(self, stand_ins: StandIns) -> None:
        drafts = "/v1.0/users/orders@example.com/messages"
        id = stand_ins.ask("outlook", "POST", drafts, value=OUTLOOK_MAIL["message"]).json["id"]
        assert stand_ins.ask("outlook", "GET", f"{drafts}/{id}").json["isDraft"] is True
        assert stand_ins.ask("outlook", "POST", f"{drafts}/{id}/send").status == 202
        assert stand_ins.ask("outlook", "POST", f"{drafts}/{id}/send").status == 404
        assert len(stand_ins.mailbox) == 1

    def test_the_token_comes_from_the_tenants_endpoint_and_lapses(self, stand_ins: StandIns) -> None:
        form = {
            "client_id": C["OUTLOOK_CLIENT_ID"],
            "client_secret": C["OUTLOOK_CLIENT_SECRET"],
            "scope": "https://graph.microsoft.com/.default",
            "grant_type": "client_credentials",
        }
        path = f"/{C['OUTLOOK_TENANT_ID']}/oauth2/v2.0/token"
        said = stand_ins.ask("auth", "POST", path, form=form)
        assert (said.status, said.json["expires_in"]) == (200, 3599)
        headers = {"Authorization": f"Bearer {said.json['access_token']}"}
        assert stand_ins.ask("outlook", "POST", OUTLOOK, value=OUTLOOK_MAIL, headers=headers).status == 202
        stand_ins.later(3600)
        lapsed = stand_ins.ask("outlook", "POST", OUTLOOK, value=OUTLOOK_MAIL, headers=headers)
        assert (lapsed.status, lapsed.json["error"]["code"]) == (401, "InvalidAuthenticationToken")

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"client_secret": "no"}, "invalid_client"),
            ({"client_id": "no"}, "unauthorized_client"),
            ({"scope": "mail"}, "invalid_scope"),
            ({"grant_type": "password"}, "unsupported_grant_type"),
        ],
    )
    def test_bad_grants(self, stand_ins: StandIns, change: dict[str, str], error: str) -> None:
        form = {
            "client_id": C["OUTLOOK_CLIENT_ID"],
            "client_secret": C["OUTLOOK_CLIENT_SECRET"],
            "scope": "https://graph.microsoft.com/.default",
            "grant_type": "client_credentials",
            **change,
        }
        said = stand_ins.ask("auth", "POST", f"/{C['OUTLOOK_TENANT_ID']}/oauth2/v2.0/token", form=form)
        assert said.status in (400, 401)
        assert said.json["error"] == error
