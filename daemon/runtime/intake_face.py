"""What the HTTP face asks of the sources, answered by the intake of the engine that is in force."""

from collections.abc import Mapping, Sequence

from daemon.api.plumbing.services import HookResult, InboundHook, SourceRow, TriedBody
from daemon.channels.base import Refused
from daemon.engine import Engine
from daemon.intake import base
from daemon.intake.intake import body_of
from outbox import Kept


class IntakeFace:
    """`daemon.api.plumbing.services.Intake`: intake's own words in the HTTP face's."""

    def __init__(self, engine: Engine) -> None:
        self._intake = engine.intake

    async def receive(self, hook: InboundHook) -> HookResult:
        try:
            got = await self._intake.receive(hook)
        except base.Refused as refusal:
            raise Refused(str(refusal), refusal.status) from refusal
        return HookResult(
            events=got.events, answer=got.answer, content_type=got.content_type, quarantine=got.quarantine
        )

    async def quarantine(self, hook: InboundHook, reason: str) -> None:
        await self._intake.quarantine(hook, reason)

    def sources(self) -> Sequence[SourceRow]:
        return self._intake.rows()

    async def sync(self, source: str, since: int | None) -> SourceRow:
        return await self._intake.sync(source, since)

    async def try_out(self, source: str, body: bytes, headers: Mapping[str, str]) -> TriedBody:
        try:
            return await self._intake.try_out(source, body_of(body, headers))
        except base.Unreadable as error:
            raise ValueError(str(error)) from error

    async def reread(self, kept: Kept, *, actor: str) -> str:
        return await self._intake.reread(kept, actor=actor)
