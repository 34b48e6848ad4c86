"""How the modem is, in words for the owner: what `tether modem info` prints."""

from collections.abc import Iterator
from datetime import datetime

from daemon.wire.modem import Modem, Storage
from daemon.wire.service import Channel

_STAGES = {
    "stopped": "not running",
    "absent": "not there",
    "starting": "starting",
    "needs_person": "needs you",
    "searching": "looking for a network",
    "ready": "ready",
    "recovering": "hangs; it is being brought back",
    "given_up": "hangs; nothing brought it back so far, it is tried again every five minutes",
}


def told(row: Channel, modem: Modem) -> Iterator[tuple[str, str]]:
    """What to say of it, by name: the modem's row among the channels, and its detail."""
    yield "modem", _state(row, modem)
    if modem.stage != "ready" and modem.remedy:
        yield "what to do", modem.remedy
    if network := _network(modem):
        yield "network", network
    if modem.device:
        yield "device", _device(modem)
    if modem.sim:
        yield "SIM", modem.sim
    yield "today", _today(row)
    if modem.credit:
        yield "credit", f"{modem.credit} (asked {_moment(modem.credit_at)})"
    if modem.storage:
        yield "memory", _memory(modem.storage)
    yield "since start", _since_start(modem)
    if modem.trouble and modem.stage == "ready":
        yield "last trouble", _last_trouble(row, modem)


def _last_trouble(row: Channel, modem: Modem) -> str:
    """A modem that is ready need not be rid of what a person can do something about: a text that went since tells."""
    has_sent_since = (row.last_success or 0) > (modem.trouble_at or 0)
    passed = row.state == "ready" and (has_sent_since or not modem.remedy)
    remedy = f": {modem.remedy}" if modem.remedy else ""
    return f"{modem.trouble} ({_moment(modem.trouble_at)}){'; it passed' if passed else ''}{remedy}"


def _state(row: Channel, modem: Modem) -> str:
    if row.state in ("paused", "misconfigured") or (row.state == "open" and modem.stage == "ready"):
        return f"{row.state}: {row.reason}"
    words = _STAGES.get(modem.stage, row.state)
    return f"{words}: {modem.reason}" if modem.reason and modem.reason != words else words


def _network(modem: Modem) -> str:
    words = [word for word in (modem.operator, modem.network, modem.registration) if word]
    if modem.signal_dbm is not None:
        words.append(f"signal {modem.signal_dbm} dBm, {modem.bars} of 4 bars")
    return ", ".join(words)


def _device(modem: Modem) -> str:
    make = " ".join(word for word in (modem.identity.manufacturer, modem.identity.model) if word)
    return ", ".join(word for word in (modem.device, make) if word)


def _memory(storage: Storage) -> str:
    words = f"{storage.used} of {storage.total} places are taken"
    return words if storage.used < storage.total else f"{words}: nothing more can come in, delete them with a phone"


def _today(row: Channel) -> str:
    limit = f" of {row.daily_limit}" if row.daily_limit is not None else ""
    waiting = f", {row.queued} messages wait" if row.queued else ""
    return f"{row.sent_today}{limit} SMS{waiting}"


def _since_start(modem: Modem) -> str:
    resets = f", brought back {modem.resets} times" if modem.resets else ""
    ignored = f", {modem.ignored} of no interest" if modem.ignored else ""
    return f"{modem.sent} SMS sent, {modem.heard} messages and reports came in{ignored}{resets}"


def _moment(ms: int | None) -> str:
    return f"{datetime.fromtimestamp(ms / 1000).astimezone():%a %H:%M}" if ms else "at an unknown time"
