"""How systemd runs the service, and how well it is shut in."""

import re
from collections.abc import Iterable, Mapping, Sequence

from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, advice, ok, problem

UNIT = "tether.service"
MOST_EXPOSURE = 1.9
"""Of the unit as it ships, by `systemd-analyze security`."""
_OVERALL = re.compile(r"Overall exposure level for \S+: ([\d.]+)")


async def check_unit(case: Examination) -> Sequence[Finding]:
    shown = await case.machine.run(
        "systemctl", "show", UNIT, "-p", "LoadState,ActiveState,UnitFileState,NRestarts,Result,NeedDaemonReload"
    )
    if shown is None or shown.code != 0:
        return [
            advice("unit", "no systemd here: nothing starts the service again", "run it under a supervisor of your own")
        ]
    state = dict(line.partition("=")[::2] for line in shown.said.splitlines())
    if state.get("LoadState") != "loaded":
        return [
            advice("unit", "the service is not installed under systemd", "`sudo tether install`, or the Debian package")
        ]
    return [*_state(state), *await _exposure(case)]


def _state(state: Mapping[str, str]) -> Iterable[Finding]:
    active, result = state.get("ActiveState", ""), state.get("Result", "")
    if active == "active":
        yield ok("unit", f"active; {state.get('NRestarts', '0')} restarts since it was started")
    elif result not in ("success", ""):
        yield problem("unit", f"{active}: its last run ended with {result}", f"`journalctl -u {UNIT} -n 50` says why")
    else:
        yield problem("unit", f"{active}", "`sudo systemctl start tether`")
    if state.get("UnitFileState") not in ("enabled", "enabled-runtime"):
        yield problem("unit", "it will not start by itself after a power cut", "`sudo systemctl enable tether`")
    if state.get("NeedDaemonReload") == "yes":
        yield advice("unit", "its file was changed since systemd read it", "`sudo systemctl daemon-reload`")


async def _exposure(case: Examination) -> Sequence[Finding]:
    said = await case.machine.run("systemd-analyze", "security", "--no-pager", UNIT)
    match = _OVERALL.search(said.said) if said else None
    if match is None:
        return []
    exposure = float(match[1])
    if exposure > MOST_EXPOSURE:
        return [
            advice(
                "unit",
                f"exposure {exposure}: something took its hardening away",
                f"`systemctl cat {UNIT}` shows which drop-in",
            )
        ]
    return [ok("unit", f"shut in well (exposure {exposure})")]
