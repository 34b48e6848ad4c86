"""A record that breaks off must not look whole."""

import aiohttp
import pytest

from outbox.audit import SLICE
from tests.support.face import Face, event


async def test_an_export_that_breaks_off_ends_as_a_broken_connection(face: Face) -> None:
    """An entry near the end can't be read any more: what came before it has left already."""
    await face.post("/v1/events", [event(f"e-{n}", ref=f"B-{n}") for n in range(SLICE // 2 + 1)])
    end = await face.store.box.audit.end()
    assert end is not None
    assert end.seq > SLICE
    face.store.sql(f"UPDATE audit SET detail = CAST(X'FFFE' AS TEXT) WHERE seq = {end.seq}")
    with pytest.raises(aiohttp.ClientPayloadError):
        await face.get("/v1/audit/export", as_="owner")
