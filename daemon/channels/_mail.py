"""What the mail channels share: the sender as written in the settings, and what an automatic mail says of itself."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, parseaddr

import msgspec

from daemon.channels.base import Misconfigured, Outgoing

AUTOMATIC = {"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"}
"""RFC 3834 section 5: nobody's vacation notice is to answer this. The second is Exchange's own word for it."""


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


def subject(out: Outgoing) -> str:
    """The subject on one line; a text of staff's own without one gets the order's number."""
    return " ".join((out.rendered.subject or f"Order {out.order_ref}").split())


def compose(out: Outgoing, by: Sender) -> EmailMessage:
    """The whole mail (RFC 5322), with a Message-ID made from our reference. Plain text, and HTML where there is some.

    It is written in 7-bit encodings, so that any server takes it; only an address outside ASCII needs SMTPUTF8 (RFC 6531)."""
    mail = EmailMessage(policy=WIRE.clone(cte_type="7bit", utf8=not is_plain(out, by)))
    mail["From"] = _addressed(by.name, by.address)
    mail["To"] = _addressed(out.name, out.to)
    mail["Subject"] = subject(out)
    mail["Date"] = format_datetime(datetime.fromtimestamp(out.now / 1000, UTC))
    mail["Message-ID"] = f"<{out.reference}@{by.host}>"
    for name, value in AUTOMATIC.items():
        mail[name] = value
    mail.set_content(out.rendered.text)
    if out.rendered.html:
        mail.add_alternative(out.rendered.html, subtype="html")
    return mail


def is_plain(out: Outgoing, by: Sender) -> bool:
    """Whether both addresses are ASCII, so that any server takes them."""
    return out.to.isascii() and by.address.isascii()


def _addressed(name: str, address: str) -> str:
    words = " ".join(name.split()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{words}" <{address}>' if words else address
