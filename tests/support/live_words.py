"""Opt-outs that stores hear of while their lines are up."""

from contextlib import suppress

from tests.support.busy import until
from tests.support.fleet_world import Store
from tests.support.outbox_box import PHONE

NUMBERS = (PHONE, "+447700900201", "+447700900202")


async def heard_live(teller: Store, hearer: Store, *, seconds: float) -> str:
    """How a store knows of a STOP at another, which it heard of so soon: of the first, or of a later one where a server of NATS stalled meanwhile."""
    for number in NUMBERS:
        await teller.box.consent.stop("sms", number, reason="STOP", actor="modem")
        with suppress(TimeoutError):
            return str(await until(lambda number=number: hearer.box.consent.blocked("sms", number), seconds=seconds))
    raise TimeoutError(f"none of {len(NUMBERS)} within {seconds} s")
