"""Headquarters' API against those who may not use it, and those who may use it only so far."""

import hashlib

import aiohttp
import pytest

from daemon.hq.stores import add_token
from tests.support.hq_page import Site

pytestmark = pytest.mark.engines


async def test_what_the_api_is_asked_by_somebody_who_means_ill(site: Site) -> None:
    """Whoever has a token wants more rows than the API gives at once; whoever has none wants errors that say what runs here."""
    async with site.services.pool.connection() as db:
        await add_token(db, 0, "grafana", hashlib.sha256(b"hq_x").digest(), ["read"], actor="maria")
    async with aiohttp.ClientSession(site.url) as http:

        async def status(path: str, token: bytes = b"hq_x") -> int:
            headers = {"Authorization": f"Bearer {token.decode('utf-8', 'surrogateescape')}"}
            async with http.get(path, headers=headers) as answer:
                return answer.status

        assert await status("/v1/messages?limit=500") == 200
        assert await status("/v1/messages?limit=0000010000000") == 422
        assert await status("/v1/messages?limit=" + "9" * 5000) == 422
        assert await status("/v1/messages?store=%00") == 422
        assert await status("/v1/orders/%00") == 422
        assert await status("/v1/stores", token=b"\xff\xfe") == 401
        async with http.post("/v1/join", data=b'{"x":' + b"[" * 16_000) as answer:
            assert answer.status == 422
