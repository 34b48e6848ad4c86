"""Opt-outs over all stores. Out always wins: where it is refused on condition, it is told without; in counts only where nobody said anything
since this store last heard, and of the store that can be proved to have said it, else it stays out and staff see why. The order is the
stream's, never a clock's.
"""

import asyncio
from collections.abc import Collection, Sequence
from functools import partial

import structlog

from daemon.fleet.claim import read_claim
from daemon.fleet.nats_connection import NatsConnection, WrongSequence
from daemon.fleet.nkey import KeyPair
from daemon.fleet.speaker import is_proved, is_said_in, signed
from daemon.fleet.stored import CONDITION, CONDITION_ELSEWHERE, Stored
from daemon.fleet.wire import WAYS, Garbled, SignedWord, optout_subject, pack, read_optout, said_subject, unpack
from outbox.fleet import Fleet, Position
from outbox.fleet_consent import Heard, Untold

log = structlog.get_logger(__name__)

STREAM = "CONSENT"
PULL, PULL_BYTES = 500, 64 * 1024
"""At a time: a store's line need bring no more within the bounds of a connection, and a server has no more to write for each of all stores."""
FEW = 4
"""So many words are proved at once; more of them elsewhere than in the loop (each takes a fraction of a millisecond)."""
TELL = 50
AFRESH = 1
"""The number that words of a stream that was lost have: of the new one its first may not be heard yet."""
SOMEBODY = "a store of the fleet"
"""Whose word can't be proved to be anybody's."""


class ConsentShare:
    """Both directions, over one connection at a time."""

    def __init__(self, fleet: Fleet, store: str, key: KeyPair, claim: str) -> None:
        """`claim`: the fleet's word that the key is this store's."""
        self._fleet = fleet
        self._store = store
        self._key = key
        self._claim = claim
        self._account = read_claim(claim).iss
        self.stream = ""
        """Which stream of consent is followed, as the mark says it; "" until it has."""
        self.cursor = -1
        self._hears_all = False
        """It began at the stream's beginning, and has not come to its end."""
        self.refused = 0
        """STARTs of ours that came after somebody else's word."""

    async def pull(self, nats: NatsConnection, poked: Collection[str] = ()) -> int:
        """All that was said beyond what we have heard; how many words were news. `poked`: what alone we were told of now; where that is the
        next one word (the stream keeps one of a subject), it is asked for by itself, which spares all servers an inbox."""
        if self.cursor < 0:
            known = await self._fleet.heard_up_to()
            self.cursor = known if known > AFRESH else 0
            self._hears_all = self.cursor == 0
        news = 0
        if len(poked) == 1:
            word = await nats.following(STREAM, self.cursor)
            if word is None:
                return 0
            news = await self._hear([word])
            if word.subject in poked:
                return news
        while found := await nats.read(STREAM, self.cursor, limit=PULL, max_bytes=PULL_BYTES):
            news += await self._hear(found)
            if not found[-1].pending:
                break
        if self._hears_all:
            await self._fleet.heard_again()
            self._hears_all = False
        return news

    async def _hear(self, found: Sequence[Stored]) -> int:
        proved = partial(_heard, found, self._store, self._account, self.stream)
        news = await self._fleet.hear(proved() if len(found) <= FEW else await asyncio.to_thread(proved))
        self.cursor = found[-1].seq
        return news

    async def tell(self, nats: NatsConnection, *, clock_trusted: bool) -> bool:
        """Words of ours that the fleet does not know; whether there may be more."""
        untold = await self._fleet.untold(limit=TELL)
        if not untold:
            return False
        position = await self._fleet.position()
        for word in untold:
            await self._tell(nats, word, position, clock_trusted=clock_trusted)
        return len(untold) == TELL

    async def _tell(self, nats: NatsConnection, word: Untold, position: Position, *, clock_trusted: bool) -> None:
        body = SignedWord(
            state="out" if word.stopped else "in",
            at=word.at,
            clock_trusted=clock_trusted,
            store=self._store,
            epoch=position.epoch,
            seq=word.said,
            how=way(word.reason),
            heard=word.knew,
            base=0 if word.stopped else word.base,
            stream="" if word.stopped else self.stream,
        )
        whom = word.kid, word.medium, word.digest
        subject = optout_subject(*whom)
        # Under a claim of an earlier release it is said where all stores hear it, and where it is answered.
        to = said_subject(*whom) if said_subject("*", "*", "*") in read_claim(nats.claim).nats.pub.allow else subject
        packed = pack(signed(body, subject, self._key, self._claim))
        try:
            seq, answers_all = (await nats.publish(to, packed, expect=word.base)).seq, True
        except WrongSequence:
            seq, answers_all = (await nats.publish(to, packed)).seq if word.stopped else 0, False
        if not seq:
            self.refused += 1
            log.warning("an opt-in is not passed on: another store was told otherwise meanwhile", medium=word.medium)
        await self._fleet.told(word, seq, answers_all=answers_all)

    async def start_over(self) -> None:
        await self._fleet.start_over()
        self.cursor = 0


def way(reason: str) -> str:
    """By what word, as far as it may leave the store."""
    word = reason.strip().upper()
    return word if word in WAYS else "by hand"


def _heard(found: Sequence[Stored], us: str, account: str, stream: str) -> list[Heard]:
    words = []
    for stored in found:
        try:
            words.append(_word(stored, us, account, stream))
        except Garbled as error:
            log.warning("a word on consent from the fleet can't be read; it is left out", reason=str(error))
    return words


def _word(stored: Stored, us: str, account: str, stream: str) -> Heard:
    """`us`: this store. Raises Garbled for a subject that names nobody. A body that can't be read is an opt-out."""
    kid, medium, digest = read_optout(stored.subject)
    try:
        word = unpack(stored.body, SignedWord)
    except Garbled:
        return Heard(kid, digest, medium, stored.seq, True, stored.at, SOMEBODY, "")
    how = word.how if word.how in WAYS else ""
    is_out, store = judged(stored, word, account, stream)
    ours = word.seq if store == us else 0
    said_by = store or SOMEBODY
    return Heard(kid, digest, medium, stored.seq, is_out, word.at, said_by, how, word.heard, ours, stored.after)


def judged(stored: Stored, word: SignedWord, account: str, stream: str) -> tuple[bool, str]:
    """Whether it is an opt-out, and of which store it can be proved to be ("": of none). An opt-in is one only as its store's own, told on
    the condition that it names and in that stream ("": which is not known yet); all else is an opt-out, whoever says so. `account`: the
    fleet's public key."""
    is_out = word.state != "in"
    on_condition = stored.headers.get(CONDITION) == str(word.base) and CONDITION_ELSEWHERE not in stored.headers
    if not is_proved(word, stored.subject, account) or not (is_out or on_condition):
        return True, ""
    # One that answers nothing is no older word's second coming: where an opt-out stands, headquarters tells it again over that.
    answers = bool(word.base or word.stream)
    if not is_out and stream and answers and not is_said_in(word, stored.subject, account, stream):
        return True, ""
    return is_out, word.store
