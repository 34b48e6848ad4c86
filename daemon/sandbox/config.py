"""How a store is set up for the sandbox: a table for every channel, and secrets that open nothing outside."""

import os
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

GOOGLE_FILE = "sandbox-google.json"
PROJECT = "sandbox-project"
_CLIENT_EMAIL = "tether@sandbox-project.iam.gserviceaccount.com"
_TYPES = (
    "order.placed", "order.confirmed", "order.in_production", "order.ready", "order.out_for_delivery", "order.completed",
    "order.cancelled", "order.delayed", "order.customization_needed", "order.out_of_stock", "return.requested",
    "return.received", "refund.issued", "payment.confirmed", "payment.failed",
)  # fmt: skip

MAIL_KEY = ec.derive_private_key(0x5A5A5A5A5A5A5A5A, ec.SECP256R1())
"""Signs SendGrid's events. Known to everybody, like the secrets below."""
CREDENTIALS: Mapping[str, str] = {
    "TWILIO_ACCOUNT_SID": "AC" + "5a" * 16,
    "TWILIO_AUTH_TOKEN": "sandbox-" + "0" * 24,
    "TWILIO_API_KEY": "SK" + "5a" * 16,
    "TWILIO_API_SECRET": "sandbox-" + "1" * 24,
    "VONAGE_API_KEY": "sandbox1",
    "VONAGE_API_SECRET": "SandboxSecret123",
    "VONAGE_SIGNATURE_SECRET": "sandbox-vonage-signature",
    "PLIVO_AUTH_ID": "MASANDBOX00000000000",
    "PLIVO_AUTH_TOKEN": "sandbox-plivo-token",
    "SENDGRID_API_KEY": "SG.sandbox.sandbox",
    "SENDGRID_WEBHOOK_PUBLIC_KEY": b64encode(
        MAIL_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).decode(),
    "MAILGUN_API_KEY": "sandbox-mailgun-key",
    "AWS_ACCESS_KEY_ID": "SANDBOXACCESSKEY",
    "AWS_SECRET_ACCESS_KEY": "sandbox/" + "A" * 32,
    "OUTLOOK_TENANT_ID": "11111111-2222-3333-4444-555555555555",
    "OUTLOOK_CLIENT_ID": "22222222-3333-4444-5555-666666666666",
    "OUTLOOK_CLIENT_SECRET": "sandbox-outlook-secret",
    "SMTP_USERNAME": "sandbox",
    "SMTP_PASSWORD": "sandbox-smtp-password",
    "SLACK_BOT_TOKEN": "-".join(("xoxb", "sandbox", "token")),
    "WHATSAPP_ACCESS_TOKEN": "SandboxWhatsAppToken",
    "WHATSAPP_APP_SECRET": "sandbox-whatsapp-app",
    "MESSENGER_PAGE_TOKEN": "SandboxMessengerToken",
    "MESSENGER_APP_SECRET": "sandbox-messenger-app",
    "INTERCOM_ACCESS_TOKEN": "sandbox-intercom-token",
    "PUSHER_APP_ID": "3",
    "PUSHER_KEY": "sandbox-pusher-key",
    "PUSHER_SECRET": "sandbox-pusher-secret",
    "FCM_PROJECT_ID": PROJECT,
    "FCM_CLIENT_EMAIL": _CLIENT_EMAIL,
    "ACTIVECAMPAIGN_URL": "https://sandbox.api-us1.com",
    "ACTIVECAMPAIGN_API_KEY": "sandbox-activecampaign-key",
    "ACTIVECAMPAIGN_EVENT_KEY": "sandbox-event-key",
    "KLAVIYO_API_KEY": "pk_sandbox",
    "HUBSPOT_ACCESS_TOKEN": "pat-eu1-sandbox",
    "SFMC_SUBDOMAIN": "mcsandbox00000000000000000000",
    "SFMC_CLIENT_ID": "sandbox-sfmc-client",
    "SFMC_CLIENT_SECRET": "sandbox-sfmc-secret",
    "ZOHO_CLIENT_ID": "1000.SANDBOX",
    "ZOHO_CLIENT_SECRET": "sandbox-zoho-secret",
    "ZOHO_REFRESH_TOKEN": "1000.sandbox.refresh",
    "WOOCOMMERCE_KEY": "ck_" + "0" * 40,
    "WOOCOMMERCE_SECRET": "cs_" + "0" * 40,
    "WEBHOOK_SECRET": "whsec_" + "c2FuZGJveC1zYW5kYm94LXNhbmRib3gtMDAwMDA=",
}
"""What the stand-ins take for good credentials, by the name each has in `.env`. FCM_* are read from the key file there."""


def sandbox_settings(url: str, smtp_port: int, folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The `[channels]` tables and the secrets that turn every channel to the sandbox at `url`.

    `folder` (an existing one) gets the service account's key file that FCM's channel reads; a key that is there is kept.
    """
    host = url.removeprefix("http://").partition(":")[0]
    templates = {type: type.replace(".", "_") for type in _TYPES}
    graph_templates = {
        type: {"name": name, "language": "en", "body": ["name", "order_ref"]} for type, name in templates.items()
    }
    own: dict[str, dict[str, Any]] = {
        "twilio": {"from": "+15005550006"},
        "vonage": {"from": "BalloonLoft", "reports": True},
        "plivo": {"from": "14155550100"},
        "sendgrid": {"from": "orders@example.com"},
        "mailgun": {"domain": "mg.example.com", "from": "orders@mg.example.com"},
        "ses": {"region": "eu-west-1", "from": "orders@example.com"},
        "outlook": {"sender": "orders@example.com"},
        "slack": {"channel": "C0123ABCD"},
        "whatsapp": {"phone_number_id": "106540352242922", "templates": graph_templates},
        "messenger": {"page_id": "1909458034523498", "templates": graph_templates},
        "intercom": {"admin_id": "991267766"},
        "pusher": {"cluster": "eu"},
        "fcm": {"project_id": PROJECT},
        "activecampaign": {"field": "ORDER_STATUS"},
        "klaviyo": {},
        "hubspot": {"object": "orders", "property": "balloon_order_status"},
        "sfmc": {"event_definition_key": "APIEvent-balloon-order-status", "account_id": "7281698"},
        "zoho": {"dc": "eu", "module": "Deals", "field": "Order_Status"},
    }
    tables = {name: {**table, "base_url": f"{url}/{name}"} for name, table in own.items()}
    for name in ("outlook", "fcm", "sfmc", "zoho"):
        tables[name]["auth_url"] = f"{url}/auth"
    tables["woocommerce"] = {"url": f"{url}/woocommerce"}
    tables["webhook"] = {"url": f"{url}/webhook/store"}
    tables["smtp"] = {"host": host, "port": smtp_port, "security": "none", "from": "orders@example.com"}
    secrets = {name: value for name, value in CREDENTIALS.items() if not name.startswith("FCM_")}
    secrets["GOOGLE_APPLICATION_CREDENTIALS"] = str(_service_account(folder))
    return tables, secrets


def google_key(folder: Path) -> rsa.RSAPublicKey:
    """The public half of the key in `folder`, which is made if it isn't there."""
    account = msgspec.json.decode(_service_account(folder).read_bytes(), type=dict[str, str])
    key = load_pem_private_key(account["private_key"].encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{folder / GOOGLE_FILE}: not an RSA key; remove the file, a new one is made")
    return key.public_key()


def config_text(url: str, smtp_port: int, folder: Path) -> str:
    """What to paste: the tables for tether.toml, then the secrets for .env."""
    tables, secrets = sandbox_settings(url, smtp_port, folder)
    lines = ["# tether.toml"]
    for name, table in tables.items():
        lines += ["", f"[channels.{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
    lines += ["", "# .env", *(f"{name}={value}" for name, value in secrets.items()), ""]
    return "\n".join(lines)


def _service_account(folder: Path) -> Path:
    path = folder / GOOGLE_FILE
    if path.exists():
        return path
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    account = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "sandbox",
        "private_key": pem.decode(),
        "client_email": _CLIENT_EMAIL,
        "token_uri": "https://oauth2.googleapis.com/token",
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(account))
    return path


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f'"{key}" = {_toml(inner)}' for key, inner in value.items()) + " }"
    return msgspec.json.encode(value).decode()
