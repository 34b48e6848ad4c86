"""The stand-ins for text messages say what Twilio, Vonage and Plivo document."""

import pytest

from daemon.sandbox.fate import Fate
from tests.support.good_requests import PLIVO, PLIVO_SMS, TWILIO, TWILIO_SMS, VONAGE_MESSAGE, VONAGE_SMS
from tests.support.stand_in import C, StandIns


class TestTwilio:
    def test_takes_a_documented_message_and_lets_it_progress(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("twilio", "POST", TWILIO, form=TWILIO_SMS)
        assert said.status == 201
        sid = said.json["sid"]
        assert sid.startswith("SM")
        assert len(sid) == 34
        assert said.json["status"] == "queued"
        one = TWILIO.replace(".json", f"/{sid}.json")
        stand_ins.later(1)
        assert stand_ins.ask("twilio", "GET", one).json["status"] == "sent"
        stand_ins.later(1)
        assert stand_ins.ask("twilio", "GET", one).json["status"] == "delivered"
        assert stand_ins.last.to == "+447700900123"
        assert stand_ins.last.text == "Order 1042 is ready"

    def test_reports_an_undelivered_one_with_a_code(self, stand_ins: StandIns) -> None:
        sid = stand_ins.ask("twilio", "POST", TWILIO, form={**TWILIO_SMS, "To": "+447700900901"}).json["sid"]
        stand_ins.later(5)
        found = stand_ins.ask("twilio", "GET", TWILIO.replace(".json", f"/{sid}.json")).json
        assert (found["status"], found["error_code"]) == ("undelivered", 30003)

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"To": ""}, 400, 21604),
            ({"To": "07700900123"}, 400, 21211),
            ({"To": "+15005550001"}, 400, 21211),
            ({"To": "+15005550002"}, 400, 21612),
            ({"To": "+15005550003"}, 400, 21408),
            ({"To": "+15005550004"}, 400, 21610),
            ({"To": "+15005550009"}, 400, 21614),
            ({"To": "+447700900902"}, 400, 21610),
            ({"To": "+447700900903"}, 400, 21211),
            ({"From": "+15005550001"}, 400, 21212),
            ({"From": "07400 123456"}, 400, 21212),
            ({"From": "07400123456"}, 400, 21212),
            ({"From": "The Balloon Loft"}, 400, 21212),
            ({"From": "+15005550007"}, 400, 21606),
            ({"From": "+15005550008"}, 400, 21611),
            ({"From": ""}, 400, 21603),
            ({"Body": ""}, 400, 21602),
            ({"Body": "x" * 1601}, 400, 21617),
            ({"ValidityPeriod": "36001"}, 400, 21920),
            ({"Body": "", "ContentSid": "HX" + "1" * 32, "ContentVariables": "{bad"}, 400, 21656),
            ({"MessagingServiceSid": "MG1", "From": ""}, 400, 21701),
        ],
    )
    def test_refuses_as_documented(self, stand_ins: StandIns, change: dict[str, str], status: int, code: int) -> None:
        said = stand_ins.ask("twilio", "POST", TWILIO, form={**TWILIO_SMS, **change})
        assert (said.status, said.json["code"], said.json["status"]) == (status, code, status)
        assert said.json["more_info"].endswith(str(code))
        assert len(stand_ins.mailbox) == 0

    def test_wants_the_accounts_own_credentials(self, stand_ins: StandIns) -> None:
        assert stand_ins.ask("twilio", "POST", TWILIO, form=TWILIO_SMS, signed=False).json["code"] == 20003
        elsewhere = TWILIO.replace("5a5a", "0000")
        assert stand_ins.ask("twilio", "POST", elsewhere, form=TWILIO_SMS).status == 401

    def test_lists_by_recipient_and_day_for_a_reconciliation(self, stand_ins: StandIns) -> None:
        stand_ins.ask("twilio", "POST", TWILIO, form=TWILIO_SMS)
        stand_ins.ask("twilio", "POST", TWILIO, form={**TWILIO_SMS, "To": "+447700900124"})
        query = {"To": "+447700900123", "DateSent>": "2026-11-24", "PageSize": "20"}
        found = stand_ins.ask("twilio", "GET", TWILIO, query=query).json["messages"]
        assert [message["body"] for message in found] == [TWILIO_SMS["Body"]]
        assert stand_ins.ask("twilio", "GET", TWILIO, query={"DateSent>": "2026-11-25"}).json["messages"] == []

    def test_a_messaging_service_accepts_and_picks_its_sender_later(self, stand_ins: StandIns) -> None:
        service = "MG" + "a" * 32
        said = stand_ins.ask("twilio", "POST", TWILIO, form={**TWILIO_SMS, "From": "", "MessagingServiceSid": service})
        assert (said.json["status"], said.json["from"], said.json["num_segments"]) == ("accepted", None, "0")

    @pytest.mark.parametrize(
        ("text", "parts"), [("x" * 160, "1"), ("x" * 161, "2"), ("é" * 160, "1"), ("🎈" * 71, "2")]
    )
    def test_counts_segments(self, stand_ins: StandIns, text: str, parts: str) -> None:
        assert stand_ins.ask("twilio", "POST", TWILIO, form={**TWILIO_SMS, "Body": text}).json["num_segments"] == parts

    def test_an_unknown_call_is_twilios_404(self, stand_ins: StandIns) -> None:
        assert stand_ins.ask("twilio", "POST", "/2010-04-01/Nothing.json").json["code"] == 20404
        assert stand_ins.ask("twilio", "DELETE", TWILIO).status == 405


class TestVonage:
    def test_takes_an_sms_with_basic_or_with_fields(self, stand_ins: StandIns) -> None:
        for more in ({}, {"api_key": C["VONAGE_API_KEY"], "api_secret": C["VONAGE_API_SECRET"]}):
            said = stand_ins.ask("vonage", "POST", "/sms/json", form={**VONAGE_SMS, **more}, signed=not more)
            part = said.json["messages"][0]
            assert (said.status, part["status"], part["client-ref"]) == (200, "0", "m1.1")
            assert stand_ins.last.id == part["message-id"]
        assert stand_ins.last.to == "+447700900123"
        assert stand_ins.last.reference == "m1.1"

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"from": ""}, "2"),
            ({"to": ""}, "2"),
            ({"text": ""}, "2"),
            ({"to": "+447700900123"}, "3"),
            ({"type": "emoji"}, "3"),
            ({"ttl": "19999"}, "3"),
            ({"client-ref": "x" * 101}, "3"),
            ({"to": "447700900903"}, "6"),
        ],
    )
    def test_refuses_in_a_200(self, stand_ins: StandIns, change: dict[str, str], status: str) -> None:
        said = stand_ins.ask("vonage", "POST", "/sms/json", form={**VONAGE_SMS, **change})
        assert said.status == 200
        assert said.json["messages"][0]["status"] == status
        assert said.json["messages"][0]["error-text"]
        assert len(stand_ins.mailbox) == 0

    def test_bad_credentials_are_status_4_there_and_401_elsewhere(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("vonage", "POST", "/sms/json", form=VONAGE_SMS, signed=False)
        assert said.json["messages"][0]["status"] == "4"
        said = stand_ins.ask("vonage", "POST", "/v1/messages", value=VONAGE_MESSAGE, signed=False)
        assert (said.status, said.json["type"].partition("#")[2]) == (401, "unathorized")

    def test_without_type_unicode_an_emoji_is_lost_on_the_way(self, stand_ins: StandIns) -> None:
        stand_ins.ask("vonage", "POST", "/sms/json", form={**VONAGE_SMS, "text": "Hi 🎈"})
        assert stand_ins.last.text == "Hi ?"
        stand_ins.ask("vonage", "POST", "/sms/json", form={**VONAGE_SMS, "text": "Hi 🎈", "type": "unicode"})
        assert stand_ins.last.text == "Hi 🎈"

    def test_messages_v1(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("vonage", "POST", "/v1/messages", value=VONAGE_MESSAGE)
        assert said.status == 202
        assert said.json["message_uuid"] == stand_ins.last.id

    @pytest.mark.parametrize(
        ("field", "value", "code"), [("to", "+44770", "1430"), ("from", "", "1420"), ("text", "", "1150")]
    )
    def test_messages_v1_refuses(self, stand_ins: StandIns, field: str, value: str, code: str) -> None:
        said = stand_ins.ask("vonage", "POST", "/v1/messages", value={**VONAGE_MESSAGE, field: value})
        assert (said.status, said.json["type"].partition("#")[2]) == (422, code)

    def test_only_the_report_tells_of_an_opt_out(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("vonage", "POST", "/sms/json", form={**VONAGE_SMS, "to": "447700900902"})
        id = said.json["messages"][0]["message-id"]
        assert said.json["messages"][0]["status"] == "0"
        stand_ins.later(5)
        query = {"account_id": C["VONAGE_API_KEY"], "product": "SMS", "direction": "outbound", "id": f"{id},nobody"}
        report = stand_ins.ask("vonage", "GET", "/v2/reports/records", query=query).json
        assert [(r["status"], r["error_code"]) for r in report["records"]] == [("rejected", "9")]
        assert report["ids_not_found"] == "nobody"

    def test_an_id_excludes_dates(self, stand_ins: StandIns) -> None:
        query = {"account_id": C["VONAGE_API_KEY"], "product": "SMS", "id": "x", "date_start": "2026-11-24T00:00:00Z"}
        assert stand_ins.ask("vonage", "GET", "/v2/reports/records", query=query).status == 422


class TestPlivo:
    def test_takes_one_or_many(self, stand_ins: StandIns) -> None:
        said = stand_ins.ask("plivo", "POST", PLIVO, value=PLIVO_SMS)
        assert (said.status, said.json["message"]) == (202, "message(s) queued")
        assert said.json["message_uuid"] == [stand_ins.last.id]
        many = stand_ins.ask("plivo", "POST", PLIVO, value={**PLIVO_SMS, "dst": "447700900123<+44 7700 900-124"})
        assert len(many.json["message_uuid"]) == 2
        assert stand_ins.last.to == "+447700900124"

    @pytest.mark.parametrize(
        "change",
        [
            {"src": ""},
            {"src": "The Balloon Loft"},
            {"src": "+44 7400 1234567890"},
            {"powerpack_uuid": "p"},
            {"dst": ""},
            {"dst": "12ab"},
            {"text": ""},
            {"text": "x" * 1601},
            {"text": "ł" * 738},
            {"dst": "14155550100"},
            {"type": "fax"},
        ],
    )
    def test_refuses_in_its_own_shape(self, stand_ins: StandIns, change: dict[str, str]) -> None:
        said = stand_ins.ask("plivo", "POST", PLIVO, value={**PLIVO_SMS, **change})
        assert said.status == 400
        assert said.json.keys() == {"api_id", "error"}

    def test_the_slash_is_part_of_the_path_and_401_is_text(self, stand_ins: StandIns) -> None:
        assert stand_ins.ask("plivo", "POST", PLIVO.rstrip("/"), value=PLIVO_SMS).status == 404
        said = stand_ins.ask("plivo", "POST", PLIVO, value=PLIVO_SMS, signed=False)
        assert said.status == 401
        assert "{" not in said.text

    @pytest.mark.parametrize(
        ("number", "state", "error"),
        [("447700900123", "delivered", "000"), ("447700900901", "undelivered", "20"), ("447700900902", "failed", "200"), ("447700900903", "failed", "50")],
    )  # fmt: skip
    def test_bad_numbers_show_in_the_state(self, stand_ins: StandIns, number: str, state: str, error: str) -> None:
        uuid = stand_ins.ask("plivo", "POST", PLIVO, value={**PLIVO_SMS, "dst": number}).json["message_uuid"][0]
        stand_ins.later(5)
        found = stand_ins.ask("plivo", "GET", f"{PLIVO}{uuid}/").json
        assert (found["message_state"], found["error_code"]) == (state, error)
        assert "text" not in found
        listed = stand_ins.ask("plivo", "GET", PLIVO, query={"to_number": number, "limit": "20"}).json["objects"]
        assert [one["message_uuid"] for one in listed] == [uuid]


@pytest.mark.parametrize("sender", ["+447400123456", "447400123456", "60777", "BalloonLoft", "Balloon 4"])
def test_twilio_takes_every_kind_of_sender(stand_ins: StandIns, sender: str) -> None:
    assert stand_ins.ask("twilio", "POST", TWILIO, form={**TWILIO_SMS, "From": sender}).status == 201


@pytest.mark.parametrize("change", [{"src": "BalloonLoft"}, {"src": "+44 7400 123456"}, {"text": "£" * 738}])
def test_plivo_takes_senders_of_its_length_and_long_texts_of_its_alphabet(
    stand_ins: StandIns, change: dict[str, str]
) -> None:
    assert stand_ins.ask("plivo", "POST", PLIVO, value={**PLIVO_SMS, **change}).status == 202


def test_the_fate_stands_with_the_arrival(stand_ins: StandIns) -> None:
    stand_ins.ask("plivo", "POST", PLIVO, value={**PLIVO_SMS, "dst": "447700900904"})
    assert stand_ins.last.fate is Fate.SILENT
    stand_ins.later(3600)
    uuid = stand_ins.last.id
    assert stand_ins.ask("plivo", "GET", f"{PLIVO}{uuid}/").json["message_state"] == "sent"
