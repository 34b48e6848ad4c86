"""The real engines, started once for all tests of a worker; each test has stores, a database and streams of its own making."""

import asyncio
import gc
import os
import warnings
from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path

import psycopg
import pytest
from jinja2 import Environment

from daemon.hq.database import migrate
from daemon.hq.page.looks import Assets, make_environment
from tests.support.engines import Cluster, Postgres, cluster, postgres, why_not
from tests.support.fleet_world import World, world

MISSING = why_not()
CUT = {"nats_servers", "own_servers", "away"}
"""Fixtures with servers of NATS, or what stands in for them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if MISSING and "engines" in item.keywords:
            item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(autouse=True)
def what_the_library_leaves(request: pytest.FixtureRequest) -> Iterator[None]:
    """A connection that is cut in the middle of its handshake is let go of unclosed by nats-py: it is collected here, where that is
    known, and no later test is blamed for it."""
    yield
    if not CUT.intersection(request.fixturenames):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(autouse=True)
def pages_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headquarters compiles each of its pages once in its life; in most tests a new one shows a few."""
    monkeypatch.setattr("daemon.hq.page.site.make_environment", lambda assets: _environment())


@cache
def _environment() -> Environment:
    return make_environment(Assets())


@pytest.fixture(scope="session")
def nats_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three servers; a test that kills some makes its own."""
    with cluster(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(scope="session")
def template(postgres_server: Postgres) -> str:
    """The name of a database in which all migrations were done."""
    asyncio.run(migrate(postgres_server.make_database("template")))
    return "template"


@pytest.fixture
def database(postgres_server: Postgres, template: str, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with headquarters' tables."""
    name = f"t{os.getpid()}_{abs(hash(tmp_path)) % 10**9}"
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy".encode())
    yield postgres_server.dsn(name)
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as server:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
async def fleet(tmp_path: Path, nats_servers: Cluster, database: str) -> AsyncIterator[World]:
    """HQ and as many stores as a test asks for."""
    async with world(tmp_path, nats_servers, database) as made:
        yield made
