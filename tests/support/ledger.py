"""A ledger of the modem's texts, and the reports that the network makes on them."""

from daemon.modem import pdu
from daemon.modem.pdu import StatusReport
from daemon.modem.reports import Course, Handle, Ledger, Matched, Text
from daemon.modem.simulator import oracle
from tests.support.fake_clock import FakeClock
from tests.support.gsm import MemoryNotes

NOW = 1_795_515_300_000
ADA = "+447700900123"


def report_on(
    reference: int, *, number: str = ADA, status: int = 0, taken_at: int = NOW, done_at: int | None = None
) -> StatusReport:
    report = pdu.decode(oracle.status_report(reference, number, taken_at, status, done_ms=done_at))
    assert isinstance(report, StatusReport)
    return report


class Book:
    """A ledger, and a clock to note texts of different moments with."""

    def __init__(self, notes: MemoryNotes | None = None) -> None:
        self.notes, self.clock = notes or MemoryNotes(), FakeClock(NOW)
        self.ledger = Ledger(self.notes, self.clock)
        self._count = 0

    async def taken(self, *references: int, age: int = 1000, number: str = ADA, device: str = "m") -> Handle:
        return (await self.text(*references, age=age, number=number, device=device, course=Course.TAKEN)).handle

    async def text(
        self,
        *references: int,
        course: Course | None,
        age: int = 1000,
        number: str = ADA,
        device: str = "m",
        attempt: str = "",
        parts: int = 0,
    ) -> Text:
        self._count += 1
        self.clock.step((NOW - age - self.clock.now()) / 1000)
        name = attempt or f"m{self._count}.1"
        text = await self.ledger.begin(
            device=device, number=number, reference=name, parts=parts or len(references) or 1
        )
        text.begun = self.clock.monotonic() - age / 1000
        await self.ledger.end(text, references, course)
        self.clock.step((NOW - self.clock.now()) / 1000)
        return text

    async def judge(self, report: StatusReport) -> Matched | None:
        return await self.ledger.judge(report, device="m")

    def again(self) -> "Book":
        """After a restart."""
        return Book(self.notes)
