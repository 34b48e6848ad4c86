"""Amazon SNS messages posted over HTTPS: who may have sent them, and the proof.
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.x509 import load_pem_x509_certificate

_URL = re.compile(r"(https://sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?)(/\S*)")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_HASHES = {"1": SHA1, "2": SHA256}


def place(url: Any) -> tuple[str, str] | None:
    """Origin and path of a URL in a message, where it leads to Amazon's SNS itself over https; None elsewhere."""
    match = _URL.fullmatch(url) if isinstance(url, str) else None
    return (match[1], match[2]) if match else None


def holds(message: Mapping[str, Any], certificate: bytes) -> bool:
    """Whether the message was signed with the key of that certificate (PEM)."""
    names = _NOTIFICATION if message.get("Type") == "Notification" else _CONFIRMATION
    text = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None)
    kind = _HASHES.get(str(message.get("SignatureVersion")))
    try:
        key = load_pem_x509_certificate(certificate).public_key()
        if kind is None or not isinstance(key, RSAPublicKey):
            return False
        key.verify(b64decode(str(message.get("Signature")), validate=True), text.encode(), PKCS1v15(), kind())
    except (InvalidSignature, ValueError):
        return False
    return True
