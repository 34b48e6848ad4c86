"""Tells what happens as it happens: one line an event, one line for each message that found its way or did not."""

import os
import sys
from collections.abc import Collection, Mapping
from io import TextIOBase
from pathlib import Path
from typing import Any, TextIO

from daemon.demo.story import Happening, Person
from daemon.demo.till import Announcement
from daemon.demo.verdict import Judgement
from outbox import harmless

_WORDS = {
    "superseded": "replaced by newer news",
    "suppressed": "not told",
    "failed": "failed",
    "expired": "too late",
    "cancelled": "stopped",
}
_WIDTH = 100


class Narrator:
    """Writes to `out`; in colour where that is a terminal."""

    def __init__(self, out: TextIO | TextIOBase, records: Collection[str]) -> None:
        """`records`: the channels whose messages are but counted."""
        self._out = out
        self._colour = out.isatty() and "NO_COLOR" not in os.environ
        self._records = records
        self._people: dict[str, Person] = {}
        self._messages: dict[str, Mapping[str, Any]] = {}
        self._early: dict[str, list[Mapping[str, Any]]] = {}
        """Attempts whose message the stream has not told of yet."""
        self._told: set[tuple[str, str]] = set()
        self._recorded = 0

    # ------------------------------------------------------------ what the till does

    def welcome(self, service_url: str, token: str, sandbox_url: str, *, found: bool = False) -> None:
        self._line()
        self._line(
            self._paint("1", "A balloon store's day, on stand-ins for every provider: nothing leaves this machine.")
        )
        self._line()
        way = "--demo" if found else f"--url {service_url} --token {token} --training"
        self._line(f"  The counter's screen:    {_program()} tui {way}")
        self._line(
            f"  The customers' phones:   {sandbox_url}/_sandbox/   (what they get; write back, say STOP, complain)"
        )
        self._line(f"  The board in the shop:   {service_url}/board")
        self._line("  An event of your own:")
        self._line(
            f"    curl {service_url}/v1/events -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' \\"
        )
        self._line('      -d \'{"id": "mine-1", "type": "order.ready", "order": {"ref": "B-1042"},')
        self._line('           "customer": {"name": "Ada", "phone": "07700 900123"}}\'')

    def scene(self, title: str) -> None:
        self.tell_records()
        self._line()
        self._line(self._paint("1;36", title))

    def happens(self, happening: Happening, ref: str, person: Person) -> None:
        self._people[ref] = person
        remark = self._paint("2", f"  ({person.remark})") if person.remark else ""
        self._line(f"  {self._paint('1', happening.type):<{26 + self._invisible}} {ref:<9} {person.name}{remark}")

    def happen_at_once(self, happenings: Mapping[str, tuple[Happening, Person]]) -> None:
        for ref, (_, person) in happenings.items():
            self._people[ref] = person
        self._line(f"  {self._paint('1', f'{len(happenings)} orders at once')}")

    def remark(self, text: str) -> None:
        self._line(self._paint("33", f"  {text}"))

    # ------------------------------------------------------------ what the service says

    def hear(self, told: Announcement) -> None:
        """One event of the stream."""
        if told.name == "message":
            self._messages[told.data["id"]] = told.data
            for attempt in self._early.pop(told.data["id"], ()):
                self._tried(attempt)
            if told.data["state"] in _WORDS:
                self._ended(told.data)
        elif told.name == "attempt" and told.data["message_id"] in self._messages:
            self._tried(told.data)
        elif told.name == "attempt":
            self._early.setdefault(told.data["message_id"], []).append(told.data)
        elif told.name == "uplink":
            self._line(self._paint("33", f"  the line is {told.data['state']}"))

    def _tried(self, attempt: Mapping[str, Any]) -> None:
        """An attempt comes again when its receipt does."""
        key = (f"{attempt['message_id']}.{attempt['n']}", f"{attempt['outcome']} {attempt['receipt']}")
        if attempt["outcome"] is None or attempt["order_ref"] not in self._people or key in self._told:
            return
        self._told.add(key)
        if attempt["channel"] in self._records:
            self._recorded += attempt["outcome"] == "accepted"
            return
        who, channel = self._whom(self._messages[attempt["message_id"]]), attempt["channel"]
        if attempt["receipt"] == "undelivered":
            self._mark("33", "↷", f"{who}: {channel} could not deliver it")
        elif attempt["receipt"] is not None:
            return
        elif attempt["outcome"] == "accepted":
            sent = attempt["sent"] or {}
            text = sent.get("subject") or sent.get("text") or ""
            self._mark("32", "✓", f"{who} by {channel}: {' '.join(text.split())}")
        else:
            self._mark("33", "↷", f"{who}: {channel} says {attempt['detail'] or attempt['code'] or attempt['outcome']}")

    def _ended(self, message: Mapping[str, Any]) -> None:
        key = (message["id"], message["state"])
        if key in self._told or message["order_ref"] not in self._people:
            return
        self._told.add(key)
        if message["via"] and all(channel in self._records for channel in message["via"]):
            return
        reason = f": {message['reason']}" if message["reason"] else ""
        colour = "2" if message["state"] == "superseded" else "31"
        self._mark(
            colour,
            "·" if message["state"] == "superseded" else "✗",
            f"{self._whom(message)} {_WORDS[message['state']]}{reason}",
        )

    def tell_records(self) -> None:
        """How many records CRM systems took since the last time."""
        if self._recorded:
            self._mark("2", "≡", f"{self._recorded} records written in CRM systems")
            self._recorded = 0

    # ------------------------------------------------------------ how it went

    def sum_up(self, verdict: Judgement) -> None:
        self.tell_records()
        self._line()
        parts = [
            f"{verdict.events} events",
            f"{verdict.arrived} messages arrived",
            f"{verdict.records} records in CRM systems",
            f"{verdict.replaced} replaced by newer news",
            f"{verdict.unreachable} without any way to reach them",
        ]
        self._line(self._paint("1", ", ".join(parts)))
        if verdict.shared:
            self._line(
                self._paint("1", "Somebody took part in this day, at the counter or on a phone: it is not judged.")
            )
            return
        for problem in verdict.problems:
            self._line(self._paint("31", f"  {problem}"))
        if verdict.ok:
            self._line(self._paint("1;32", "Everything that should have arrived did, once and in order."))
        else:
            self._line(self._paint("1;31", f"Not as it should be: {len(verdict.problems)} problems."))

    # ------------------------------------------------------------ ink

    def _whom(self, message: Mapping[str, Any]) -> str:
        ref = message["order_ref"]
        name = self._people[ref].name if message["recipient"] == "customer" else message["recipient"]
        return f"{ref} {name}"

    def _mark(self, colour: str, mark: str, text: str) -> None:
        short = text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
        self._line(f"      {self._paint(colour, f'{mark} {short}')}")

    @property
    def _invisible(self) -> int:
        """Characters that colour adds to a word."""
        return len(self._paint("1", ""))

    def _paint(self, colour: str, text: str) -> str:
        text = harmless.clean(text)
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text

    def _line(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)


def _program() -> str:
    """As it was called (`.venv/bin/tether`), so that what is told can be typed as it stands."""
    return sys.argv[0] if Path(sys.argv[0]).name == "tether" else "tether"
