"""An order's record in words: each entry as a sentence in the reader's language, with the reason where there is one. Pure."""

import re
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

import msgspec
from babel.dates import format_date

from daemon.hq.answers import MessageOut
from daemon.hq.database import as_time
from daemon.hq.detail import detail_of
from daemon.hq.page.words import Words
from daemon.wire.reasons import Reasons, catalogue

LEVELS: Mapping[str, str] = {
    "delivered": "good", "sent": "good", "accepted": "good", "read": "good",
    "failed": "bad", "rejected": "bad", "undelivered": "bad",
    "expired": "warn", "unknown": "warn", "deferred": "warn", "suppressed": "warn", "held": "warn",
}  # fmt: skip

SEVERAL = "several"
BEING_SENT = "message.sending"
"""Why it waited before is on record there too; it stood with the entry before."""
NOTHING: Mapping[str, Any] = {}
_KEPT_BACK = re.compile(r"[:,;]? ?\{(words|how|error)\}$")
"""What people and providers wrote stays in the store: a sentence that ends with it is whole without."""
SAYS_NOTHING = frozenset({"taken"})
"""Reasons that repeat the state, but for a provider's words, which stay in the store."""


class Entry(msgspec.Struct, frozen=True):
    """As the archive has it."""

    store: str
    epoch: str
    seq: int
    at: int
    kind: str
    actor: str
    order_ref: str
    message_id: str
    detail: dict[str, Any]
    hash: str


class Line(msgspec.Struct, frozen=True):
    entry: Entry
    text: str
    why: str
    level: str


def entry_of(row: tuple[Any, ...]) -> Entry:
    store, epoch, seq, at, kind, actor, order_ref, message_id, detail, hash_ = row
    return Entry(store, epoch, seq, at, kind, actor, order_ref, message_id, detail_of(detail), bytes(hash_).hex())


def in_words(entries: Sequence[Entry], words: Words) -> list[Line]:
    return [_line(entry, words) for entry in entries]


def _line(entry: Entry, words: Words) -> Line:
    group, _, last = entry.kind.partition(".")
    about = {name: str(value) for name, value in entry.detail.items() if isinstance(value, str | int | float)}
    args = {"channel": "", "n": "", "to": "", "source": "", "code": ""} | about
    args["type"] = type_in_words(about.get("type", ""), words)
    match group:
        case "event" if entry.kind == "event.accepted":
            text = words("event", **args)
        case "message":
            key = "planned" if "type" in about else "message_by" if args["channel"] else "message"
            text = words(key, **(args | {"state": state_in_words(last, words.language)}))
        case "attempt" | "receipt" if f"{group}_{last}" in words:
            text = words(f"{group}_{last}", **args)
        case _:
            key = f"kind_{entry.kind.replace('.', '_')}"
            text = words(key, **args) if key in words else f"{entry.kind}"
    carried = entry.kind == BEING_SENT
    reason = "" if carried else reason_in_words(words.language, about.get("reason_code", ""), about.get("reason", ""))
    code = words("code", code=args["code"]) if args["code"] else ""
    return Line(entry, text, " ".join(part for part in (reason, code) if part), LEVELS.get(last, ""))


def type_in_words(type_: str, words: Words) -> str:
    key = f"type_{type_.replace('.', '_')}"
    return words(key) if key in words else type_


def state_in_words(state: str, language: str) -> str:
    return str(catalogue(language)["states"].get(state, state))


def reason_of(message: MessageOut, language: str) -> str:
    return reason_in_words(language, message.reason_code, args=message.reason_args)


def reason_in_words(language: str, code: str, sentence: str = "", args: Mapping[str, Any] = NOTHING) -> str:
    """Of what a reason names only plain words and numbers are told: the whole sentence where they are all that it needs, else the short one,
    else what the record says."""
    if code in SAYS_NOTHING:
        return ""
    if language == "en" and sentence:
        return sentence
    reasons = Reasons(language, moment=lambda at: format_date(as_time(at), "d MMMM y", locale=language))
    if code == SEVERAL and args:
        return reasons.sentence(code, args, sentence)
    for form in ("full", "short"):
        known = _KEPT_BACK.sub("", catalogue(language)["reasons"].get(code, {}).get(form, ""))
        if known and {name for _, name, _, _ in Formatter().parse(known) if name} <= args.keys():
            return reasons.sentence(code, args, sentence) if form == "full" else reasons.short(code, args, sentence)
    return sentence
