"""Writes down under which addresses something is kept, when it comes in: so that a person is found without searching (`outbox.people`)."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal

import msgspec

from outbox.digest import Digester
from outbox.identity import Identities, Known
from outbox.model import Customer

What = Literal["reply", "quarantine"]

ANYBODY = ""
"""Stands for the digest of whomever: a body that names more people than can be written down is everybody's."""

Row = tuple[str, str, int]
"""(digest, what, seq), as `insert_person` writes it"""

Addresses = dict[str, str]
"""Addresses as the index knows them: digest -> kind."""


class PersonIndex:
    def __init__(self, identities: Identities, digester: Digester) -> None:
        self._identities = identities
        self._digester = digester

    def of_customer(self, customer: Customer) -> Known:
        return self._identities.of_customer(customer)

    def rows(self, known: Known, what: What, seq: int) -> list[Row]:
        return [(digest, what, seq) for digest in sorted(self.digests_known(known))]

    def digests_known(self, known: Iterable[tuple[str, str]]) -> set[str]:
        return {self._digester(address) for _, address in known}

    def digests_of(self, customer: Customer) -> Addresses:
        return {self._digester(address): kind for kind, address in self._identities.of_customer(customer)}

    def names(self, customer: Customer, digests: Collection[str]) -> bool:
        """Whether one of these digests is of an address that a customer has now."""
        return any(self._digester(address) in digests for _, address in self._identities.of_customer(customer))

    def without(self, customer: Customer, digests: Collection[str]) -> Customer:
        """The customer less the addresses of these digests."""

        def stays(**only: Any) -> bool:
            return not self.names(Customer(country=customer.country, **only), digests)

        return msgspec.structs.replace(
            customer,
            phone=customer.phone if stays(phone=customer.phone) else None,
            email=customer.email if stays(email=customer.email) else None,
            addresses={k: to for k, to in (customer.addresses or {}).items() if stays(addresses={k: to})} or None,
        )

    def of_reply(self, address: str, seq: int) -> list[Row]:
        return self.rows(self._identities.of_address(address), "reply", seq)

    def of_body(self, body: bytes) -> Known | None:
        """Whom a body names that nobody understood; None: too many."""
        return self._identities.of_text(body)

    def of_quarantined(self, known: Known | None, seq: int) -> list[Row]:
        return [(ANYBODY, "quarantine", seq)] if known is None else self.rows(known, "quarantine", seq)

    def digests(self, address: str) -> Sequence[str]:
        """By which one written address is looked up, in every form that it may be kept under."""
        return [self._digester(known) for _, known in sorted(self._identities.of_address(address))]

    def is_one(self, address: str, digests: Collection[str]) -> bool:
        """Whether a written address has one of these digests."""
        return not frozenset(digests).isdisjoint(self.digests(address))

    def digests_in(self, text: bytes) -> set[str]:
        """Of whatever in a text may be an address."""
        return {self._digester(known) for _, known in self._identities.of_text(text) or ()}
