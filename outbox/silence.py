"""What a provider's receipt says of consent: whom an attempt went to asked for silence. It is a word in the ledger, in the same transaction
as the receipt: a crash between the two would lose it, since nobody asks for that receipt again."""

from collections.abc import Callable

import msgspec

from outbox.batch import Batch
from outbox.consent import Say
from outbox.snapshot import Wants
from outbox.store import Store


class Silence(msgspec.Struct, frozen=True):
    """The recipient asked for silence by that medium: in what words, and who says so."""

    medium: str
    reason: str
    actor: str


decode_silence = msgspec.json.Decoder(Silence).decode

Said = Callable[[Silence, str], Say]
"""The word on consent that it is, of that address."""


def said_at(store: Store) -> Said:
    """Words for that store's ledger, and for the others of its fleet."""

    def said(silence: Silence, address: str) -> Say:
        return Say(
            silence.medium,
            address,
            store.digester(address),
            stopped=True,
            reason=silence.reason,
            actor=silence.actor,
            shared=store.shares.of(silence.medium, address),
        )

    return said


def heed(batch: Batch, say: Say) -> None:
    """Write the word down with what else the batch does."""
    wants = Wants()
    say.wants(wants)
    batch.load(wants)
    say.apply(batch)
