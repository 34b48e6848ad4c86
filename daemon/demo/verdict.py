"""Did everything arrive that should have, once and in order? What arrived is read from the sandbox, what should have from the story. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from daemon.demo.story import CUSTOMER, Day, Happening
from daemon.sandbox import Arrival

TOOK = ("sent", "delivered")


@dataclass(frozen=True)
class Posted:
    """An event as the till posted it."""

    id: str
    ref: str
    happening: Happening


@dataclass
class Judgement:
    """`ok` when nothing is missing, doubled, out of order or astray."""

    events: int = 0
    arrived: int = 0
    """Messages to people that arrived; records in CRM systems are counted apart."""
    records: int = 0
    replaced: int = 0
    """Never sent, since newer news of the same order went instead."""
    unreachable: int = 0
    """There was no way to reach them, and the outbox says so."""
    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    misordered: list[str] = field(default_factory=list)
    astray: list[str] = field(default_factory=list)
    shared: bool = False
    """People took part, at the counter or on a phone: then the story can't say what ought to have arrived."""

    @property
    def ok(self) -> bool:
        return self.shared or not (self.missing or self.doubled or self.misordered or self.astray)

    @property
    def problems(self) -> list[str]:
        return [
            *(f"missing: {what}" for what in self.missing),
            *(f"twice: {what}" for what in self.doubled),
            *(f"out of order: {what}" for what in self.misordered),
            *(f"astray: {what}" for what in self.astray),
        ]


def judge(
    day: Day,
    posted: Sequence[Posted],
    messages: Iterable[Mapping[str, Any]],
    arrivals: Sequence[Arrival],
    media: Mapping[str, str],
) -> Judgement:
    """`messages`: the outbox's, each with its attempts. `media`: what each provider carries."""
    verdict = Judgement(events=len(posted))
    ids = {event.id for event in posted}
    ours = [message for message in messages if message["event_id"] in ids]
    claims = {message["id"]: [a for a in arrivals if _is_of(a, message)] for message in ours}
    people = [m for m in ours if not m["via"] or any(media.get(channel) != "crm" for channel in m["via"])]
    _check_records(verdict, [m for m in ours if m not in people], claims)
    for message in people:
        _check_once(verdict, message, claims[message["id"]])
    _check_told(verdict, day, posted, people, claims)
    _check_second_tries(verdict, day, posted, people, claims)
    _check_order(verdict, posted, people, claims)
    claimed = {arrival.seq for found in claims.values() for arrival in found}
    verdict.astray += [
        f"{a.provider} to {a.to}: {a.text[:60]!r}" for a in arrivals if a.seq not in claimed and a.medium != "crm"
    ]
    return verdict


def _check_once(verdict: Judgement, message: Mapping[str, Any], found: Sequence[Arrival]) -> None:
    by_channel = [arrival.provider for arrival in found if not arrival.repeat]
    verdict.doubled += [
        f"{_name(message)} by {channel}" for channel in dict.fromkeys(by_channel) if by_channel.count(channel) > 1
    ]
    if message["state"] in TOOK and not found:
        verdict.missing.append(f"{_name(message)} is {message['state']} and never arrived")
    verdict.arrived += bool(found)


def _check_records(
    verdict: Judgement, records: Sequence[Mapping[str, Any]], claims: Mapping[str, Sequence[Arrival]]
) -> None:
    for record in records:
        verdict.records += bool(claims[record["id"]])
        if record["state"] not in ("superseded", "suppressed") and not claims[record["id"]]:
            verdict.missing.append(f"{_name(record)} is {record['state']} and never arrived")


def _check_told(
    verdict: Judgement,
    day: Day,
    posted: Sequence[Posted],
    people: Sequence[Mapping[str, Any]],
    claims: Mapping[str, Sequence[Arrival]],
) -> None:
    by_event: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for message in people:
        by_event.setdefault((message["event_id"], message["recipient"]), []).append(message)
    for index, event in enumerate(posted):
        for recipient in event.happening.told:
            found = by_event.get((event.id, recipient), [])
            what = f"{event.happening.type} of {event.ref} to the {recipient}"
            if any(claims[message["id"]] for message in found):
                continue
            if recipient == CUSTOMER and not day.people[event.happening.order].reachable:
                verdict.unreachable += 1
                if not any(message["reason"] for message in found):
                    verdict.missing.append(f"{what}: can't be reached, and nothing says so")
            elif any(m["state"] == "superseded" for m in found) and _newer(
                event, posted[index + 1 :], by_event, claims, recipient
            ):
                verdict.replaced += 1
            else:
                states = ", ".join(f"{m['state']} ({m['reason']})" for m in found) or "was never planned"
                verdict.missing.append(f"{what}: {states}")
        quiet = [
            m for (id, name), ms in by_event.items() if id == event.id and name not in event.happening.told for m in ms
        ]
        verdict.astray += [f"{_name(m)}, who was not to hear of it" for m in quiet if claims[m["id"]]]


def _check_second_tries(
    verdict: Judgement,
    day: Day,
    posted: Sequence[Posted],
    people: Sequence[Mapping[str, Any]],
    claims: Mapping[str, Sequence[Arrival]],
) -> None:
    """Whose first message was lost on its way must have got it another way."""
    for event in posted:
        if not day.people[event.happening.order].lost_at_first or event.happening.type != "order.ready":
            continue
        ways = {a.provider for m in people if m["event_id"] == event.id for a in claims[m["id"]]}
        if len(ways) < 2:
            verdict.missing.append(
                f"{event.happening.type} of {event.ref}: was lost by {', '.join(ways)} and not tried elsewhere"
            )


def _newer(
    event: Posted,
    later: Sequence[Posted],
    by_event: Mapping[tuple[str, str], Sequence[Mapping[str, Any]]],
    claims: Mapping[str, Sequence[Arrival]],
    recipient: str,
) -> bool:
    """Whether later news of the same order did arrive."""
    return any(
        claims[message["id"]]
        for other in later
        if other.ref == event.ref
        for message in by_event.get((other.id, recipient), ())
    )


def _check_order(
    verdict: Judgement,
    posted: Sequence[Posted],
    people: Sequence[Mapping[str, Any]],
    claims: Mapping[str, Sequence[Arrival]],
) -> None:
    turn = {event.id: index for index, event in enumerate(posted)}
    arrived = sorted((m for m in people if claims[m["id"]]), key=lambda m: min(a.seq for a in claims[m["id"]]))
    newest: dict[tuple[str, str], int] = {}
    for message in arrived:
        index = turn[message["event_id"]]
        key = (message["order_ref"], message["recipient"])
        if index < newest.get(key, -1):
            verdict.misordered.append(_name(message))
        newest[key] = max(index, newest.get(key, -1))


def _is_of(arrival: Arrival, message: Mapping[str, Any]) -> bool:
    """Whether that is what arrived of the message: by the id the provider gave, by our own mark, or in a CRM, and where the provider's answer did
    not come, by what it says."""
    attempts = [a for a in message["attempts"] if a["channel"] == arrival.provider]
    if not attempts:
        return False
    if message["id"] in arrival.body or message["id"] in arrival.reference:
        return True
    if arrival.medium == "crm":
        return message["order_ref"] in arrival.body and message["trigger"] in arrival.body
    if arrival.id and any(a["provider_id"] == arrival.id for a in attempts):
        return True
    unanswered = [a for a in attempts if not a["provider_id"] and a.get("outcome") in (None, "unknown")]
    return any((a.get("sent") or {}).get("text") == arrival.text for a in unanswered)


def _name(message: Mapping[str, Any]) -> str:
    return f"{message['trigger']} of {message['order_ref']} to the {message['recipient']}"
