"""Whether this machine knows what time it is: a Pi has no clock battery."""

from collections.abc import Sequence

from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, advice, ok, problem
from daemon.clockwatch import RELEASED, kernel_synchronised

REMEDY = "`timedatectl set-ntp true`, and let this machine reach a time server (UDP 123); a clock module (RTC) helps a Pi over outages"


async def check_clock(case: Examination) -> Sequence[Finding]:
    if case.clock.now() < RELEASED:
        return [
            problem(
                "clock",
                "the clock is not set (it lies before this release): nothing expires, quiet hours and signed requests wait",
                REMEDY,
            )
        ]
    if kernel_synchronised():
        return [ok("clock", "set, and synchronised")]
    words = "the clock is not synchronised with any time server"
    if case.settings.clock.require_sync:
        return [
            problem("clock", f"{words}, and [clock] require_sync asks for it: what depends on the time waits", REMEDY)
        ]
    return [advice("clock", words, REMEDY)]
