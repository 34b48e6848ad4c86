"""Who looks at the page, and what they may. Pure; absence is never permission."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

Role: TypeAlias = Literal["viewer", "manager", "admin"]
Right: TypeAlias = Literal["see", "optout", "command", "publish", "record"]
"""see: all pages that only show. optout: opt somebody out by hand. command: send a store of one's own a command. publish: texts, routes
and settings. record: what people did here."""

RIGHTS: Mapping[Role, frozenset[Right]] = {
    "viewer": frozenset({"see"}),
    "manager": frozenset({"see", "optout", "command"}),
    "admin": frozenset({"see", "optout", "command", "publish", "record"}),
}


class User(msgspec.Struct, frozen=True):
    name: str
    role: Role
    stores: tuple[str, ...] = ()
    """A manager's; viewers and admins see all."""

    def may(self, right: Right, store: str | None = None) -> bool:
        """`store`: of which it is asked, where it is of one."""
        return right in RIGHTS.get(self.role, ()) and (store is None or self.sees(store))

    def sees(self, store: str) -> bool:
        return self.mine is None or store in self.mine

    @property
    def mine(self) -> list[str] | None:
        """The stores to which questions to PostgreSQL are kept; None: all."""
        return None if self.role in ("viewer", "admin") else list(self.stores)
