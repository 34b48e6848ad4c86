"""Those who call a small store, as they sign: its till and Twilio."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from standardwebhooks import Webhook

from tests.support.small_store import TWILIO_TOKEN, WEBSHOP_SECRET, SmallStore


def signed_by_twilio(url: str, body: bytes = b"", token: str = TWILIO_TOKEN) -> dict[str, str]:
    """The headers of a callback. `url`: the one that Twilio knows us by."""
    fields = "".join(name + value for name, value in sorted(set(parse_qsl(body.decode(), keep_blank_values=True))))
    digest = hmac.new(token.encode(), (url + fields).encode(), hashlib.sha1).digest()
    return {
        "X-Twilio-Signature": base64.b64encode(digest).decode(),
        "Content-Type": "application/x-www-form-urlencoded",
    }


def signed_by_till(store: SmallStore, body: bytes) -> dict[str, str]:
    """The headers of a webhook of the source `webshop`, sent now."""
    now = datetime.fromtimestamp(store.clock.now() / 1000, UTC)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(store.clock.now() // 1000),
        "webhook-signature": Webhook(WEBSHOP_SECRET).sign("msg_1", now, body.decode()),
        "Content-Type": "text/whatever",
    }
