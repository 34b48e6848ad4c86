"""Amazon SNS messages posted over HTTPS: who may have sent them, and the proof.
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from daemon.channels import _signed

_REGION = r"[a-z]{2}(?:-[a-z]{3,12}){1,3}-[0-9]{1,2}"
_ARN = re.compile(rf"arn:aws(?:-[a-z-]{{2,12}})?:sns:({_REGION}):[0-9]{{12}}:[A-Za-z0-9_-]{{1,256}}(?:\.fifo)?")
_HOST = r"https://sns\.({region})\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE = re.compile(rf"({_HOST.format(region=_REGION)})(/SimpleNotificationService-[0-9a-f]{{8,64}}\.pem)")
_SUBSCRIBE = re.compile(rf"{_HOST.format(region=_REGION)}/\?([A-Za-z0-9%&=._~:+-]{{1,2048}})")
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----\r?\n(?:[A-Za-z0-9+/=]{1,76}\r?\n){1,100}-----END CERTIFICATE-----\s*")
_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def is_topic(arn: str) -> bool:
    """Whether that can be the ARN of a topic."""
    return _ARN.fullmatch(arn) is not None


def certificate_place(url: Any, topic: str) -> tuple[str, str] | None:
    """Origin and path of a signing certificate: one of SNS's own, at the host of the topic's region; None for any other place."""
    match = _CERTIFICATE.fullmatch(url) if isinstance(url, str) else None
    return (match[1], match[3]) if match and match[2] == _region(topic) else None


def subscription(url: Any, topic: str) -> str:
    """The URL that confirms our own topic's subscription, as SNS makes it; "" for any other."""
    match = _SUBSCRIBE.fullmatch(url) if isinstance(url, str) else None
    if match is None or match[1] != _region(topic):
        return ""
    asked = parse_qs(match[2], strict_parsing=False)
    confirms = asked.get("Action") == ["ConfirmSubscription"] and asked.get("TopicArn", [topic]) == [topic]
    return str(url) if confirms and asked.keys() <= {"Action", "TopicArn", "Token"} else ""


def is_certificate(pem: bytes) -> bool:
    """One certificate and nothing beside it."""
    return _PEM.fullmatch(pem) is not None


def _region(topic: str) -> str | None:
    match = _ARN.fullmatch(topic)
    return match[1] if match else None


def holds(message: Mapping[str, Any], certificate: bytes) -> bool:
    """Whether the message was signed with the key of that certificate (PEM)."""
    names = _NOTIFICATION if message.get("Type") == "Notification" else _CONFIRMATION
    text = "".join(f"{name}\n{message[name]}\n" for name in names if message.get(name) is not None)
    try:
        signature = b64decode(str(message.get("Signature")), validate=True)
    except ValueError:
        return False
    return _signed.by_certificate(certificate, signature, text.encode(), str(message.get("SignatureVersion")))
