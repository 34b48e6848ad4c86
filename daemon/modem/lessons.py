"""What becomes of texts tells of the modem itself: that 4G carries none, that it hangs though it answers all but texts."""

from daemon.modem.codes import Kind
from daemon.modem.dialogue import CommandRefused, Dialogue, Silent
from daemon.modem.errors import PortLost
from daemon.modem.quirks import Family
from daemon.modem.sending import Transmission
from daemon.modem.setup import try_command
from daemon.modem.status import CurrentStatus
from outbox.clock import Clock

_LTE_REFUSALS = 3
_MOST_SILENT = 3


class Lessons:
    """Counts what comes in a row, and shows the trouble on the board."""

    def __init__(self, board: CurrentStatus, clock: Clock) -> None:
        self._board, self._clock = board, clock
        self._refused_by_lte = 0
        """How often in a row the network refused a text while it was registered by 4G."""
        self._silent = 0

    @property
    def says_nothing(self) -> bool:
        """Texts in a row got no word of it."""
        return self._silent >= _MOST_SILENT

    def answered(self) -> None:
        """It has a word for texts."""
        self._silent = 0

    async def learn(self, transmission: Transmission, link: Dialogue, family: Family) -> None:
        """Of one text. One that started anew meanwhile, or was pulled out, does not hang."""
        trouble = transmission.trouble
        if transmission.references:
            self._refused_by_lte = 0
        if transmission.references or isinstance(trouble, CommandRefused):
            self.answered()
        if isinstance(trouble, Silent):
            if not link.anew and not link.lost:
                self._silent += 1
            self._board.trouble(trouble.reason, self._clock.now())
        elif isinstance(trouble, CommandRefused):
            fault = trouble.fault
            self._board.trouble(fault.meaning, self._clock.now(), code=fault.code, remedy=fault.remedy)
            await self._suspect_lte(trouble, link, family)

    async def _suspect_lte(self, refused: CommandRefused, link: Dialogue, family: Family) -> None:
        """Some operators carry no SMS over 4G: refused again and again there, it is sent the old way (AT+CGSMS), and where that
        helps nothing the owner is told how to keep the modem out of 4G."""
        fault = refused.fault
        if self._board.status.network != "4G" or fault.kind not in (Kind.RETRY, Kind.UNSURE, Kind.SUBSCRIPTION):
            return
        self._refused_by_lte += 1
        if self._refused_by_lte == _LTE_REFUSALS:
            try:
                await try_command(link, "AT+CGSMS=1")
            except PortLost:  # `live` sees to it; what was refused stays refused, and the next refusal says it again
                self._refused_by_lte -= 1
        elif self._refused_by_lte > _LTE_REFUSALS:
            command = family.without_lte or "its command for the network mode"
            remedy = f"the operator may carry no SMS over 4G: keep the modem in 3G ({command}, docs/modem.md), or ask the operator"
            self._board.trouble(fault.meaning, self._clock.now(), code=fault.code, remedy=remedy)
