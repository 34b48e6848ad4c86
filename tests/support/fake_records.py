"""In memory: tokens, the record, consent, replies and the quarantine of `FakeBox`."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from outbox import UNBOUND, AuditRow, Bounds, Kept, Page, ReplyRow, Verification
from outbox.errors import IllegalMove, NotFound
from outbox.heads import End
from outbox.masks import mask_address
from outbox.reasons import Reason

if TYPE_CHECKING:
    from tests.support.fake_box import FakeBox


class FakeOptOut(msgspec.Struct, frozen=True):
    medium: str
    address: str
    reason: str
    actor: str
    at: int
    id: str
    store: str = ""


class FakeToken(msgspec.Struct, frozen=True):
    name: str
    scopes: frozenset[str]
    created_at: int = 1_795_515_300_000
    bounds: Bounds = UNBOUND


class FakeTokens:
    def __init__(self) -> None:
        self.by_secret: dict[str, FakeToken] = {}

    def add(self, name: str, *scopes: str, bounds: Bounds = UNBOUND) -> str:
        secret = f"tt_{name}_secret"
        self.by_secret[secret] = FakeToken(name, frozenset(scopes), bounds=bounds)
        return secret

    def find(self, secret: str) -> FakeToken | None:
        return self.by_secret.get(secret)

    async def create(self, name: str, scopes: Sequence[str], *, bounds: Bounds, actor: str) -> str:
        if any(token.name == name for token in self.by_secret.values()):
            raise IllegalMove(f"a token {name!r} exists already; revoke it first")
        return self.add(name, *scopes, bounds=bounds)

    async def list(self) -> Sequence[FakeToken]:
        return list(self.by_secret.values())

    async def revoke(self, name: str, *, actor: str) -> None:
        secret = next((key for key, token in self.by_secret.items() if token.name == name), None)
        if secret is None:
            raise NotFound(f"no token is called {name!r}")
        del self.by_secret[secret]


def page(rows: Sequence[Any], limit: int, cursor: str | None) -> Page[Any]:
    start = 0
    if cursor is not None:
        if not cursor.isdigit():
            raise ValueError("this cursor is not one of ours")
        start = int(cursor)
    return Page(rows[start : start + limit], str(start + limit) if len(rows) > start + limit else None)


class FakeAudit:
    def __init__(self, box: "FakeBox") -> None:
        self._box = box

    async def append(
        self,
        kind: str,
        *,
        actor: str = "",
        order_ref: str = "",
        message_id: str = "",
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        seq = len(self._box.acts) + 1
        self._box.acts.append(
            AuditRow(seq, self._box.clock.now(), kind, actor, order_ref, message_id, dict(detail or {}), "00")
        )

    async def list(self, *, limit: int, cursor: str | None, oldest_first: bool = False, **only: Any) -> Page[AuditRow]:
        rows = [
            each
            for each in self._box.acts
            if only["kind"] in (None, each.kind)
            and only["order_ref"] in (None, each.order_ref)
            and only["actor"] in (None, each.actor)
            and (only["search"] is None or only["search"] in repr(each))
        ]
        return page(rows if oldest_first else rows[::-1], limit, cursor)

    async def verify(self) -> Verification:
        return Verification(ok=True, entries=len(self._box.acts), first_bad=None)

    async def end(self) -> End | None:
        return None

    async def export(self, form: str, seal: Callable[[End], str]) -> AsyncIterator[bytes]:
        for each in self._box.acts:
            yield f"{each.seq} as {form}\n".encode()


class FakeUnsubscribe:
    """Links of which one holds."""

    def __init__(self) -> None:
        self.used: list[tuple[str, str]] = []

    def holds(self, token: str) -> bool:
        return token == "T" * 43

    async def use(self, token: str, *, how: str) -> bool:
        if self.holds(token):
            self.used.append((token, how))
        return self.holds(token)


class FakeConsent:
    def __init__(self, box: "FakeBox") -> None:
        self._box = box

    async def stop(self, medium: str, address: str, *, reason: str, actor: str) -> None:
        at = self._box.clock.now()
        self._box.optouts[(medium, address)] = FakeOptOut(
            medium, mask_address(address), reason, actor, at, str(len(self._box.optouts) + 1)
        )

    async def allow(self, medium: str, address: str, *, reason: str, actor: str) -> bool:
        return self._box.optouts.pop((medium, address), None) is not None

    async def allow_entry(self, entry_id: str, *, reason: str, actor: str) -> FakeOptOut:
        for key, each in self._box.optouts.items():
            if each.id == entry_id:
                return self._box.optouts.pop(key)
        raise NotFound("there is no such opt-out")

    async def list(self, *, limit: int, cursor: str | None) -> Page[FakeOptOut]:
        return page(list(self._box.optouts.values()), limit, cursor)

    async def blocked(self, medium: str, address: str) -> Reason | None:
        found = self._box.optouts.get((medium, address)) or self._box.optouts.get(("all", address))
        return Reason(found.reason, "opted_out", medium=medium, since=found.at, how=found.reason) if found else None


class FakeReplies:
    def __init__(self, box: "FakeBox") -> None:
        self._box = box

    async def list(self, *, unread: bool, order_ref: str | None, limit: int, cursor: str | None) -> Page[ReplyRow]:
        rows = [each for each in self._box.inbox if not (unread and each.read) and order_ref in (None, each.order_ref)]
        return page(rows, limit, cursor)

    async def get(self, ids: Sequence[str]) -> Sequence[ReplyRow]:
        return [each for each in self._box.inbox if each.id in ids]

    async def mark_read(self, reply_id: str, *, actor: str) -> None:
        for index, each in enumerate(self._box.inbox):
            if each.id == reply_id:
                self._box.inbox[index] = msgspec.structs.replace(each, read=True)
                return
        raise NotFound(f"no reply has the id {reply_id!r}")


class FakeQuarantine:
    def __init__(self, box: "FakeBox") -> None:
        self._box = box

    async def list(self, *, source: str | None, state: str | None, limit: int, cursor: str | None) -> Page[Kept]:
        rows = [
            each for each in reversed(self._box.unread) if source in (None, each.source) and state in (None, each.state)
        ]
        return page(rows, limit, cursor)

    async def get(self, seq: int) -> Kept:
        for each in self._box.unread:
            if each.seq == seq:
                return each
        raise NotFound(f"nothing is kept under the number {seq}")

    async def close(self, seq: int, state: Any, *, actor: str) -> None:
        kept = await self.get(seq)
        if kept.state != "waiting":
            raise IllegalMove(f"number {seq} is {kept.state} already")
        self._box.unread[self._box.unread.index(kept)] = msgspec.structs.replace(kept, state=state)
