"""A record that breaks off must not look whole."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from outbox.errors import StorageDamaged
from tests.support.face import serving
from tests.support.fake_services import make_services


async def breaking(form: str, seal: object) -> AsyncIterator[bytes]:
    yield b"the first piece\n" * 5000
    raise StorageDamaged("a page can't be read")


async def test_an_export_that_breaks_off_ends_as_a_broken_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    services = make_services()
    monkeypatch.setattr(services.box.audit, "export", breaking)
    async with serving(services) as face:
        with pytest.raises(aiohttp.ClientPayloadError):
            await face.get("/v1/audit/export", as_="owner")
