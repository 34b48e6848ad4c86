"""One request to a stand-in and its answer, as plain values: providers are functions between the two and know no server."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from email import message_from_bytes
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

import msgspec

JSON = "application/json"


class Response(msgspec.Struct, frozen=True):
    """What goes back: status, body bytes and headers (`Content-Type` among them)."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)


def reply(status: int, value: Any, headers: Mapping[str, str] | None = None, *, content_type: str = JSON) -> Response:
    """An answer whose body is that value in JSON."""
    return Response(status, msgspec.json.encode(value), {"Content-Type": content_type, **(headers or {})})


def plain(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8", **(headers or {})})


class Refused(Exception):
    """A request the vendor would refuse: carries the vendor's own answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__(f"refused with {answer.status}")
        self.answer = answer


class Malformed(Exception):
    """A body that is not what its media type says. Each provider answers it in its own way."""


class Call:
    """One request. `path` is the vendor's own, decoded; `wire_path` and `wire_query` are what the client really sent."""

    def __init__(
        self,
        *,
        method: str,
        wire_path: str,
        wire_query: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        now: int,
    ) -> None:
        self.method = method
        self.wire_path = wire_path
        self.wire_query = wire_query
        self.path = path
        self.headers = headers
        """Looked up without regard to case."""
        self.body = body
        self.now = now
        """Wall ms at arrival."""

    @property
    def media_type(self) -> str:
        return self.headers.get("Content-Type", "").split(";", 1)[0].strip().lower()

    @cached_property
    def query(self) -> dict[str, str]:
        return dict(self.query_pairs)

    @property
    def query_pairs(self) -> Sequence[tuple[str, str]]:
        return parse_qsl(self.wire_query, keep_blank_values=True)

    def number(self, name: str, default: int) -> int:
        """A whole number of the query, from 0 on. Raises Malformed for what is none."""
        given = self.query.get(name, str(default))
        if not (given.isascii() and given.isdecimal()) or len(given) > 15:
            raise Malformed(f"{name} is not a number")
        return int(given)

    @cached_property
    def form(self) -> dict[str, list[str]]:
        """The fields of an urlencoded or multipart body; a name may come more than once. Raises Malformed."""
        if self.media_type == "multipart/form-data":
            return _multipart(self.headers["Content-Type"], self.body)
        try:
            pairs = parse_qsl(self.body.decode(), keep_blank_values=True)
        except UnicodeDecodeError as error:
            raise Malformed("the form is not UTF-8") from error
        fields: dict[str, list[str]] = {}
        for name, value in pairs:
            fields.setdefault(name, []).append(value)
        return fields

    def field(self, name: str) -> str:
        """The first value of a form field, "" where it is absent."""
        return self.form.get(name, [""])[0]

    @cached_property
    def json(self) -> Any:
        """The body as JSON. Raises Malformed."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Malformed(f"the body is not JSON: {error}") from error

    @property
    def basic(self) -> tuple[str, str] | None:
        """User and password of HTTP Basic (RFC 7617), None where there is none or it can't be read."""
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return (user, password) if colon else None

    def token(self, scheme: str = "Bearer") -> str | None:
        """What follows that scheme word in `Authorization`, None where another or none stands there."""
        word, _, value = self.headers.get("Authorization", "").partition(" ")
        return value.strip() if word.lower() == scheme.lower() and value.strip() else None


def _multipart(content_type: str, body: bytes) -> dict[str, list[str]]:
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    if not message.is_multipart():
        raise Malformed("the multipart body has no parts")
    fields: dict[str, list[str]] = {}
    for part in message.get_payload():
        name = part.get_param("name", header="Content-Disposition") if not isinstance(part, str) else None
        if isinstance(part, str) or not isinstance(name, str):
            raise Malformed("a part of the multipart body has no name")
        payload = part.get_payload(decode=True)
        fields.setdefault(name, []).append(payload.decode(errors="replace") if isinstance(payload, bytes) else "")
    return fields
