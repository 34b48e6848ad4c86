"""Microsoft 365 by Graph, as its sheet tells it."""

from tests.support.channel_case import EMAIL, Answer, Case, Variant, says
from tests.support.good_requests import OUTLOOK, OUTLOOK_MAIL

STATUSES = {
    "ErrorInvalidRecipients": 400,
    "InvalidAuthenticationToken": 401,
    "ErrorAccessDenied": 403,
    "ErrorSendAsDenied": 403,
    "ErrorInvalidUser": 404,
    "ResourceNotFound": 404,
    "Request_ResourceNotFound": 404,
    "MailboxNotEnabledForRESTAPI": 404,
    "ErrorMessageSizeExceeded": 413,
    "ErrorQuotaExceeded": 507,
    "ErrorExceededMessageLimit": 429,
    "ApplicationThrottled": 429,
    "TooManyRequests": 429,
    "ErrorServerBusy": 503,
    "ErrorInternalServerError": 500,
    "UnknownError": 500,
}


def error(code: str, words: str) -> Answer:
    return says({"error": {"code": code, "message": words, "innerError": {"request-id": "r"}}}, STATUSES.get(code, 400))


CASE = Case(
    settings={"sender": "orders@contoso.example"},
    secrets={
        "OUTLOOK_TENANT_ID": "11111111-2222-3333-4444-555555555555",
        "OUTLOOK_CLIENT_ID": "66666666-7777-8888-9999-000000000000",
        "OUTLOOK_CLIENT_SECRET": "abc~0123456789-secret-value",
    },
    out={"to": EMAIL},
    steps={
        r"POST https://graph\.microsoft\.com/v1\.0/users/orders@contoso\.example/sendMail": Answer(
            202, b"", {"request-id": "r1"}
        ),
        r"POST https://login\.microsoftonline\.com/[\w-]+/oauth2/v2\.0/token": says(
            {
                "token_type": "Bearer",
                "expires_in": 3599,
                "ext_expires_in": 3599,
                "access_token": "eyJ0b2tlbg.secret-token",
            }
        ),
        r"GET .*/mailFolders/sentitems/messages": says({"value": []}),
    },
    write=r"POST .*/sendMail",
    provider_id="",
    bodyless=True,
    error=error,
    codes={
        "ErrorInvalidRecipients": "rejected:recipient",
        "InvalidAuthenticationToken": "rejected:channel",
        "ErrorAccessDenied": "rejected:channel",
        "ErrorSendAsDenied": "rejected:channel",
        "ErrorInvalidUser": "rejected:channel",
        "ResourceNotFound": "rejected:channel",
        "Request_ResourceNotFound": "rejected:channel",
        "MailboxNotEnabledForRESTAPI": "rejected:channel",
        "ErrorMessageSizeExceeded": "rejected:message",
        "ErrorQuotaExceeded": "rejected:channel",
        "ErrorExceededMessageLimit": "rejected:channel",
        "ApplicationThrottled": "deferred:throttled",
        "TooManyRequests": "deferred:throttled",
        "ErrorServerBusy": "unknown",
        "ErrorInternalServerError": "unknown",
        "UnknownError": "unknown",
    },
    rows=[(Answer(202, b"", {"Retry-After": "30"}), "accepted"), (Answer(504, b""), "unknown")],
    lookups=[
        (
            says({"value": [{"id": "AAMk", "internetMessageId": "<abc@contoso.example>"}]}),
            "found:<abc@contoso.example>",
        ),
        (says({"value": []}), "cannot_tell"),
        (says({"error": {"code": "ErrorAccessDenied", "message": "no Mail.Read"}}, 403), "cannot_tell"),
    ],
    spec="outlook.json",
    beyond_spec=[r"/mailFolders/sentitems/"],
    variants=[
        Variant(settings={"save_to_sent_items": False}, out={"name": ""}),
        Variant(
            out={"reply_to": "hello@shop.example", "unsubscribe": "https://tether.shop.example/unsubscribe/" + "A" * 43}
        ),
    ],
    good=[(OUTLOOK, OUTLOOK_MAIL)],
)
