"""Looks at everything that must be right for a shop's messages to go out, and says of each thing how it is and what to do."""

import asyncio
from collections.abc import Sequence

from daemon.appliance.checks.backups import check_backups
from daemon.appliance.checks.channels import check_channels
from daemon.appliance.checks.clock import check_clock
from daemon.appliance.checks.configuration import check_configuration, check_permissions
from daemon.appliance.checks.database import check_database
from daemon.appliance.checks.disk import check_disk
from daemon.appliance.checks.fleet import check_fleet
from daemon.appliance.checks.network import check_dns, check_line, check_port
from daemon.appliance.checks.sources import check_sources
from daemon.appliance.checks.unit import check_unit
from daemon.appliance.examination import Check, Examination
from daemon.appliance.finding import Finding, problem
from daemon.config import ConfigError

CHECKS: Sequence[tuple[str, Check]] = (
    ("config", check_configuration),
    ("permissions", check_permissions),
    ("clock", check_clock),
    ("disk", check_disk),
    ("database", check_database),
    ("port", check_port),
    ("dns", check_dns),
    ("line", check_line),
    ("channels", check_channels),
    ("sources", check_sources),
    ("fleet", check_fleet),
    ("backup", check_backups),
    ("unit", check_unit),
)
"""In the order in which they are told: what is first is often the cause of what follows."""
LONGEST = 240.0
"""Seconds that one check may take."""


async def examine(case: Examination) -> Sequence[Finding]:
    """All checks, at the same time."""
    async with asyncio.TaskGroup() as group:
        looks = [group.create_task(_look(name, check, case), name=name) for name, check in CHECKS]
    return [finding for look in looks for finding in look.result()]


async def _look(name: str, check: Check, case: Examination) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(LONGEST):
            return await check(case)
    except TimeoutError:
        return [
            problem(
                name, f"it could not be looked at within {LONGEST:.0f} s", "try again when the machine is less busy"
            )
        ]
    except OSError as error:
        return [
            problem(name, f"it could not be looked at: {error}", "run the doctor with sudo, or as the service's user")
        ]
    except ConfigError as error:
        return [problem(name, f"it could not be looked at: {error}", "correct it, then look again")]
    except Exception as error:  # what the other checks found is told all the same
        what = f"it could not be looked at: {type(error).__name__}, which should not have happened"
        return [problem(name, what, "look again; if it stays, report it")]
