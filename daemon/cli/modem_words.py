"""How the modem is, in words for the owner: what `tether modem info` prints."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

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


def told(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What to say of it, by name: the row of `GET /v1/channels`."""
    detail: Mapping[str, Any] = row.get("detail") or {}
    yield "modem", _state(row, detail)
    if detail.get("stage") != "ready" and detail.get("remedy"):
        yield "what to do", str(detail["remedy"])
    if network := _network(detail):
        yield "network", network
    if detail.get("device"):
        yield "device", _device(detail)
    if sim := detail.get("sim"):
        yield "SIM", str(sim)
    yield "today", _today(row)
    if detail.get("credit"):
        yield "credit", f"{detail['credit']} (asked {_moment(detail.get('credit_at'))})"
    if storage := detail.get("storage"):
        yield "memory", f"{storage['used']} of {storage['total']} places are taken"
    yield "since start", _since_start(detail)
    if detail.get("trouble") and detail.get("stage") == "ready":
        yield "last trouble", f"{detail['trouble']} ({_moment(detail.get('trouble_at'))}); it passed"


def _state(row: Mapping[str, Any], detail: Mapping[str, Any]) -> str:
    if row["state"] in ("paused", "misconfigured"):
        return f"{row['state']}: {row['reason']}"
    words = _STAGES.get(str(detail.get("stage")), str(row["state"]))
    reason = detail.get("reason")
    return f"{words}: {reason}" if reason and reason != words else words


def _network(detail: Mapping[str, Any]) -> str:
    words = [str(detail[key]) for key in ("operator", "network", "registration") if detail.get(key)]
    if detail.get("signal_dbm") is not None:
        words.append(f"signal {detail['signal_dbm']} dBm, {detail['bars']} of 4 bars")
    return ", ".join(words)


def _device(detail: Mapping[str, Any]) -> str:
    identity: Mapping[str, Any] = detail.get("identity") or {}
    make = " ".join(str(identity[key]) for key in ("manufacturer", "model") if identity.get(key))
    return ", ".join(word for word in (str(detail["device"]), make) if word)


def _today(row: Mapping[str, Any]) -> str:
    limit = f" of {row['daily_limit']}" if row.get("daily_limit") is not None else ""
    waiting = f", {row['queued']} messages wait" if row["queued"] else ""
    return f"{row['sent_today']}{limit} SMS{waiting}"


def _since_start(detail: Mapping[str, Any]) -> str:
    resets = f", brought back {detail['resets']} times" if detail.get("resets") else ""
    ignored = f", {detail['ignored']} of no interest" if detail.get("ignored") else ""
    return f"{detail.get('sent', 0)} SMS sent, {detail.get('heard', 0)} messages and reports came in{ignored}{resets}"


def _moment(ms: Any) -> str:
    return f"{datetime.fromtimestamp(ms / 1000).astimezone():%a %H:%M}" if ms else "at an unknown time"
