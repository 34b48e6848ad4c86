"""Whether events can reach the service, and the service its providers' names."""

import asyncio
import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding, advice, ok, problem
from daemon.channels import registry
from daemon.channels.base import Misconfigured
from daemon.config import ConfigError, Hook, Settings
from daemon.runtime.listeners import absent_address, try_to_listen, unknown_name

LOOK_UP_SECONDS = 5.0


async def check_port(case: Examination) -> Sequence[Finding]:
    hook = case.settings.hook
    where = f"{hook.host}:{hook.port}"
    found = (
        []
        if _is_loopback(hook.host) or hook.tls_cert
        else [
            advice(
                "port",
                f"tills reach the hook at {where} in the clear: tokens and customers' numbers can be read on the shop's network",
                "set [hook] tls_cert and tls_key (docs/security.md)",
            )
        ]
    )
    if case.running:
        if trouble := absent_address(hook) or await asyncio.to_thread(unknown_name, hook):
            return [
                *found,
                problem("port", trouble, "correct tether.toml and restart the service, or wait for the router"),
            ]
        if trouble := await _told_of_the_hook(case):
            return [
                *found,
                problem("port", trouble, "stop that program, or correct tether.toml and restart the service"),
            ]
        if await asyncio.to_thread(_nobody_listens, hook):
            words = f"the service runs, and nothing listens at {where}: it was started with another [hook]"
            return [*found, problem("port", words, "restart the service, or put [hook] back as it was")]
        return [*found, ok("port", f"the service takes events at {where}")]
    try:
        await asyncio.to_thread(try_to_listen, hook)
    except ConfigError as error:
        return [*found, problem("port", str(error), "correct tether.toml, or stop what listens there")]
    return [*found, ok("port", f"{where} is free (the service does not run)")]


async def _told_of_the_hook(case: Examination) -> str:
    """What the running service itself says is wrong with its door for tills; "" for nothing."""
    glance = await case.ask_service("/v1/status")
    assert isinstance(glance, dict)
    return next((each["why"] for each in glance["trouble"] if each["what"] == "hook"), "")


def _nobody_listens(hook: Hook) -> bool:
    if hook.port == 0:  # any free one will do
        return False
    try:
        try_to_listen(hook)
    except ConfigError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def check_dns(case: Examination) -> Sequence[Finding]:
    hosts = _hosts(case.settings, case)
    if case.offline or not hosts:
        return []
    async with asyncio.TaskGroup() as group:
        looks = [group.create_task(_look_up(host, port)) for host, port in hosts]
    failed = [host for (host, _), look in zip(hosts, looks, strict=True) if not look.result()]
    if not failed:
        return [ok("dns", f"providers whose names can be looked up: {len(hosts)}")]
    if len(failed) == len(hosts):
        return [
            problem(
                "dns",
                "no name can be looked up: the line is down, or the name server does not answer",
                "`resolvectl status`; is the router on?",
            )
        ]
    return [
        problem(
            "dns",
            f"{', '.join(failed)} can't be looked up",
            "is the name spelt right in tether.toml? does a filter in the router block it?",
        )
    ]


async def check_line(case: Examination) -> Sequence[Finding]:
    """What the running service goes by may be somebody's word, which no name that can be looked up contradicts."""
    if not case.running:
        return []
    answer: Any = await case.ask_service("/v1/channels")
    if not answer["uplink"].get("forced"):
        return []
    state = answer["uplink"]["state"]
    return [
        advice(
            "line",
            f"the line counts as {state} because it was set by hand, whatever it is",
            "`tether uplink auto` lets evidence decide again",
        )
    ]


async def _look_up(host: str, port: int) -> bool:
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return False
    return True


def _hosts(settings: Settings, case: Examination) -> list[tuple[str, int]]:
    found: dict[tuple[str, int], None] = {}
    for name, table in settings.channels.items():
        try:
            channel = registry.build(name, table, settings.secrets, case.http)
        except (Misconfigured, ConfigError):
            continue
        if channel.is_cloud:
            found |= dict.fromkeys(channel.hosts())
    return list(found)
