"""Amazon SES: signatures against known answers and a signer of its own, bodies against AWS's model, SNS against a real certificate."""

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.header import decode_header, make_header
from email.utils import parseaddr
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from daemon.channels._sigv4 import Keys, sign
from daemon.channels.base import InboundRefused, InboundRequest, ReceiptUpdate, Reply
from daemon.channels.registry import build
from daemon.http import Request, open_http
from outbox.outcome import ReceiptState, Rejected, Scope
from tests.conformance.cases.ses import CASE, ID, error, insights
from tests.support.at_vendor import bench
from tests.support.channel_case import EMAIL, NOW, Answer, inbound, sent
from tests.support.fake_clock import FakeClock
from tests.support.shared import shared
from tests.support.vendor import Detour, Seen, Vendor, serving

TOPIC = "arn:aws:sns:eu-west-1:123456789012:ses-events"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"


def signed(url: str, body: str, method: str, keys: Keys, now: int) -> Mapping[str, str]:
    parts = urlsplit(url)
    head = {"Content-Type": "application/json"} if body else {}
    query = parse_qsl(parts.query)
    request = Request(method=method, path=parts.path, query=query, headers=head, body=body.encode())
    return sign(request, f"{parts.scheme}://{parts.netloc}", keys, now).headers


def test_signatures_equal_the_known_answers() -> None:
    for vector in json.loads(shared("specs/ses.sigv4-vectors.json").read_text())["vectors"]:
        keys = Keys(
            vector["access_key"],
            vector["secret_key"],
            vector["session_token"] or "",
            vector["region"],
            vector["service"],
        )
        moment = datetime.strptime(vector["x_amz_date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        got = signed(vector["url"], vector["body"], vector["method"], keys, round(moment.timestamp() * 1000) + 999)
        assert dict(got) == vector["headers"]


@pytest.mark.parametrize(
    "url",
    [
        "https://email.eu-west-1.amazonaws.com/v2/email/account",
        "http://127.0.0.1:9100/ses/v2/email/account",
        "https://email.eu-west-1.amazonaws.com/v2/email/x?b=2&a=1%20z&a=0&%C3%A9=%F0%9F%8E%88",
    ],
)
@pytest.mark.parametrize("body", ["", '{"text": "Prêt 🎈"}'])
def test_signatures_equal_those_of_botocore(url: str, body: str, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.fromtimestamp(NOW / 1000, UTC)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda **_: moment.replace(tzinfo=None))
    credentials = botocore.credentials.Credentials("AKIDEXAMPLE", "secret-key", "token")
    head = {"Content-Type": "application/json"} if body else {}
    theirs = botocore.awsrequest.AWSRequest("POST", url, headers=head, data=body.encode())
    botocore.auth.SigV4Auth(credentials, "ses", "eu-west-1").add_auth(theirs)
    ours = signed(url, body, "POST", Keys("AKIDEXAMPLE", "secret-key", "token", "eu-west-1", "ses"), NOW)
    assert ours["Authorization"] == theirs.headers["Authorization"]


def test_keys_do_not_show_themselves() -> None:
    assert "secret-key" not in repr(Keys("AKIDEXAMPLE", "secret-key", "token", "eu-west-1", "ses"))


# ---------------------------------------------------------------- AWS's own model


async def captured(**settings: Any) -> list[Seen]:
    async with serving(Vendor(CASE.steps)) as vendor, open_http(FakeClock()) as http:
        detour = Detour(http._session, http.clock, vendor.port)
        channel = build("ses", {**CASE.settings, **settings}, CASE.secrets, detour)
        out = CASE.outgoing()
        await channel.send(out)
        await channel.receipts([sent(out, ID)])
        await channel.check()
        return vendor.seen


OPERATIONS = {
    "/v2/email/outbound-emails": "SendEmail",
    f"/v2/email/insights/{ID}/": "GetMessageInsights",
    "/v2/email/account": "GetAccount",
}


@pytest.mark.parametrize("variant", [{}, *(dict(each.settings) for each in CASE.variants)])
async def test_requests_match_the_model(variant: dict[str, Any]) -> None:
    model = ServiceModel(json.loads(shared("specs/ses.botocore.json").read_text()), "sesv2")
    for seen in await captured(**variant):
        operation = model.operation_model(OPERATIONS[seen.path])
        assert seen.origin == "https://email.eu-west-1.amazonaws.com"
        assert operation.http["method"] == seen.method
        parameters = json.loads(seen.body) if seen.body else {"MessageId": ID} if "insights" in seen.path else {}
        report = ParamValidator().validate(parameters, operation.input_shape)
        assert not report.has_errors(), report.generate_report()
        content = parameters.get("Content", {})
        assert len(content) == (1 if seen.method == "POST" else 0), "exactly one of Simple, Raw and Template"
        if "Template" in content:
            assert json.loads(content["Template"]["TemplateData"])["order_ref"] == "B-1042"
        for tag in parameters.get("EmailTags", []):
            assert all(character.isalnum() or character in "_-" for character in tag["Name"] + tag["Value"])


async def test_names_and_hosts_that_are_not_ascii_go_as_amazon_wants_them() -> None:
    """A name as an encoded word (RFC 2047), a host in Punycode (RFC 3492): anything else is refused or arrives garbled."""
    async with bench("ses", **{"from": '"Fête, Ballons" <orders@fête.example>'}) as at:
        await at.channel.send(at.out(to="ada@bücher.example", reply_to="hallo@bücher.example"))
        body = at.body("outbound-emails")
    name, address = parseaddr(body["FromEmailAddress"])
    assert body["FromEmailAddress"].isascii()
    assert (str(make_header(decode_header(name))), address) == ("Fête, Ballons", "orders@xn--fte-fma.example")
    assert body["Destination"] == {"ToAddresses": ["ada@xn--bcher-kva.example"]}
    assert body["ReplyToAddresses"] == ["hallo@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    ("trigger", "words", "scope"),
    [
        ("order.delayed", "Template delaid does not exist", Scope.MESSAGE),
        ("order.delayed", "Configuration set <edge> does not exist.", Scope.CHANNEL),
        ("order.ready", "Configuration set <edge> does not exist.", Scope.CHANNEL),
    ],
)
async def test_a_template_that_is_not_there_stops_its_own_event_s_mails_only(
    trigger: str, words: str, scope: Scope
) -> None:
    """A typo in `templates`: all the store's mail waited until somebody resumed the channel."""
    missing = {r"POST .*/outbound-emails": error("NotFoundException", words)}
    async with bench("ses", missing, templates={"order.delayed": "delaid"}, configuration_set="edge") as at:
        outcome = await at.channel.send(at.out(trigger=trigger))
    assert isinstance(outcome, Rejected)
    assert (outcome.scope, outcome.code, outcome.after) == (scope, "NotFoundException", None)
    assert "[channels.ses]" in outcome.remedy


async def test_a_bounce_that_passes_is_no_bounce_however_it_is_told() -> None:
    """An absent reader's notice is one: the mail is there."""
    details = {"Bounce": {"BounceType": "TRANSIENT", "BounceSubType": "GENERAL"}}
    async with bench("ses", {"insights": insights({"Type": "BOUNCE", "Details": details})}) as at:
        assert not await at.channel.receipts([sent(at.out(), ID, channel="ses")])


async def test_a_complaint_is_an_opt_out_however_it_is_told() -> None:
    async with bench("ses", {"insights": insights({"Type": "DELIVERY"}, {"Type": "COMPLAINT"})}) as at:
        told = await at.channel.receipts([sent(at.out(), ID, channel="ses")])
    assert [(update.state, update.opted_out) for update in told] == [
        (ReceiptState.DELIVERED, False),
        (ReceiptState.DELIVERED, True),
    ]


# ---------------------------------------------------------------- SNS


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


def certificate(key: RSAPrivateKey) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    start = datetime(2020, 1, 1, tzinfo=UTC)
    builder = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    )
    built = builder.not_valid_before(start).not_valid_after(start + timedelta(days=36500)).sign(key, SHA256())
    return built.public_bytes(Encoding.PEM)


def posted(key: RSAPrivateKey, event: Any, *, version: str = "2", **changes: str) -> InboundRequest:
    message = {
        "Type": "Notification",
        "MessageId": "id-1",
        "TopicArn": TOPIC,
        "Message": event if isinstance(event, str) else json.dumps(event),
        "Timestamp": "2026-11-24T10:15:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE,
        **changes,
    }
    names = ["Message", "MessageId", "SubscribeURL", "Subject", "Timestamp", "Token", "TopicArn", "Type"]
    if message["Type"] == "Notification":
        names = [name for name in names if name not in {"SubscribeURL", "Token"}]
    text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    signature = key.sign(text.encode(), PKCS1v15(), SHA1() if version == "1" else SHA256())
    message.setdefault("Signature", base64.b64encode(signature).decode())
    return inbound(json.dumps(message), {"x-amz-sns-message-type": message["Type"]})


BOUNCE = {
    "eventType": "Bounce",
    "mail": {"messageId": ID},
    "bounce": {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [{"emailAddress": EMAIL, "diagnosticCode": "smtp; 550 5.1.1"}],
    },
}
COMPLAINT = {
    "notificationType": "Complaint",
    "mail": {"messageId": ID},
    "complaint": {"complainedRecipients": [{"emailAddress": EMAIL}]},
}


@pytest.fixture
async def receiving(key: RSAPrivateKey) -> Any:
    steps = {r"GET https://sns\.eu-west-1\.amazonaws\.com/SimpleNotificationService-": Answer(200, certificate(key))}
    async with serving(Vendor(steps)) as vendor, open_http(FakeClock()) as http:
        detour = Detour(http._session, http.clock, vendor.port)
        channel = build("ses", {**CASE.settings, "topic": TOPIC}, CASE.secrets, detour)

        async def receive(request: InboundRequest) -> Any:
            await channel.fetch_keys(request)
            return channel.receive(request)

        receive.seen = vendor.seen  # type: ignore[attr-defined]
        yield receive


@pytest.mark.parametrize("version", ["1", "2"])
async def test_sns_events_are_read_when_their_signature_holds(receiving: Any, key: RSAPrivateKey, version: str) -> None:
    got = await receiving(posted(key, BOUNCE, version=version, Subject="Amazon SES"))
    assert got.receipts == [
        ReceiptUpdate(
            state=ReceiptState.UNDELIVERED, provider_id=ID, code="General", detail="smtp; 550 5.1.1", bad_address=True
        )
    ]
    got = await receiving(posted(key, COMPLAINT, version=version))
    assert got.replies == [Reply(address=EMAIL, id=f"{ID}.complaint {EMAIL}", consent="stop")]
    got = await receiving(posted(key, {"eventType": "Rendering Failure", "mail": {"messageId": ID}}, version=version))
    assert got.receipts[0].state is ReceiptState.UNDELIVERED
    passing = {**BOUNCE, "bounce": {"bounceType": "Transient", "bounceSubType": "General"}}
    assert not (await receiving(posted(key, passing, version=version))).receipts, "an absent reader's notice"
    full = {**BOUNCE, "bounce": {"bounceType": "Transient", "bounceSubType": "MailboxFull"}}
    (gave_up,) = (await receiving(posted(key, full, version=version))).receipts
    assert (gave_up.state, gave_up.code, gave_up.bad_address) == (ReceiptState.UNDELIVERED, "MailboxFull", False)
    assert len(receiving.seen) == 1, "the certificate is fetched once"


async def test_each_of_several_who_complained_is_silenced(receiving: Any, key: RSAPrivateKey) -> None:
    both = [{"emailAddress": EMAIL}, {"emailAddress": "bob@example.com"}]
    got = await receiving(posted(key, {**COMPLAINT, "complaint": {"complainedRecipients": both}}))
    assert len({reply.id for reply in got.replies}) == 2, "what comes with a known id is not heard"


async def test_a_subscription_is_confirmed_at_amazon_only(receiving: Any, key: RSAPrivateKey) -> None:
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=abc"
    confirmation = {"Type": "SubscriptionConfirmation", "Token": "abc"}
    got = await receiving(posted(key, "You have chosen", **confirmation, SubscribeURL=url))
    assert got.confirm_url == url
    got = await receiving(
        posted(key, "You have chosen", **confirmation, SubscribeURL="https://evil.example/?sns.amazonaws.com")
    )
    assert got.confirm_url == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"Signature": base64.b64encode(b"x" * 256).decode()},
        {"Signature": "no base64!"},
        {"SignatureVersion": "3"},
        {"TopicArn": "arn:aws:sns:eu-west-1:666666666666:another"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem"},
        {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"},
        {"SigningCertURL": "https://user@evil.example:443/sns.eu-west-1.amazonaws.com"},
        {"SigningCertURL": "https://[broken"},
    ],
)
async def test_forged_sns_messages_are_refused(receiving: Any, key: RSAPrivateKey, changes: dict[str, str]) -> None:
    with pytest.raises(InboundRefused):
        await receiving(posted(key, BOUNCE, **changes))
    assert all("evil" not in seen.origin for seen in receiving.seen)


async def test_another_key_is_refused(receiving: Any) -> None:
    with pytest.raises(InboundRefused):
        await receiving(posted(generate_private_key(65537, 2048), BOUNCE))


async def test_without_a_topic_nothing_is_believed(key: RSAPrivateKey) -> None:
    channel = build("ses", CASE.settings, CASE.secrets, http=None)  # type: ignore[arg-type]
    with pytest.raises(InboundRefused, match="topic"):
        channel.receive(posted(key, BOUNCE))
