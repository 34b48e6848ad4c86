"""The service on a real outbox against its own description: schemathesis makes requests from /openapi.json, good and bad, always the same ones."""

import asyncio
import json
import random
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from daemon.config import Board, Hook, Rate, Settings
from outbox import Outbox
from tests.support.face import Face, event, serving
from tests.support.fake_services import make_services
from tests.support.outbox_box import KEY

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 25
ENDLESS = ["/v1/stream", "/board/events"]


class Served:
    """The face on a loop of its own, since schemathesis calls it from this thread."""

    def __init__(self, folder: Path) -> None:
        self.url = self.secret = ""
        self._folder = folder
        self._up = threading.Event()
        self._down: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop, self._down = asyncio.get_running_loop(), asyncio.Event()
        services = make_services(Settings(hook=Hook(rate=Rate(1e9)), board=Board(enabled=True)))

        async def reload(actor: str) -> None:
            return None

        services.reload = reload
        path = self._folder / "tether.db"
        async with Outbox.open(path, clock=services.clock, rng=random.Random(1), keys=KEY, reserve=0) as box:
            services.box = box  # type: ignore[assignment]
            self.secret = await box.tokens.create("owner", ["admin"], actor="test")
            async with serving(services) as face:
                await _furnish(face, self.secret)
                self.url = face.url
                self._up.set()
                await self._down.wait()
            assert (await box.audit.verify()).ok

    def __enter__(self) -> "Served":
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._down.set)
        self._thread.join(10)


async def _furnish(face: Face, secret: str) -> None:
    for n in range(3):
        headers = {"Authorization": f"Bearer {secret}"}
        assert (await face.post("/v1/events", event(f"e-{n}", ref=f"B-{n}"), as_=None, headers=headers)).status == 202


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("fuzz")) as served:
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


@pytest.mark.timeout(300)  # every call of the description is one test
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
    case.call_and_validate(headers={"Authorization": f"Bearer {served.secret}"}, checks=CHECKS)


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
def test_nothing_is_told_without_a_token(case: Any) -> None:
    response = case.call()
    if case.operation.definition.raw["security"]:
        assert response.status_code in (401, 429), response.status_code
