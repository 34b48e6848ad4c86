"""Whether each source has its secrets, and whether those that are asked answer: one question each, of which nothing is taken."""

import asyncio
from collections.abc import Iterator, Sequence

from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, advice, ok, problem
from daemon.config import ConfigError
from daemon.intake import registry
from daemon.intake.base import Source
from daemon.intake.polling.calls import Caller
from daemon.intake.polling.polled import Fault, Polled, Turn, fault_of


async def check_sources(case: Examination) -> Sequence[Finding]:
    sources = [source for name in case.settings.sources if (source := _built(case, name)) is not None]
    async with asyncio.TaskGroup() as group:
        looks = [group.create_task(_look(case, source)) for source in sources]
    return [*(look.result() for look in looks), *_counting_alike(sources)]


def _built(case: Examination, name: str) -> Source | None:
    """None: it can't be meant, and is told of with the configuration."""
    try:
        return registry.build(name, case.settings.sources[name], case.settings.secrets, case.settings.store)
    except ConfigError:
        return None


def _counting_alike(sources: Sequence[Source]) -> Iterator[Finding]:
    """Shops whose orders may have the same numbers: the second's customer would be taken for the first's."""
    alike: dict[str, list[str]] = {}
    for source in sources:
        if source.counts:
            alike.setdefault(source.settings.ref_add, []).append(source.name)
    for names in alike.values():
        if names[1:]:
            yield advice(
                "order numbers",
                f"{' and '.join(names)} may give the same order numbers, and one's customer would be told the other's news",
                f'set ref_add = "W-" (or the like) in [sources.{names[1]}]: it is put before its numbers; docs/sources.md says what else needs it',
            )


async def _look(case: Examination, source: Source) -> Finding:
    name, check = source.name, f"source {source.name}"
    missing = source.missing()
    if missing:
        what = " and ".join(missing)
        remedy = (
            f"put {'them' if len(missing) > 1 else 'it'} into {case.settings.folder / '.env'}, then `tether reload`"
        )
        return problem(check, f"{what} {'are' if len(missing) > 1 else 'is'} missing", remedy)
    if isinstance(source, Polled) and source.settings.poll and not case.offline:
        return await _ask(case, source)
    if not source.settings.poll and not case.settings.hook.public_url:
        return advice(
            check,
            "it waits for webhooks, and the box has no address that the outside could reach",
            "set `poll` where the source can be asked, or [hook] public_url where a tunnel or relay leads here",
        )
    return ok(check, f"{source.title}, webhooks to /v1/hooks/{name}")


async def _ask(case: Examination, source: Polled) -> Finding:
    assert isinstance(source, Source)
    check, turn = f"source {source.name}", Turn(case.clock.now())
    try:
        response = await Caller(source, case.http, case.clock).call(lambda token: source.request(turn, token))
        if not (response.ok or response.status == 304) or response.is_page:
            raise fault_of(response, source.words(response))
        source.page(response, turn)
    except Fault as fault:
        return problem(check, f"{source.title} was asked, and {fault}", source.remedy(fault))
    return ok(check, f"{source.title} answers")
