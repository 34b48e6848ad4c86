"""GET /v1/fleet and its figures: how the line to headquarters stands, and that a store may be in no fleet."""

from daemon.wire.link import FleetStatus
from tests.support.face import Face
from tests.support.small_store import SmallStore


async def nearly_all_told() -> FleetStatus:
    return FleetStatus(
        store="soho", state="connected", since=1_795_515_300_000, epoch="e1", seq=10, archived=9, behind=1
    )


async def test_how_the_line_stands(face: Face, store: SmallStore) -> None:
    store.services.fleet = nearly_all_told
    answer = await face.get("/v1/fleet")
    assert answer.status == 200
    shown = answer.json
    assert (shown["joined"], shown["store"], shown["state"], shown["archived"], shown["behind"]) == (
        True,
        "soho",
        "connected",
        9,
        1,
    )
    text = (await face.get("/metrics")).body.decode()
    assert "tether_fleet_connected 1" in text
    assert "tether_fleet_behind_entries 1" in text


async def test_a_store_in_no_fleet_says_so(face: Face) -> None:
    assert (await face.get("/v1/fleet")).json["joined"] is False
    assert "tether_fleet" not in (await face.get("/metrics")).body.decode()
