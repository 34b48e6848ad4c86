"""What is known of the modem from one start of the service to the next: at which port it was, and what kind it is.

One that hangs tells nothing of itself, and what brings most back makes some a CD-ROM for good.
"""

import contextlib

from daemon.modem.errors import NotCommitted
from daemon.modem.pin import ModemNotes
from daemon.modem.quirks import family_named
from daemon.modem.status import Identity

_DEVICE, _FAMILY = "modem.device", "modem.family"


class Known:
    """Kept on the disk; what can't be written now holds for this run."""

    def __init__(self, notes: ModemNotes) -> None:
        self._notes = notes
        self._family: str | None = None
        """The family and at which device it is, as they are noted; "" for one that we do not know. None: not read yet."""

    async def device(self) -> str:
        """Where a modem answered last, "" where none did."""
        with contextlib.suppress(NotCommitted):
            return await self._notes.get(_DEVICE) or ""
        return ""

    async def found_at(self, device: str) -> None:
        await self._note(_DEVICE, device)

    async def identified(self, device: str, identity: Identity) -> None:
        """It said who it is, or nothing at all."""
        if identity.manufacturer or identity.model:
            self._family = f"{identity.family} {device}"
            await self._note(_FAMILY, self._family)

    def gone(self) -> None:
        """It was taken out, as far as we know: the next one at that port may be another. Not noted, since a loose plug would
        wear the card out."""
        self._family = ""

    async def restarts(self, device: str) -> bool:
        """Whether the modem there comes back from AT+CFUN=1,1. One of which nobody knows what it is may not."""
        if self._family is None:
            with contextlib.suppress(NotCommitted):
                self._family = await self._notes.get(_FAMILY) or ""
        name, _, where = (self._family or "").partition(" ")
        family = family_named(name)
        return family is not None and family.restarts and where == device

    async def _note(self, key: str, text: str) -> None:
        with contextlib.suppress(NotCommitted):
            if (await self._notes.get(key) or "") != text:
                await self._notes.set(key, text)
