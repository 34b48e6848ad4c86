"""The service on a real outbox against its own description: schemathesis makes requests from /openapi.json, good and bad, always the same ones."""

import asyncio
import json
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from daemon.config import Board, Hook, Rate
from tests.support.face import Face, event, serving
from tests.support.small_store import open_store, store_settings

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 12
ENDLESS = ["/v1/stream", "/board/events"]


class Served:
    """The face on a loop of its own, since schemathesis calls it from this thread."""

    def __init__(self) -> None:
        self.url = self.secret = ""
        self._up = threading.Event()
        self._down: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self.till = requests.Session()
        self.till.trust_env = False

    async def _serve(self) -> None:
        self._loop, self._down = asyncio.get_running_loop(), asyncio.Event()
        settings = store_settings(hook=Hook(port=0, rate=Rate(1e9)), board=Board(enabled=True))
        async with open_store(settings) as store:
            store.services.reload = _nothing_new
            async with serving(store) as face:
                await _furnish(face)
                self.url, self.secret = face.url, face.secret("owner")
                self._up.set()
                await self._down.wait()
            assert (await store.box.audit.verify()).ok

    def __enter__(self) -> "Served":
        self._thread.start()
        assert self._up.wait(60)
        return self

    def __exit__(self, *_: object) -> None:
        self.till.close()
        self._loop.call_soon_threadsafe(self._down.set)
        self._thread.join(10)


async def _nothing_new(actor: str) -> None:
    """The configuration is as it was."""


async def _furnish(face: Face) -> None:
    for n in range(3):
        assert (await face.post("/v1/events", event(f"e-{n}", ref=f"B-{n}"))).status == 202


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with Served() as served:
        yield served


@pytest.fixture
def description(served: Served) -> Any:
    """The document, with tokens as the only way in: a made-up signature would end every try at the door."""
    with urllib.request.urlopen(f"{served.url}/openapi.json") as answer:
        document = json.load(answer)
    document["paths"]["/v1/events"]["post"]["security"] = [{"token": []}]
    for path in ENDLESS:
        del document["paths"][path]
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=served.url)
    return schema


schema = schemathesis.pytest.from_fixture("description")


@pytest.mark.slow
@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_as_described(case: Any, served: Served) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {served.secret}"}, checks=CHECKS, session=served.till)


schema_without_token = schemathesis.pytest.from_fixture("description")


@schema_without_token.parametrize()
@settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_nothing_is_told_without_a_token(case: Any, served: Served) -> None:
    response = case.call(session=served.till)
    if case.operation.definition.raw["security"]:
        assert response.status_code in (401, 429), response.status_code
