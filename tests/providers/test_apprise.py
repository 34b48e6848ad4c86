"""Apprise for real: its JSON service against a server on loopback."""

import json
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from daemon.channels.apprise import Apprise
from daemon.channels.base import CommonSettings, Misconfigured
from daemon.channels.registry import build
from daemon.config import Duration
from outbox.outcome import Accepted, Deferred, Unknown
from tests.support.channel_case import outgoing
from tests.support.vendor import Answer, Vendor, serving

pytest.importorskip("apprise")


@asynccontextmanager
async def services(*answers: int) -> AsyncIterator[tuple[Vendor, str]]:
    """A server for Apprise to call, and an APPRISE_URLS with one destination for each answer."""
    steps = {rf"POST http://service{n}/": Answer(status) for n, status in enumerate(answers)}
    async with serving(Vendor(steps)) as vendor:
        yield (
            vendor,
            " ".join(f"json://127.0.0.1:{vendor.port}/http/service{n}/hook-secret" for n in range(len(answers))),
        )


def channel(urls: str, **settings: Duration) -> Apprise:
    return Apprise(CommonSettings(**settings), {"APPRISE_URLS": urls}, http=None)  # type: ignore[arg-type]


async def test_every_service_gets_the_text() -> None:
    async with services(200, 204) as (vendor, urls):
        assert await channel(urls).send(outgoing()) == Accepted()
        bodies = [json.loads(seen.body) for seen in vendor.seen]
    assert [(body["title"], body["message"]) for body in bodies] == [
        ("Order B-1042 is ready", "Order B-1042 is ready.")
    ] * 2


async def test_one_that_took_it_is_enough_and_the_others_are_told_of() -> None:
    async with services(200, 500) as (_, urls):
        assert await channel(urls).send(outgoing()) == Accepted(detail="1 of 2 services took it")


async def test_none_that_took_it_is_tried_again() -> None:
    async with services(500) as (_, urls):
        assert isinstance(await channel(urls).send(outgoing()), Deferred)


async def test_no_answer_in_time_is_unknown() -> None:
    async with services(200) as (vendor, urls):
        vendor.faults["service0"] = "hang"
        slow = urls.replace("/hook-secret", "/hook-secret?rto=1&cto=1")
        assert isinstance(await channel(slow, timeout=Duration(0.2)).send(outgoing()), Unknown)


async def test_urls_are_never_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with services(500) as (_, urls):
        apprise = channel(urls)
        said = [repr(apprise), repr(await apprise.send(outgoing())), repr(await apprise.check())]
    assert "hook-secret" not in "".join([*said, caplog.text])


@pytest.mark.parametrize(
    ("urls", "words"),
    [("", "APPRISE_URLS is missing"), ("json://127.0.0.1 nonsense://secret", "entry 2 of APPRISE_URLS")],
)
def test_what_is_missing_is_named(urls: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=words) as caught:
        channel(urls)
    assert "secret" not in str(caught.value)


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(Misconfigured, match=r"tether-box\[apprise\]"):
        build("apprise", {}, {"APPRISE_URLS": "json://127.0.0.1"}, http=None)  # type: ignore[arg-type]
