"""Opt-outs that stores hear of while their lines are up."""

from contextlib import suppress

from tests.support.busy import until
from tests.support.fleet_world import Store
from tests.support.outbox_box import PHONE

NUMBERS = (PHONE, "+447700900201", "+447700900202")


async def heard_live(teller: Store, hearer: Store, *, seconds: float, afresh: bool = False) -> str:
    """How a store knows of a STOP at another, which it heard of so soon: of the first, or of a later one where a server of NATS stalled meanwhile.
    `afresh`: each is the first on a connection of its own."""
    for number in NUMBERS:
        if afresh:
            await hearer.disconnect()
            hearer.connect()
            await until(lambda: asked(hearer))
        await teller.box.consent.stop("sms", number, reason="STOP", actor="modem")
        with suppress(TimeoutError):
            return str(await until(lambda number=number: hearer.box.consent.blocked("sms", number), seconds=seconds))
    raise TimeoutError(f"none of {len(NUMBERS)} within {seconds} s")


async def asked(store: Store) -> bool:
    """Whether its link opened the gate, and not time: it knows all that was said before."""
    return store.gate._open.is_set()
