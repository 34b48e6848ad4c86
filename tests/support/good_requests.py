"""One good request to each vendor, as its documentation shows it: the sandbox must take it, and refuse its variations."""

from typing import Any

from daemon.sandbox.config import CREDENTIALS

TWILIO = f"/2010-04-01/Accounts/{CREDENTIALS['TWILIO_ACCOUNT_SID']}/Messages.json"
TWILIO_SMS = {"To": "+447700900123", "From": "+15005550006", "Body": "Order 1042 is ready"}

VONAGE_SMS = {"from": "AcmeInc", "to": "447700900123", "text": "Order 1042 is ready", "client-ref": "m1.1"}
VONAGE_MESSAGE = {
    "message_type": "text",
    "channel": "sms",
    "to": "447700900123",
    "from": "AcmeInc",
    "text": "Ready",
    "client_ref": "m1.1",
}

PLIVO = f"/v1/Account/{CREDENTIALS['PLIVO_AUTH_ID']}/Message/"
PLIVO_SMS = {"src": "14155550100", "dst": "447700900123", "text": "Order 1042 is ready"}

SENDGRID_MAIL: dict[str, Any] = {
    "personalizations": [{"to": [{"email": "ada@example.com"}], "custom_args": {"msg_ref": "m1.1"}}],
    "from": {"email": "orders@example.com", "name": "Shop"},
    "subject": "Ready",
    "content": [{"type": "text/plain", "value": "Ready"}, {"type": "text/html", "value": "<p>Ready"}],
}

MAILGUN = "/v3/mg.example.com/messages"
MAILGUN_MAIL = {
    "from": "Shop <orders@mg.example.com>",
    "to": "Ada <ada@example.com>",
    "subject": "Ready",
    "text": "Ready",
}

SES = "/v2/email/outbound-emails"
SES_MAIL: dict[str, Any] = {
    "FromEmailAddress": "orders@example.com",
    "Destination": {"ToAddresses": ["ada@example.com"]},
    "Content": {"Simple": {"Subject": {"Data": "Ready"}, "Body": {"Text": {"Data": "Für Sie", "Charset": "UTF-8"}}}},
    "EmailTags": [{"Name": "msg_ref", "Value": "m1-1"}],
}

OUTLOOK = "/v1.0/users/orders@example.com/sendMail"
OUTLOOK_MAIL: dict[str, Any] = {
    "message": {
        "subject": "Ready",
        "body": {"contentType": "html", "content": "<p>Ready"},
        "toRecipients": [{"emailAddress": {"address": "ada@example.com"}}],
        "internetMessageHeaders": [{"name": "x-msg-ref", "value": "m1.1"}],
    },
    "saveToSentItems": True,
}

SLACK = "/api/chat.postMessage"
SLACK_MESSAGE: dict[str, Any] = {
    "channel": "C0123ABCD",
    "text": "B-1042 &amp; more",
    "metadata": {"event_type": "order_status", "event_payload": {"ref": "m1.1"}},
}

WHATSAPP = "/v23.0/106540352242922/messages"
WHATSAPP_TEMPLATE: dict[str, Any] = {
    "messaging_product": "whatsapp",
    "to": "447700900123",
    "type": "template",
    "template": {
        "name": "order_ready",
        "language": {"code": "en_US"},
        "components": [{"type": "body", "parameters": [{"type": "text", "text": "Ana"}]}],
    },
    "biz_opaque_callback_data": "m1.1",
}
WHATSAPP_TEXT: dict[str, Any] = {
    "messaging_product": "whatsapp",
    "to": "447700900123",
    "type": "text",
    "text": {"body": "Ready"},
}
