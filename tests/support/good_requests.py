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

MESSENGER = "/v25.0/1909458034523498/messages"
MESSENGER_TEMPLATE: dict[str, Any] = {
    "recipient": {"id": "25381719828140932"},
    "messaging_type": "UTILITY",
    "message": {
        "template": {
            "name": "order_ready",
            "language": {"code": "en"},
            "components": [{"type": "body", "parameters": [{"type": "text", "text": "1042"}]}],
        }
    },
}

INTERCOM_MESSAGE: dict[str, Any] = {
    "message_type": "inapp",
    "body": "x",
    "from": {"type": "admin", "id": "991267766"},
    "to": {"type": "user", "id": "contact-1"},
}

PUSHER = f"/apps/{CREDENTIALS['PUSHER_APP_ID']}/events"
PUSHER_EVENT: dict[str, Any] = {
    "name": "order",
    "channels": ["private-ada"],
    "data": '{"id":"m1.1","text":"Ready"}',
}

FCM = "/v1/projects/sandbox-project/messages:send"
FCM_MESSAGE: dict[str, Any] = {
    "message": {
        "token": "abc",
        "notification": {"title": "B-1042", "body": "Ready"},
        "data": {"id": "m1.1"},
        "android": {"priority": "HIGH", "ttl": "3600s"},
    }
}

ACTIVECAMPAIGN = "/api/3/contact/sync"
ACTIVECAMPAIGN_CONTACT: dict[str, Any] = {
    "contact": {"email": "ada@example.com", "firstName": "Ada", "fieldValues": [{"field": "6", "value": "ready"}]}
}

KLAVIYO_EVENT: dict[str, Any] = {
    "data": {
        "type": "event",
        "attributes": {
            "properties": {"status": "ready"},
            "unique_id": "m1",
            "metric": {"data": {"type": "metric", "attributes": {"name": "Ready"}}},
            "profile": {"data": {"type": "profile", "attributes": {"email": "ada@example.com"}}},
        },
    }
}

HUBSPOT = "/crm/v3/objects/orders/batch/upsert"
HUBSPOT_ORDERS: dict[str, Any] = {
    "inputs": [{"id": "1", "idProperty": "tether_order_number", "properties": {"tether_order_status": "ready"}}]
}
HUBSPOT_SEND = "/marketing/v3/transactional/single-email/send"
HUBSPOT_MAIL: dict[str, Any] = {"emailId": 1, "message": {"to": "ada@example.com", "sendId": "m1"}}

SFMC = "/interaction/v1/events"
SFMC_EVENT: dict[str, Any] = {"ContactKey": "C-77", "EventDefinitionKey": "APIEvent-order", "Data": {"EventId": "m1"}}
SFMC_SEND = "/messaging/v1/email/messages/k"
SFMC_MAIL: dict[str, Any] = {"definitionKey": "d", "recipient": {"contactKey": "C-77", "to": "ada@example.com"}}

ZOHO = "/crm/v8/Deals/upsert"
ZOHO_DEALS: dict[str, Any] = {
    "data": [{"Order_No": "1001", "Order_Status": "Ready"}],
    "duplicate_check_fields": ["Order_No"],
    "trigger": ["workflow"],
}

WOOCOMMERCE = "/wp-json/wc/v3/orders/727/notes"
WOOCOMMERCE_NOTE = {"note": "Ready to collect", "customer_note": True}
