"""Amazon SES, as its sheet tells it. (SNS's signature has a test of its own: the certificate is fetched first.)"""

from daemon.channels.base import ReceiptUpdate
from outbox.outcome import ReceiptState
from tests.support.channel_case import EMAIL, Answer, Case, Variant, says
from tests.support.good_requests import SES, SES_MAIL

ID = "0100018c1234abcd-11111111-2222-3333-4444-555555555555-000000"
SPECIAL = {
    "DailyQuota": ("TooManyRequestsException", "Daily message quota exceeded", 429),
    "NotVerified": ("MessageRejected", "Email address is not verified", 400),
}
FORBIDDEN = ("Signature", "InvalidClient", "Unrecognized", "AccessDenied", "ExpiredToken", "RequestExpired")


def error(code: str, words: str) -> Answer:
    kind, phrase, status = SPECIAL.get(code, (code, "Refused", 403 if code.startswith(FORBIDDEN) else 400))
    answer = says({"message": f"{phrase}: {words}"}, status)
    return Answer(
        answer.status, answer.body, {**answer.headers, "x-amzn-ErrorType": f"{kind}:http://internal.amazon.com/"}
    )


def insights(*events: dict[str, object]) -> Answer:
    return says({"MessageId": ID, "Insights": [{"Destination": EMAIL, "Isp": "Mail", "Events": list(events)}]})


CASE = Case(
    settings={"region": "eu-west-1", "from": "Balloon Loft <orders@example.com>", "insights": True},
    secrets={"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
    receipt_secrets={"AWS_SESSION_TOKEN": "SESSIONTOKEN0123456789"},
    out={"to": EMAIL},
    steps={
        r"POST https://email\.eu-west-1\.amazonaws\.com/v2/email/outbound-emails": says({"MessageId": ID}),
        r"GET .*/v2/email/insights/[\w-]+/$": insights({"Type": "SEND", "Timestamp": 1.5}),
        r"GET .*/v2/email/account": says(
            {
                "SendingEnabled": True,
                "ProductionAccessEnabled": True,
                "SendQuota": {"Max24HourSend": 50000, "SentLast24Hours": 3},
            }
        ),
    },
    write=r"POST .*/outbound-emails",
    provider_id=ID,
    error=error,
    codes={
        "TooManyRequestsException": "deferred:throttled",
        "ThrottlingException": "deferred:throttled",
        "Throttling": "deferred:throttled",
        "DailyQuota": "rejected:channel",
        "LimitExceededException": "rejected:channel",
        "NotVerified": "rejected:channel",
        "MessageRejected": "rejected:message",
        "MailFromDomainNotVerifiedException": "rejected:channel",
        "AccountSuspendedException": "rejected:channel",
        "SendingPausedException": "rejected:channel",
        "NotFoundException": "rejected:channel",
        "BadRequestException": "rejected:message",
        "SignatureDoesNotMatch": "rejected:channel",
        "InvalidSignatureException": "rejected:channel",
        "RequestExpired": "rejected:channel",
        "InvalidClientTokenId": "rejected:channel",
        "UnrecognizedClientException": "rejected:channel",
        "AccessDeniedException": "rejected:channel",
        "ExpiredToken": "rejected:channel",
        "ExpiredTokenException": "rejected:channel",
        "RequestTimeout": "deferred",
    },
    rows=[
        (error("TooManyRequestsException", "Maximum sending rate exceeded"), "deferred:throttled@1"),
        (error("DailyQuota", ""), "rejected:channel@600"),
        (error("InvalidSignatureException", "Signature expired"), "rejected:channel@900"),
        (says({"__type": "com.amazonaws.sesv2#BadRequestException", "Message": "no"}, 400), "rejected:message"),
        (says({"message": "Missing Authentication Token"}, 403), "rejected:channel"),
    ],
    polls=[
        (insights({"Type": "SEND"}, {"Type": "DELIVERY_DELAY"}), []),
        (insights({"Type": "DELIVERY"}), [ReceiptUpdate(state=ReceiptState.DELIVERED, provider_id=ID)]),
        (
            insights(
                {
                    "Type": "BOUNCE",
                    "Details": {
                        "Bounce": {"BounceType": "PERMANENT", "BounceSubType": "NoEmail", "DiagnosticCode": "550 5.1.1"}
                    },
                }
            ),
            [
                ReceiptUpdate(
                    state=ReceiptState.UNDELIVERED, provider_id=ID, code="NoEmail", detail="550 5.1.1", bad_address=True
                )
            ],
        ),
    ],
    spec="ses.botocore.json",
    variants=[
        Variant(
            out={"reply_to": "hello@shop.example", "unsubscribe": "https://tether.shop.example/unsubscribe/" + "A" * 43}
        ),
        Variant(out={"reply_to": "", "unsubscribe": "mailto:"}),
        Variant(settings={"templates": {"order.ready": "order-ready"}, "configuration_set": "edge"}),
        Variant(settings={"insights": False}),
    ],
    good=[
        (SES, SES_MAIL),
        (SES, {**SES_MAIL, "Content": {"Raw": {"Data": "U3ViamVjdDogUmVhZHkNCg0KUmVhZHkNCg=="}}}),
        (SES, {**SES_MAIL, "Content": {"Template": {"TemplateName": "t", "TemplateData": "{}"}}}),
    ],
)
