"""Apprise, the optional extra for a hundred more services: https://appriseit.com (2.3, 2026-11).

Each URL of APPRISE_URLS is a destination of the store's own (a team's chat, a pager): all get the text. Apprise tells yes or no and
little more, so the message counts as taken when one of them took it, and is tried again when none did. It works in threads,
which can't be cut short: what is still under way when the time is over is unknown.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from daemon.channels.base import Channel, CommonSettings, Health, Misconfigured, Outgoing
from daemon.http import Http
from outbox.outcome import Accepted, Deferred, Outcome, Unknown


class Apprise(Channel):
    name = "apprise"
    medium = "chat"
    title = "Apprise"
    address_kinds = ()
    ships_as = ("team",)
    rank = 90
    Settings = CommonSettings
    secrets = ("APPRISE_URLS",)
    default_concurrency = 2

    def __init__(self, settings: CommonSettings, secrets: Mapping[str, str], http: Http) -> None:
        self.settings = settings
        urls = [url.strip(",") for url in secrets.get("APPRISE_URLS", "").split() if url.strip(",")]
        if not urls:
            raise Misconfigured(
                "APPRISE_URLS is missing: put the services' URLs in .env, with spaces between (appriseit.com)"
            )
        self._services = _load(urls)

    async def send(self, out: Outgoing) -> Outcome:
        title = out.rendered.subject or ""
        calls = [asyncio.to_thread(service.notify, body=out.rendered.text, title=title) for service in self._services]
        try:
            async with asyncio.timeout(self.settings.timeout):
                said = await asyncio.gather(*calls)
        except TimeoutError:
            return Unknown("a service did not answer in time", "no_answer")
        taken = sum(map(bool, said))
        if not taken:
            return Deferred(
                "no service took it: is the line up, and are the URLs in APPRISE_URLS still good?", "refused"
            )
        return Accepted(detail="" if taken == len(said) else f"{taken} of {len(said)} services took it")

    async def check(self) -> Health:
        names = ", ".join(str(plugin.service_name) for service in self._services for plugin in service)
        return Health(ok=True, summary=f"configured: {names}; only a test message proves them")


def _load(urls: list[str]) -> list[Any]:
    """One Apprise object for each URL. An URL is a secret, so a bad one is named by its place."""
    try:
        import apprise
    except ImportError as error:
        raise Misconfigured("Apprise is not installed: install Tether with its extra, tether-box[apprise]") from error
    for chatty in ("apprise", "urllib3"):  # their lines hold the URLs, and the texts
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    asset = apprise.AppriseAsset(app_id="Tether", app_desc="Tether", secure_logging=True)
    services = []
    for place, url in enumerate(urls, start=1):
        service = apprise.Apprise(asset=asset)
        if not service.add(url):
            raise Misconfigured(f"entry {place} of APPRISE_URLS is no URL that Apprise knows: see appriseit.com")
        services.append(service)
    return services
