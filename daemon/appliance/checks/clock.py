"""Whether this machine knows what time it is: a Pi has no clock battery."""

from collections.abc import Sequence

from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, advice, ok, problem
from daemon.runtime.clockwatch import RELEASED, kernel_synchronised

REMEDY = "`timedatectl set-ntp true`, and let this machine reach a time server (UDP 123); a clock module (RTC) helps a Pi over outages"


async def check_clock(case: Examination) -> Sequence[Finding]:
    return [_of_this_machine(case), *await _of_the_sources(case)]


async def _of_the_sources(case: Examination) -> Sequence[Finding]:
    """The running service hears what time they think it is."""
    if not case.running:
        return []
    glance = await case.ask_service("/v1/status")
    assert isinstance(glance, dict)
    return [
        problem(each["what"], each["why"], "set its clock, or let it follow a time server")
        for each in glance["trouble"]
        if each["what"].startswith("clock of ")
    ]


def _of_this_machine(case: Examination) -> Finding:
    if case.clock.now() < RELEASED:
        return problem(
            "clock",
            "the clock is not set (it lies before this release): nothing expires, quiet hours and signed requests wait",
            REMEDY,
        )
    if kernel_synchronised():
        return ok("clock", "set, and synchronised")
    words = "the clock is not synchronised with any time server"
    if case.settings.clock.require_sync:
        return problem(
            "clock", f"{words}, and [clock] require_sync asks for it: what depends on the time waits", REMEDY
        )
    return advice("clock", words, REMEDY)
