"""The page on one archive that each test finds empty: a database of its own for each would take most of the time."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.engines import Postgres
from tests.support.fake_clock import FakeClock
from tests.support.hq_page import Site, page_site

TABLES = b"SELECT c.oid::regclass::text FROM pg_class AS c WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND NOT relispartition"


@pytest.fixture(scope="session")
def archive(postgres_server: Postgres) -> Iterator[str]:
    name = f"page{os.getpid()}"
    yield postgres_server.make_database(name)
    postgres_server.drop_database(name)


@pytest.fixture
def database(archive: str) -> str:
    with psycopg.connect(archive, autocommit=True) as db:
        tables = {name for (name,) in db.execute(TABLES)} - {"schema_version"}
        db.execute(
            "; ".join(f"DELETE FROM {name}" for name in sorted(tables, key="hq_user".__eq__)).encode() or b"SELECT 1"
        )
    return archive


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def site(database: str, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Site]:
    async with page_site(database, tmp_path, clock) as running:
        yield running
