"""Opt-outs: who asked, where, when and by what words, and opting somebody out by hand. Out always wins: a word of headquarters is told under every key
of the fleet and without condition, as a store's own is."""

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from aiohttp import web

from daemon.fleet.nats_connection import NatsConnection
from daemon.fleet.speaker import signed
from daemon.fleet.wire import SignedWord, optout_subject, pack
from daemon.hq.config import ACCOUNT
from daemon.hq.database import as_time, queries
from daemon.hq.nats import as_archive
from daemon.hq.page.frame import Page, Refusal, Visit
from daemon.hq.page.people import User
from daemon.hq.page.person import MEDIA, REACHED_BY, Typed, read_address
from daemon.hq.record import NAME, Position
from daemon.hq.services import Services
from outbox.shares import Shares

_SQL = queries("pages.sql")

SHOWN = 100
BY_HAND = "by hand"


class Optout(msgspec.Struct, frozen=True):
    medium: str
    digest: str
    stopped: bool
    at: datetime
    clock_trusted: bool
    store: str | None
    """"": not for who looks to know; None: nobody's, as far as can be proved."""
    epoch: str
    seq: int
    how: str
    arrived: datetime


def optout_of(row: tuple[Any, ...]) -> Optout:
    _, medium, digest, stopped, at, trusted, store, epoch, seq, how, arrived = row
    return Optout(medium, digest, stopped, as_time(at), trusted, store or None, epoch, seq, how, arrived)


def as_seen(found: Optout, user: User) -> Optout:
    """That somebody is out counts everywhere; at which of the others' stores they asked is theirs to know."""
    return found if found.store in (None, NAME) or user.sees(found.store) else msgspec.structs.replace(found, store="")


def without_repeats(found: Sequence[Optout]) -> list[Optout]:
    """What was said once is told under each key of the fleet."""
    return list({(each.store, each.epoch, each.seq, each.medium, each.at): each for each in reversed(found)}.values())[
        ::-1
    ]


async def show(visit: Visit) -> web.StreamResponse:
    values = {"below": _below(visit), "digest": visit.asked("digest"), "mine": visit.user.mine, "limit": SHOWN + 1}
    rows = await (await visit.db.execute(_SQL["optouts"], values)).fetchall()
    found = [optout_of(row) for row in rows[:SHOWN]]
    return visit.shown(
        "optouts.html.j2",
        optouts=without_repeats(found),
        following=found[-1] if len(rows) > SHOWN else None,
        media=[medium for medium in MEDIA if any(medium in reached for reached in REACHED_BY.values())],
    )


def _below(visit: Visit) -> datetime:
    try:
        return datetime.fromisoformat(visit.asked("below"))
    except ValueError:
        return datetime.max.replace(tzinfo=visit.now.tzinfo)


async def stop(visit: Visit) -> web.StreamResponse:
    """POST: somebody wrote or phoned headquarters. On record first; who is told nothing of it if it can't be told to the stores. Until
    the line stands, the record is not held up: others log in meanwhile."""
    typed, medium = read_address(visit.form.get("address", "")), visit.form.get("medium", "")
    if typed is None:
        raise Refusal(422, "no_address")
    if medium not in REACHED_BY[typed.kind]:
        raise Refusal(422, "not_by_this")
    services = visit.services
    async with as_archive(services.settings, services.clock, random.SystemRandom()) as line, visit.db.transaction():
        position = await visit.record("consent.stopped", medium=medium)
        await _tell(line, services, typed, medium, position)
    return visit.went("/optouts", said="stopped")


async def _tell(line: NatsConnection, services: Services, typed: Typed, medium: str, position: Position) -> None:
    word = SignedWord(
        state="out", at=services.clock.now(), clock_trusted=True, store=NAME, epoch=position.epoch, seq=position.seq, how=BY_HAND
    )  # fmt: skip
    key = services.settings.key(ACCOUNT, "account")
    for kid, digest in Shares(services.settings.consent_keys).of(medium, typed.address):
        subject = optout_subject(kid, medium, digest)
        await line.publish(subject, pack(signed(word, subject, key)))


PAGES: Sequence[Page] = (
    Page(name="optouts", path="/optouts", show=show, nav=3),
    Page(name="optouts", path="/optouts", show=stop, method="POST", right="optout"),
)
