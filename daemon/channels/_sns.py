"""Amazon SNS messages posted over HTTPS: who may have sent them, and the proof.
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from daemon.channels import _signed

_URL = re.compile(r"(https://sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?)(/\S*)")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def place(url: Any) -> tuple[str, str] | None:
    """Origin and path of a URL in a message, where it leads to Amazon's SNS itself over https; None elsewhere."""
    match = _URL.fullmatch(url) if isinstance(url, str) else None
    return (match[1], match[2]) if match else None


def holds(message: Mapping[str, Any], certificate: bytes) -> bool:
    """Whether the message was signed with the key of that certificate (PEM)."""
    names = _NOTIFICATION if message.get("Type") == "Notification" else _CONFIRMATION
    text = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None)
    try:
        signature = b64decode(str(message.get("Signature")), validate=True)
    except ValueError:
        return False
    return _signed.by_certificate(certificate, signature, text.encode(), str(message.get("SignatureVersion")))
