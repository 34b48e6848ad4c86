"""What the mail channels share: the sender as written in the settings, and what an automatic mail says of itself."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.headerregistry import HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, formataddr, parseaddr
from typing import Any, cast
from urllib.parse import quote

import msgspec
from yarl import URL

from daemon.channels.base import Misconfigured, Outgoing

AUTOMATIC = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
"""RFC 3834 section 5: nobody's vacation notice is to answer this. The second is Exchange's own word for it."""


ONE_CLICK = {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
"""RFC 8058: a mail program may POST to the link by itself."""


class Sender(msgspec.Struct, frozen=True):
    """Who a mail is from."""

    name: str
    address: str

    @property
    def host(self) -> str:
        return self.address.rpartition("@")[2]


def sender(text: str, where: str) -> Sender:
    """Read `orders@example.com` or `Balloon Loft <orders@example.com>`. Raises Misconfigured with `where` it stands."""
    name, address = parseaddr(text)
    if "@" not in address or address.startswith("@") or address.endswith("@"):
        raise Misconfigured(f'{where}: {text!r} is no mail address; write it like "Balloon Loft <orders@example.com>"')
    return Sender(name, address)


def in_ascii(name: str, address: str) -> str:
    """For an API that takes nothing else: the name as an encoded word (RFC 2047), the host in Punycode (RFC 3492). What stands before the
    "@" has no such form, and stays."""
    local, _, host = address.rpartition("@")
    if not host.isascii():
        with suppress(ValueError):  # it has no such form: whoever is asked to mail there says so
            address = f"{local}@{URL.build(scheme='https', host=host).raw_host}"
    return formataddr((name, address)) if address.isascii() else address


def subject(out: Outgoing) -> str:
    """The subject on one line; a text of staff's own without one gets the order's number."""
    return " ".join((out.rendered.subject or f"Order {out.order_ref}").split())


def compose(out: Outgoing, by: Sender) -> EmailMessage:
    """The whole mail (RFC 5322), with a Message-ID made from ours, so that mailboxes show a repeat once, and what staff send again for itself.
    Plain text, and HTML where there is some.

    It is written in 7-bit encodings, so that any server takes it; only an address outside ASCII needs SMTPUTF8 (RFC 6531)."""
    mail = EmailMessage(policy=WIRE.clone(cte_type="7bit", utf8=not is_plain(out, by), header_factory=_HEADERS))
    mail["From"] = _addressed(by.name, by.address)
    mail["To"] = _addressed(out.name, out.to)
    mail["Subject"] = subject(out)
    mail["Date"] = format_datetime(datetime.fromtimestamp(out.now / 1000, UTC))
    again = f".{out.first_try}" if out.first_try > 1 else ""
    mail["Message-ID"] = f"<{out.message_id}{again}@{by.host}>"
    if out.reply_to:
        mail["Reply-To"] = in_ascii("", out.reply_to)
    for name, value in headers(out, by).items():
        mail[name] = value
    mail.set_content(out.rendered.text)
    if out.rendered.html:
        mail.add_alternative(out.rendered.html, subtype="html")
    return mail


class _Whole(UnstructuredHeader):
    """A header on one line, as long as it is: what has no space in it would else be put into encoded words, which nobody reads in a link."""

    def fold(self, *, policy: Any) -> str:
        header: Any = self
        return f"{header.name}: {header}{policy.linesep}"


_HEADERS = HeaderRegistry()
_HEADERS.map_to_type("list-unsubscribe", cast("Any", _Whole))


def headers(out: Outgoing, by: Sender) -> Mapping[str, str]:
    """What a mail of ours says beside its addresses and subject: that it is automatic, and how to have no more of them (RFC 2369)."""
    if not out.unsubscribe:
        return AUTOMATIC
    if out.unsubscribe.startswith("https://"):
        return {**AUTOMATIC, "List-Unsubscribe": f"<{out.unsubscribe}>", **ONE_CLICK}
    mailbox = quote(out.reply_to or by.address, safe="@")
    return {**AUTOMATIC, "List-Unsubscribe": f"<mailto:{mailbox}?subject=unsubscribe>"}


def is_plain(out: Outgoing, by: Sender) -> bool:
    """Whether both addresses are ASCII, so that any server takes them."""
    return out.to.isascii() and by.address.isascii()


def _addressed(name: str, address: str) -> str:
    words = " ".join(name.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{words}" <{address}>' if words else address
