"""Whether a store that belongs to a fleet can speak with its headquarters; nothing is looked at where it belongs to none."""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, advice, ok, problem
from daemon.config import ConfigError

CHECK = "fleet"
FEW = 1000
"""Entries that may well be on their way."""


async def check_fleet(case: Examination) -> Sequence[Finding]:
    fleet = case.settings.fleet
    if not fleet.store:
        return (
            []
            if not fleet.servers
            else [problem(CHECK, "[fleet] names servers and no store", "tether fleet join CODE writes both")]
        )
    if find_spec("nats") is None:
        return [
            problem(
                CHECK,
                "what speaks with headquarters is not installed",
                "install the Debian package or the release anew: both bring it",
            )
        ]
    from daemon.fleet.membership import keys_of, membership_of

    try:
        membership_of(case.settings)
        keys_of(case.settings)
    except ConfigError as error:
        return [problem(CHECK, str(error), f"on HQ: tether hq store add {fleet.store}; here: tether fleet join CODE")]
    if not (case.settings.folder / fleet.ca).is_file():
        return [
            problem(
                CHECK,
                f"{case.settings.folder / fleet.ca} is missing",
                "copy ca.pem from headquarters there, or join again",
            )
        ]
    if not case.running:
        return [ok(CHECK, f"{fleet.store} is set up; how the line stands is known while the service runs")]
    return [_told(await case.ask_service("/v1/fleet"))]


def _told(row: Any) -> Finding:
    state, reason = row["state"], row["reason"]
    if state == "refused":
        return problem(CHECK, reason, "tether fleet join with a new code")
    if state == "waiting":
        return problem(CHECK, reason, "see what the doctor says of the clock")
    if state != "connected":
        return advice(
            CHECK,
            f"headquarters can't be reached: {reason or 'being called'}",
            "the store goes on by itself; is the line up, and port 443 open?",
        )
    if row["behind"] > FEW:
        return advice(
            CHECK,
            f"headquarters does not have the last {row['behind']} entries of the record yet",
            "it catches up by itself; look again later",
        )
    if row["bundle_problem"]:
        return advice(
            CHECK,
            f"what headquarters published is not taken; {row['bundle'] or 'none of it'} is in force: {row['bundle_problem']}",
            "headquarters sees it too (tether hq bundles); nothing is to be done here unless it names this store's own tether.toml",
        )
    return ok(CHECK, f"{row['store']} is connected, {row['archived']} of {row['entries']} entries are at headquarters")
