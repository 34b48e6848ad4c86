"""WhatsApp and Messenger: templates, the closed window, and Meta's signed webhooks."""

from typing import Any

import pytest

from daemon.channels.base import InboundRefused, ReceiptUpdate
from daemon.channels.messenger import Messenger
from daemon.channels.whatsapp import WhatsApp
from outbox.outcome import Accepted, ReceiptState, Rejected, Scope
from tests.conformance.cases import whatsapp as whatsapp_case
from tests.support.at_vendor import bench
from tests.support.channel_case import NOW, inbound, outgoing, says, sent

TEMPLATE = {
    "name": "order_ready",
    "language": "en_US",
    "languages": {"de": "de_DE", "en-GB": "en_GB"},
    "body": ["name", "order_ref"],
    "button": "order_ref",
}


async def test_whatsapp_sends_the_trigger_s_template_with_our_fields_in_order() -> None:
    async with bench("whatsapp", templates={"order.ready": TEMPLATE}) as at:
        assert isinstance(await at.channel.send(at.out(name="Ada\n  Lovelace")), Accepted)
        body = at.body("messages")
    assert body["to"] == "447700900123"
    assert body["biz_opaque_callback_data"] == at.out().reference
    assert body["template"] == {
        "name": "order_ready",
        "language": {"code": "en_GB"},
        "components": [
            {
                "type": "body",
                "parameters": [{"type": "text", "text": "Ada Lovelace"}, {"type": "text", "text": "B-1042"}],
            },
            {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "B-1042"}]},
        ],
    }


@pytest.mark.parametrize(
    ("locale", "language"), [("en-GB", "en_GB"), ("de-AT", "de_DE"), ("de_AT", "de_DE"), ("fr", "en_US"), ("", "en_US")]
)
async def test_the_template_speaks_the_customer_s_language(locale: str, language: str) -> None:
    async with bench("whatsapp", templates={"order.ready": TEMPLATE}) as at:
        await at.channel.send(at.out(locale=locale))
        assert at.body("messages")["template"]["language"] == {"code": language}


async def test_a_field_that_is_not_known_is_never_empty() -> None:
    async with bench("whatsapp", templates={"order.ready": {"name": "t", "body": ["nothing"], "named": True}}) as at:
        await at.channel.send(at.out())
        parameters = at.body("messages")["template"]["components"][0]["parameters"]
    assert parameters == [{"type": "text", "text": "-", "parameter_name": "nothing"}]


async def test_a_closed_window_moves_on_and_says_what_to_do() -> None:
    async with bench("whatsapp", {"POST": whatsapp_case.error("131047", "more than 24 hours")}) as at:
        outcome = await at.channel.send(at.out(trigger="order.delayed"))
    assert isinstance(outcome, Rejected)
    assert (outcome.scope, outcome.code) == (Scope.MESSAGE, "131047")
    assert "template" in outcome.remedy


async def test_messenger_sends_a_utility_template_in_messenger_s_own_form() -> None:
    async with bench("messenger", templates={"order.ready": TEMPLATE}) as at:
        await at.channel.send(at.out())
        body = at.body("messages")
    assert body["messaging_type"] == "UTILITY"
    assert body["message"]["template"]["components"][-1] == {
        "type": "buttons",
        "parameters": [{"type": "URL", "url": "B-1042"}],
    }


async def test_messenger_answers_in_words_where_it_has_no_template() -> None:
    async with bench("messenger") as at:
        await at.channel.send(at.out())
        body = at.body("messages")
    assert body == {
        "recipient": {"id": "25381719828140932"},
        "messaging_type": "RESPONSE",
        "message": {"text": "Order B-1042 is ready."},
    }


async def test_the_proof_of_the_app_s_secret_goes_along_when_wanted() -> None:
    async with bench("whatsapp", appsecret_proof=True) as at:
        await at.channel.send(at.out())
        query = at.last("messages").query
    assert query.startswith("appsecret_proof=")
    assert len(query.removeprefix("appsecret_proof=")) == 64


async def test_the_vector_of_meta_s_signature() -> None:
    async with bench("whatsapp", secrets={"WHATSAPP_APP_SECRET": "app-secret"}) as at:
        digest = "ae958d6f00b134dd32b95a9a76bedaaeb068c0949769358355023f7d1a0c580b"
        got = at.channel.receive(inbound('{"object":"page"}', {"X-Hub-Signature-256": f"sha256={digest}"}))
        assert not got.receipts
        with pytest.raises(InboundRefused, match="signature"):
            at.channel.receive(inbound('{"object":"pages"}', {"X-Hub-Signature-256": f"sha256={digest}"}))


async def test_meta_gets_its_challenge_back_only_for_our_word() -> None:
    async with bench("whatsapp") as at:
        assert at.channel.receive(whatsapp_case.asked("our-own-word")).answer == b"1158201444"
        with pytest.raises(InboundRefused) as refused:
            at.channel.receive(whatsapp_case.asked("a guess"))
    assert refused.value.status == 403


async def test_without_the_app_s_secret_nothing_is_believed() -> None:
    async with bench("messenger", secrets={"MESSENGER_APP_SECRET": "", "MESSENGER_VERIFY_TOKEN": ""}) as at:
        with pytest.raises(InboundRefused, match="MESSENGER_APP_SECRET") as refused:
            at.channel.receive(inbound("{}", {"X-Hub-Signature-256": "sha256="}))
        assert refused.value.status == 503
        with pytest.raises(InboundRefused):
            at.channel.receive(whatsapp_case.asked(""))


@pytest.mark.parametrize("kind", [WhatsApp, Messenger])
def test_the_team_has_an_address_only_when_it_is_configured(kind: type[WhatsApp] | type[Messenger]) -> None:
    own = {"phone_number_id": "1"} if kind is WhatsApp else {"page_id": "1"}
    secrets = {"WHATSAPP_ACCESS_TOKEN": "t", "MESSENGER_PAGE_TOKEN": "t"}
    for to, address in [("", None), ("+447400123456", "+447400123456")]:
        channel = kind(kind.Settings(**own, to=to), secrets, http=None)  # type: ignore[arg-type, call-arg]
        assert channel.destination() == address


async def test_whatsapp_s_history_is_asked_only_when_wanted() -> None:
    asked = sent(outgoing(), "wamid.1")
    async with bench("whatsapp") as at:
        assert at.channel.poll is None
        assert not await at.channel.receipts([asked])
        assert not at.vendor.seen
    events = [{"delivery_status": state, "timestamp": NOW // 1000} for state in ("SENT", "DELIVERED", "DELETED")]
    history = says({"data": [{"message_id": "wamid.1", "events": {"data": events}}, {"message_id": "wamid.2"}]})
    async with bench("whatsapp", {"message_history": history}, history=True) as at:
        assert at.channel.poll is not None
        assert list(await at.channel.receipts([asked])) == [
            ReceiptUpdate(state=ReceiptState.SENT, provider_id="wamid.1", at=NOW),
            ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id="wamid.1", at=NOW),
        ]


@pytest.mark.parametrize(
    ("wa_id", "numbers"),
    [
        ("447700900123", ["+447700900123"]),
        ("5215512345678", ["+525512345678"]),
        ("5491123456789", ["+5491123456789", "+541123456789"]),
        ("553187654321", ["+5531987654321", "+553187654321"]),
        ("5531987654321", ["+5531987654321"]),
    ],
)
async def test_a_wish_holds_for_the_number_that_the_order_knows(wa_id: str, numbers: list[str]) -> None:
    """WhatsApp's ids of Mexico, Argentina and Brazil are not the numbers that people write."""
    stop: dict[str, Any] = {"messages": [{**whatsapp_case.MESSAGE, "from": wa_id}]}
    here: dict[str, Any] = {"messages": [{**whatsapp_case.MESSAGE, "from": wa_id, "text": {"body": "HERE"}}]}
    async with bench("whatsapp") as at:
        for value, expected in ((stop, numbers), (here, numbers[:1])):
            replies = at.channel.receive(whatsapp_case.posted(value)).replies
            assert [reply.address for reply in replies] == expected
            assert len({reply.id for reply in replies}) == len(replies)
            assert len({reply.text for reply in replies}) == 1, "by what words is kept of each"
