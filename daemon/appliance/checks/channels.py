"""Whether each enabled channel has its secrets, and whether its provider takes them: one harmless call each."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from daemon.appliance.checks.modem import check_modem
from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, ok, problem
from daemon.channels import registry
from daemon.channels.base import Channel, Health, Misconfigured
from daemon.channels.modem import ModemChannel
from daemon.config import ConfigError
from daemon.wire.near import nearest

CALL_SECONDS = 30.0
FIX_SECONDS = 120.0


async def check_channels(case: Examination) -> Sequence[Finding]:
    async with asyncio.TaskGroup() as group:
        looks = [group.create_task(_look(case, name, table)) for name, table in case.settings.channels.items()]
    return [finding for look in looks for finding in look.result()]


async def _look(case: Examination, name: str, table: Mapping[str, Any]) -> Sequence[Finding]:
    check = f"channel {name}"
    try:
        if registry.channel_class(name) is ModemChannel:
            return await check_modem(case, table)
        channel = registry.build(name, table, case.settings.secrets, case.http)
    except Misconfigured as error:
        env = case.settings.folder / ".env"
        remedy = f"put it into {env} or its table, then `tether reload`"
        if meant := _misspelt(str(error), registry.secrets_of(registry.channel_class(name)), case.settings.secrets):
            remedy = f"{env} has {meant}, which nothing reads: correct the name there, then `tether reload`"
        return [problem(check, str(error), remedy)]
    except ConfigError:
        return []  # told of with the configuration
    try:
        if case.offline:
            return [ok(check, "configured (not asked: offline)")]
        return await _ask(case, channel)
    finally:
        await channel.close()


def _misspelt(trouble: str, names: Sequence[str], there: Mapping[str, str]) -> str:
    """The secret that is there under almost the name of the one that is missing; "" for none."""
    written = {each.upper(): each for each in there if each not in names}
    near = (nearest(name, written, alike=0.9) for name in names if name in trouble)
    return next((written[each] for each in near if each), "")


async def _ask(case: Examination, channel: Channel) -> Sequence[Finding]:
    check = f"channel {channel.name}"
    health = await _health(channel)
    mended: list[str] = []
    if case.fix and health.missing:
        try:
            async with asyncio.timeout(FIX_SECONDS):
                mended = list(await channel.fix())
        except TimeoutError:
            mended = [f"{channel.title} took longer than {FIX_SECONDS:.0f} s over mending it"]
        health = await _health(channel)
    words = ". ".join([health.summary.rstrip("."), *(each.rstrip(".") for each in mended)])
    if health.ok and not health.missing:
        return [ok(check, words)]
    lacking = f" (missing there: {', '.join(health.missing)}; `tether doctor --fix` makes it)" if health.missing else ""
    return [problem(check, f"{words}{lacking}", health.remedy or f"docs/providers/{channel.name}.md")]


async def _health(channel: Channel) -> Health:
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await channel.check()
    except TimeoutError:
        return Health(
            ok=False, summary=f"{channel.title} did not answer in {CALL_SECONDS:.0f} s", remedy="is the line up?"
        )
