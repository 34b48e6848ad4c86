"""The modem, as the running service finds it; and without the service, what is plugged in and what keeps it from being used.

Its port belongs to the service: it is never opened here.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, Level, advice, ok, problem
from daemon.appliance.machine import sentence
from daemon.channels.modem import ModemSettings
from daemon.config import ConfigError, decode
from daemon.modem import probe, sticks
from daemon.modem.config import AUTO
from daemon.modem.status import WEAK_DBM, Stage

CHECK = "channel modem"
_NEWLY_SECONDS = 120.0
"""A modem may take so long to start and to find its network."""


async def check_modem(case: Examination, table: Mapping[str, Any]) -> Sequence[Finding]:
    try:
        settings = decode(table, ModemSettings, where="[channels.modem]")
    except ConfigError:
        return []  # told of with the configuration
    hints = sticks.hints(case.machine.path(str(sticks.USB)))
    mended = [await _mend(case, hint) for hint in hints if case.fix and hint.deed]
    told = [problem(CHECK, hint.what, hint.remedy) for hint in hints if not (case.fix and hint.deed)]
    found = await _as_the_service_sees_it(case) if case.running else await _as_it_is_plugged_in(settings, told)
    absent = not found or any(finding.level is Level.PROBLEM for finding in found)
    return [*found, *mended, *(told if absent else ())]


async def _as_the_service_sees_it(case: Examination) -> list[Finding]:
    answer: Any = await case.ask_service("/v1/channels")
    row: Mapping[str, Any] = next((row for row in answer["items"] if row["name"] == "modem"), {})
    detail: Mapping[str, Any] = row.get("detail") or {}
    if row.get("state") in ("paused", "misconfigured"):
        return [problem(CHECK, str(row["reason"]), "`tether channels resume modem`, once that is mended")]
    stage, reason, remedy = detail.get("stage"), str(detail.get("reason") or ""), str(detail.get("remedy") or "")
    if stage == Stage.READY:
        return [_ready(detail)]
    if stage in (Stage.STARTING, Stage.SEARCHING, Stage.RECOVERING) and _seconds_since(case, detail) < _NEWLY_SECONDS:
        return [advice(CHECK, reason or "it is starting", "look again in two minutes")]
    return [
        problem(CHECK, reason or str(row.get("reason") or "it is not ready"), remedy or "`tether modem info` says more")
    ]


def _ready(detail: Mapping[str, Any]) -> Finding:
    dbm = detail.get("signal_dbm")
    signal = f"{dbm} dBm" if dbm is not None else ""
    words = ", ".join(str(word) for word in (detail.get("operator"), detail.get("registration"), signal) if word)
    storage = detail.get("storage") or {}
    if storage.get("total") and storage.get("used", 0) >= storage["total"]:
        return advice(
            CHECK,
            f"{words}: the SIM's memory is full, and what customers answer can't come in, a STOP neither",
            "put the SIM in a phone and delete the texts on it",
        )
    if dbm is not None and dbm < WEAK_DBM:
        return advice(CHECK, f"{words}: the signal is very weak", "move the modem or its antenna to a window")
    return ok(CHECK, words or "ready")


def _seconds_since(case: Examination, detail: Mapping[str, Any]) -> float:
    return (case.clock.now() - int(detail.get("since") or 0)) / 1000


async def _as_it_is_plugged_in(settings: ModemSettings, told: Sequence[Finding]) -> list[Finding]:
    if os.environ.get("CREDENTIALS_DIRECTORY"):
        return [] if told else [ok(CHECK, "not looked at: the unit that asks is shown no device (PrivateDevices)")]
    device = settings.device
    if device == AUTO:
        found = await probe.candidates(settings.probe)
        if not found and not told:
            return [problem(CHECK, "no modem is plugged in", "plug it in, or name its port as [channels.modem] device")]
        return [ok(CHECK, f"{len(found)} ports of modems (not asked: the service does not run)")] if found else []
    path = Path(device)
    if not device.startswith("/"):
        return [ok(CHECK, f"{device} (not asked: the service does not run)")]
    if not path.exists():
        return [problem(CHECK, f"{device}: no such device", 'plug it in, or let device = "auto" find it')]
    if not os.access(path, os.R_OK | os.W_OK):
        return [problem(CHECK, f"{device}: no permission", "the service's user must be in the group dialout")]
    return [ok(CHECK, f"{device} is there (not asked: the service does not run)")]


async def _mend(case: Examination, hint: sticks.Hint) -> Finding:
    """Do what the hint would have a person do."""
    for command in hint.deed:
        ran = await case.machine.run(*command)
        if ran is None or ran.code != 0:
            why = "there is no such program" if ran is None else ran.said or f"it ended with {ran.code}"
            return problem(CHECK, f"{hint.what}; {sentence(command)}: {why}", hint.remedy)
    when = datetime.fromtimestamp(case.clock.now() / 1000, UTC)
    return advice(CHECK, f"{hint.what}: switched at {when:%H:%M} UTC", "look again in a minute")
