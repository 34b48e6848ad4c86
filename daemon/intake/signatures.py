"""How senders vouch for what they post: HMACs over body, URL or time, tokens, and the named schemes of a few. Pure.

Each compares in constant time, takes any of several secrets (two while one is being exchanged), and raises HookRefused. A time that is
signed must lie within five minutes of ours either way, while our clock can be trusted; an id that is taken once stops the rest.
"""

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from daemon import standard_webhooks
from daemon.config import ConfigError, Table
from daemon.intake.base import Hook, HookRefused
from daemon.standard_webhooks import PREFIX, TOLERANCE_S

_PART = re.compile(r"\{(body|url|method|header:[A-Za-z0-9-]+|json:[\w.]+)\}")
_QUERY_ESCAPES = {f"%{ord(char):02X}": char for char in ":/?@!$'()*,;"}

Encoding = Literal["hex", "base64", "either"]
KeyForm = Literal["text", "hex", "base64"]


class SignatureTable(Table, frozen=True, kw_only=True):
    """How a mapped source vouches for its bodies, as `signature = { ... }` has it."""

    kind: Literal["hmac", "token", "standard", "stripe", "adyen"] = "hmac"
    header: str = ""
    """Where the signature or token is."""
    prefix: str = ""
    """What stands before it in that header ("sha256=", "Bearer ")."""
    part: str = ""
    """Its name, where the header holds several `name=value` by comma."""
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Encoding = "hex"
    key: KeyForm = "text"
    signed: str = "{body}"
    """What is signed: {body}, {url}, {method}, {header:NAME} and {json:PATH}, with other text between them."""
    timestamp: str = ""
    """The header of a signed time, in seconds or ms."""
    query: str = ""
    """token: the parameter it comes in, where a header can't be set."""
    field: str = ""
    """token: the JSON field it comes in."""


def check_table(table: SignatureTable, where: str) -> None:
    """Raises ConfigError for a table that can guard nothing."""
    if table.kind == "hmac" and not table.header:
        raise ConfigError(
            f'{where}: signature: header is missing; write the name of the one it comes in, like "X-Signature"'
        )
    if table.kind == "token" and not (table.header or table.query or table.field):
        raise ConfigError(f"{where}: signature: say where the token comes: header, query or field")
    if table.kind == "hmac" and "{body}" not in table.signed:
        raise ConfigError(f"{where}: signature: signed must hold {{body}}, or a body could be exchanged under it")


def verify(table: SignatureTable, hook: Hook, secrets: Sequence[str]) -> None:
    """Raises HookRefused. `adyen` signs each item by itself: see `adyen_holds`."""
    match table.kind:
        case "token":
            token(table, hook, secrets)
        case "standard":
            standard(hook, secrets)
        case "stripe":
            stripe(hook, secrets)
        case "hmac":
            by_hmac(table, hook, secrets)
        case "adyen":
            return


# ---------------------------------------------------------------- general


def by_hmac(table: SignatureTable, hook: Hook, secrets: Sequence[str]) -> None:
    """HMAC over what `signed` names."""
    given = _header(hook, table.header)
    if table.part:
        given = dict(part.strip().partition("=")[::2] for part in given.split(",")).get(table.part, "")
    if not given.startswith(table.prefix):
        raise HookRefused(f"the header {table.header} does not begin with {table.prefix!r}")
    text = signed_text(table.signed, hook)
    due = [hmac.digest(key_of(secret, table.key), text, table.algorithm) for secret in secrets]
    if not any(_same(given.removeprefix(table.prefix), digest, table.encoding) for digest in due):
        raise HookRefused("the signature does not hold: check the secret, and what the sender signs")
    if table.timestamp:
        fresh(_header(hook, table.timestamp), hook)


def token(table: SignatureTable, hook: Hook, secrets: Sequence[str]) -> None:
    """A fixed secret in a header, a parameter or a JSON field."""
    given = [hook.headers.get(table.header.lower(), "").removeprefix(table.prefix)] if table.header else []
    given += [value for name, value in hook.query if table.query and name == table.query]
    given += [_field(hook.body, table.field)] if table.field else []
    if not any(equal(one, secret) for one in given if one for secret in secrets):
        raise HookRefused("the token is missing or not the right one")


def without_token(table: SignatureTable, body: bytes) -> bytes:
    """The body, without a token that comes in a field of it."""
    if table.kind != "token" or not table.field:
        return body
    try:
        whole = value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    *path, last = table.field.split(".")
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if not isinstance(value, dict) or last not in value:
        return body
    value[last] = "[secret]"
    return msgspec.json.encode(whole)


def signed_text(template: str, hook: Hook) -> bytes:
    """What was signed. Raises HookRefused when a header or field of it is missing."""
    made = bytearray()
    place = 0
    for part in _PART.finditer(template):
        made += template[place : part.start()].encode()
        made += _part(part[1], hook)
        place = part.end()
    return bytes(made + template[place:].encode())


def _part(name: str, hook: Hook) -> bytes:
    kind, _, detail = name.partition(":")
    match kind:
        case "body":
            return hook.body
        case "url":
            return hook.url.encode()
        case "method":
            return hook.method.encode()
        case "header":
            return _header(hook, detail).encode("utf-8", "surrogateescape")
        case _:
            return _field(hook.body, detail).encode()


def fresh(stamp: str, hook: Hook) -> None:
    """Raises HookRefused for a signed time (seconds or ms) that is no time or too far from now."""
    if not re.fullmatch(r"[0-9]{9,14}", stamp):
        raise HookRefused("the signed time is no number of seconds or milliseconds")
    seconds = int(stamp) / 1000 if len(stamp) > 11 else int(stamp)
    if hook.clock_trusted and abs(hook.now / 1000 - seconds) > TOLERANCE_S:
        raise HookRefused(f"the signed time is more than {TOLERANCE_S // 60} minutes off this clock")


def equal(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode("utf-8", "surrogateescape"))


def key_of(secret: str, form: KeyForm) -> bytes:
    """Raises HookRefused for a secret that is not in that form, or that is none: anybody can sign with an empty key."""
    try:
        key = _read_key(secret, form)
    except (ValueError, binascii.Error) as error:
        raise HookRefused(f"the webhook secret in .env is not {form}") from error
    if not key or secret == PREFIX:
        raise HookRefused("the webhook secret in .env is empty")
    return key


def _read_key(secret: str, form: KeyForm) -> bytes:
    match form:
        case "text":
            return secret.encode()
        case "hex":
            return bytes.fromhex(secret)
        case "base64":
            return b64decode(secret, validate=True)


def _same(given: str, digest: bytes, encoding: Encoding) -> bool:
    due = {"hex": digest.hex(), "base64": b64encode(digest).decode()}
    forms: Iterable[str] = due if encoding == "either" else (encoding,)
    return any(equal(given.lower() if form == "hex" else given, due[form]) for form in forms)


def _header(hook: Hook, name: str) -> str:
    found = hook.headers.get(name.lower(), "")
    if not found:
        raise HookRefused(f"the header {name} is missing")
    return found


def _field(body: bytes, path: str) -> str:
    """A member of a JSON body by its dotted path, as text; "" without one."""
    try:
        value: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return "" if value is None or isinstance(value, dict | list) else str(value)


# ---------------------------------------------------------------- by name


def standard(hook: Hook, secrets: Sequence[str]) -> None:
    """Standard Webhooks 1.0.0, https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
    for name in standard_webhooks.HEADERS:
        _header(hook, name)
    keys = [key_of(secret.removeprefix(PREFIX), "base64") for secret in secrets]
    if not standard_webhooks.holds(keys, hook.headers, hook.body):
        raise HookRefused("the signature does not hold: check the secret, and that the body is signed as it is sent")
    fresh(hook.headers["webhook-timestamp"], hook)


def stripe(hook: Hook, secrets: Sequence[str]) -> None:
    """Stripe-Signature `t=,v1=`: hex over `t.body`, the key being the whole text `whsec_...`. Any v1 will do."""
    parts = [part.strip().partition("=")[::2] for part in _header(hook, "stripe-signature").split(",")]
    stamp = next((value for name, value in parts if name == "t"), "")
    given = [value for name, value in parts if name == "v1"]
    text = f"{stamp}.".encode() + hook.body
    due = [hmac.digest(key_of(secret, "text"), text, "sha256").hex() for secret in secrets]
    if not any(equal(one, mine) for one in given for mine in due):
        raise HookRefused("the Stripe signature does not hold: the secret is the endpoint's own, whsec_...")
    fresh(stamp, hook)


def hubspot(hook: Hook, secrets: Sequence[str]) -> None:
    """X-HubSpot-Signature-v3: base64 over method + URL + body + time in ms; escapes in the URL's query decoded or not."""
    given, stamp = _header(hook, "x-hubspot-signature-v3"), _header(hook, "x-hubspot-request-timestamp")
    urls = {hook.url, _decoded_query(hook.url)}
    texts = [hook.method.encode() + url.encode() + hook.body + stamp.encode() for url in urls]
    due = [_base64(hmac.digest(key_of(secret, "text"), text, "sha256")) for secret in secrets for text in texts]
    if not any(equal(given, mine) for mine in due):
        raise HookRefused("the HubSpot signature does not hold: is [hook] public_url the address HubSpot calls?")
    fresh(stamp, hook)


def _decoded_query(url: str) -> str:
    path, mark, query = url.partition("?")
    for escape, char in _QUERY_ESCAPES.items():
        query = query.replace(escape, char).replace(escape.lower(), char)
    return path + mark + query


def adyen_holds(item: Mapping[str, Any], secrets: Sequence[str]) -> bool:
    """Whether one notification item carries its own signature: base64 over eight of its fields by colon, the key in hex."""
    amount, extra = item.get("amount"), item.get("additionalData")
    amount = amount if isinstance(amount, dict) else {}
    given = extra.get("hmacSignature") if isinstance(extra, dict) else None
    names = ("pspReference", "originalReference", "merchantAccountCode", "merchantReference")
    fields = [*(item.get(name) for name in names), amount.get("value"), amount.get("currency")]
    fields += [item.get("eventCode"), item.get("success")]
    text = ":".join("" if value is None else str(value) for value in fields).encode()
    return isinstance(given, str) and any(
        equal(given, _base64(hmac.digest(key_of(secret, "hex"), text, hashlib.sha256))) for secret in secrets
    )


def body_digest(hook: Hook, header: str, secrets: Sequence[str]) -> None:
    """base64 of HMAC-SHA256 over the raw body, as Shopify and WooCommerce sign."""
    by_hmac(SignatureTable(header=header, encoding="base64"), hook, secrets)


def _base64(digest: bytes) -> str:
    return b64encode(digest).decode()
