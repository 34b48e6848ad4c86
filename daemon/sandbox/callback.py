"""What a customer does, and how a vendor tells the store of it: plain values between the phones and the stand-ins."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

Deed: TypeAlias = Literal["writes", "complains", "unsubscribes"]
"""`complains` and `unsubscribes` are what mail programs offer: "this is spam", "no more of it"."""


class CustomerAct(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a customer does."""

    customer: str
    """The address that the vendor knows them by."""
    to: str
    """The store's own address there: who sent them the last message."""
    text: str = ""
    deed: Deed = "writes"
    answers: str = ""
    """The vendor's id of the message it is about."""
    at: int
    """Wall ms."""


class Callback(msgspec.Struct, frozen=True):
    """One POST of a vendor's to the store."""

    headers: Mapping[str, str]
    body: bytes
