"""Tells the chain's day: each store in its narrator's words, with its name in front."""

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from daemon.demo.narrator import Narrator
from outbox import harmless


class Herald:
    def __init__(self, out: TextIO, stores: Sequence[str]) -> None:
        self._out = out
        self._colour = out.isatty() and "NO_COLOR" not in os.environ
        self._width = max(map(len, stores))

    def narrator(self, store: str) -> Narrator:
        return Narrator(Named(self._out, f"{store:<{self._width}} "), ())

    def welcome(self, url: str, token: str, ca: Path, sandbox_url: str) -> None:
        self._line()
        self._line(
            self._paint(
                "1", "A chain's day: five stores, three servers of NATS, a PostgreSQL; nothing leaves this machine."
            )
        )
        self._line()
        self._line("  Headquarters' API, while this runs:")
        self._line(f"    HQ={url} TOKEN={token} CA={ca}")
        for path in ("/v1/stores", "/v1/stores/soho", "/v1/messages?limit=5", "/v1/audit/verify", "/metrics"):
            self._line(f'    curl --cacert $CA -H "Authorization: Bearer $TOKEN" "$HQ{path}"')
        self._line('    curl -N --cacert $CA -H "Authorization: Bearer $TOKEN" "$HQ/v1/stream"   # live')
        self._line(f"  What the customers of soho get:  {sandbox_url}/_sandbox/")

    def page(self, url: str, name: str, other: str, password: str) -> None:
        self._line()
        self._line(self._paint("1", f"  Headquarters' page:  {url}/   log in as {name}, password {password}"))
        self._line(f"  As an area manager sees it: log in as {other}, the same password")

    def scene(self, title: str) -> None:
        self._line()
        self._line(self._paint("1;36", title))

    def remark(self, text: str) -> None:
        self._line(self._paint("33", f"  {text}"))

    def sum_up(self, entries: Mapping[str, int], problems: Sequence[str]) -> None:
        for store, count in entries.items():
            self._line(f"  {store:<{self._width}} {count:>4} entries archived, their chain verified")
        self._line()
        for problem in problems:
            self._line(self._paint("31", f"  {problem}"))
        if problems:
            self._line(self._paint("1;31", f"Not as it should be: {len(problems)} problems."))
        else:
            self._line(
                self._paint(
                    "1;32", "Every store's record is archived and verified, and the opt-out was heard everywhere."
                )
            )

    def _paint(self, colour: str, text: str) -> str:
        text = harmless.clean(text)
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text

    def _line(self, text: str = "") -> None:
        print(text, file=self._out, flush=True)


class Named(io.TextIOBase):
    """Writes to `out`, with a name in front of each line that says something."""

    def __init__(self, out: TextIO, name: str) -> None:
        self._out = out
        self._name = name
        self._at_start = True

    def write(self, text: str) -> int:
        for line in text.splitlines(keepends=True):
            if self._at_start and line.strip():
                self._out.write(self._name)
            self._out.write(line)
            self._at_start = line.endswith("\n")
        return len(text)

    def flush(self) -> None:
        self._out.flush()

    def isatty(self) -> bool:
        return self._out.isatty()
