"""The fleet's words on consent in PostgreSQL: a copy for those who ask, and what the stream is made of again should NATS lose it."""

from datetime import UTC, datetime

import structlog

from daemon.fleet.consent import judged
from daemon.fleet.nats_connection import NatsConnection, WrongSequence
from daemon.fleet.speaker import is_said_in
from daemon.fleet.stored import Stored
from daemon.fleet.wire import WAYS, Garbled, SignedWord, optout_subject, read_optout, unpack
from daemon.hq.database import Connection, as_time, execute_many, queries
from daemon.hq.streams import WORD_MOST
from daemon.supervise import recoverable_group
from outbox.clock import Clock

log = structlog.get_logger(__name__)

_SQL = queries("consent.sql")
_INGEST = queries("ingest.sql")

STREAM = "CONSENT"
PAGE = 500
AT_ONCE = 50
BODY_MOST = WORD_MOST - 256
"""Of a word that can be told again: NATS counts the condition on which that is done as well."""
SOMEBODY_IS_OUT = b"{}"
"""Says as much as a word that can't be read."""
LOOKS, LOOK_SECONDS = 10, 0.2
"""At what was said meanwhile, and the pause after each, while a server does not have it yet."""


class Ledger:
    def __init__(self, clock: Clock, made: str, account: str) -> None:
        """`account`: the fleet's public key, by which words are proved to be of who says them."""
        self._clock = clock
        self._made = made
        self._account = account

    async def read(self, db: Connection, line: NatsConnection) -> int:
        """All that was said since; how many words."""
        total = 0
        while True:
            async with db.transaction():
                values = {"stream": STREAM, "made": self._made, "now": self._now()}
                await db.execute(_INGEST["begin_progress"], values)
                found = await (await db.execute(_INGEST["progress"], values)).fetchone()
                after = int(found[1]) if found and found[0] == self._made else 0
                words = await line.read(STREAM, after, limit=PAGE)
                if not words:
                    return total
                rows = [row for stored in words if (row := _row(stored, self._account, self._made)) is not None]
                async with db.cursor() as cursor:
                    await execute_many(cursor, _SQL["keep"], rows)
                await db.execute(_INGEST["advance"], values | {"seq": words[-1].seq})
            total += len(words)

    async def restore(self, db: Connection, line: NatsConnection) -> int:
        """The stream is a new one: every opt-out is told to it again, unless somebody was quicker. How many."""
        found = await (await db.execute(_INGEST["progress"], {"stream": STREAM})).fetchone()
        if found is None or found[0] == self._made:
            return 0
        page = {"kid": "", "medium": "", "digest": "", "limit": AT_ONCE}
        told = 0
        while rows := await (await db.execute(_SQL["standing"], page)).fetchall():
            async with recoverable_group() as group:
                for *whom, body in rows:
                    group.create_task(self._say_again(line, optout_subject(*whom), _bounded(bytes(body))))
            page |= dict(zip(("kid", "medium", "digest"), rows[-1], strict=False))
            told += len(rows)
        log.warning("the fleet's stream of consent is a new one: its opt-outs were told again", optouts=told)
        return told

    async def _say_again(self, line: NatsConnection, subject: str, body: bytes) -> None:
        """Unless somebody was quicker, as far as that can be known: out wins."""
        try:
            await line.publish(subject, body, expect=0)
        except WrongSequence:
            found = await self._said(line, subject)
            if found is None or not self._is_quicker(found):
                await line.publish(subject, body)

    async def _said(self, line: NatsConnection, subject: str) -> Stored | None:
        """What kept ours out. It was the stream's leader that refused it, and the server that is asked may be behind: for so long it has nothing."""
        for _ in range(LOOKS):
            if (found := await line.newest(STREAM, subject)) is not None:
                return found
            await self._clock.sleep(LOOK_SECONDS)
        return None

    def _is_quicker(self, stored: Stored) -> bool:
        """Nobody is with an opt-in that answers nothing, which knows of no opt-out that is not told yet, nor with one that was said in another
        stream."""
        try:
            word = unpack(stored.body, SignedWord)
        except Garbled:
            return True
        return word.state != "in" or (word.base > 0 and is_said_in(word, stored.subject, self._account, self._made))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now() / 1000, UTC)


def _bounded(body: bytes) -> bytes:
    return body if len(body) <= BODY_MOST else SOMEBODY_IS_OUT


def _row(stored: Stored, account: str, made: str) -> dict[str, object] | None:
    """None for a subject that names nobody. A body that can't be read is an opt-out, as stores take it."""
    try:
        kid, medium, digest = read_optout(stored.subject)
    except Garbled as error:
        log.warning("a word on consent can't be read", subject=stored.subject, reason=str(error))
        return None
    body = stored.body
    try:
        word = unpack(body, SignedWord)
    except Garbled:
        body = SOMEBODY_IS_OUT
        word = SignedWord(state="out", at=stored.at, clock_trusted=False, store="", epoch="", seq=0)
    is_out, store = judged(stored, word, account, made)
    return {
        "kid": kid,
        "medium": medium,
        "digest": digest,
        "stopped": is_out,
        "at": word.at,
        "clock_trusted": word.clock_trusted,
        "store": store,
        "epoch": word.epoch[:32],
        "seq": word.seq,
        "how": word.how if word.how in WAYS else "",
        "stream_seq": stored.seq,
        "body": _bounded(body),
        "arrived": as_time(stored.at),
    }
