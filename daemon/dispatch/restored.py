"""Which messages wait after a restore, or a repair that may have lost opt-outs, until staff have confirmed it: automatic texts to customers.
E-mail and chat cost nothing and wake nobody; what staff send themselves, and what goes to the team, goes out.
"""

from outbox import Outbox
from outbox.confirmation import RestoredFrom
from outbox.model import Message
from outbox.reasons import Reason

MEDIUM = "sms"


class RestoredGate:
    """`load` before the first message is looked at."""

    def __init__(self, box: Outbox) -> None:
        self._box = box
        self._why: Reason | None = None

    async def load(self) -> None:
        restored = await self._box.confirmation.awaited()
        self._why = None if restored is None else restored.why

    def holds(self, message: Message, medium: str) -> Reason | None:
        """Why it has to wait; None: it need not."""
        waits = medium == MEDIUM and message.audience == "customer" and not message.policy.manual
        return self._why if waits else None

    async def awaited(self) -> RestoredFrom | None:
        return await self._box.confirmation.awaited()

    async def confirm(self, actor: str) -> int | None:
        """Staff have looked: how many that waited go on; None: nothing waited for that."""
        self._why = None
        freed = await self._box.confirmation.confirm(actor=actor)
        self._why = None  # whoever looked meanwhile read that it is awaited
        return freed
