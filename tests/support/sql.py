"""SQL of a test's own, on one connection that is kept: one for each statement would cost more than the statement, and most are asked
again and again until something stands there."""

from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool


class Sql:
    def __init__(self) -> None:
        self._dsn = ""
        self._db: psycopg.AsyncConnection[Any] | None = None

    async def run(self, dsn: str, text: str, values: tuple[object, ...]) -> list[Any]:
        """The rows, if it has any. Raises psycopg.Error, also while that server is away."""
        cursor = await (await self._connected(dsn)).execute(text.encode(), values)
        return await cursor.fetchall() if cursor.description else []

    async def _connected(self, dsn: str) -> "psycopg.AsyncConnection[Any]":
        """A server that was started anew, or another, has another connection."""
        if self._db is not None and dsn == self._dsn:
            try:
                await AsyncConnectionPool.check_connection(self._db)
            except psycopg.OperationalError:
                pass
            else:
                return self._db
        await self.close()
        self._db = await psycopg.AsyncConnection.connect(dsn, autocommit=True, prepare_threshold=None)
        self._dsn = dsn
        return self._db

    async def close(self) -> None:
        if self._db is not None:
            await self._db.close()
            self._db = None
