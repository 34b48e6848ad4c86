"""The verbs with the service stopped: they open the database themselves, or say that it must run."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cli.conftest import Tether, of
from tests.support.shop import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_is_done_to_a_stopped_service_is_there_when_it_starts(
    tether_alone: Tether, stopped_shop: Shop
) -> None:
    tether = tether_alone
    made = await tether("token", "new", "till-1", "--scope", "events", "--json")
    assert (made.code, made.json["name"]) == (0, "till-1")
    assert (
        await tether("event", "order.ready", "--order", "B-1", "--name", "Ada", "--phone", "07700 900123")
    ).code == 0
    assert (await tether("optout", "add", "+447700900999")).code == 0
    assert (await tether("orders", "hold", "B-1")).code == 0
    assert [row["state"] for row in (await tether("messages", "--json")).json] == ["held"]
    assert (await tether("orders", "show", "B-1")).code == 0
    assert (await tether("audit", "verify")).code == 0
    assert (await tether("templates", "preview", "order.ready")).code == 0
    status = await tether("status", "--json")
    assert (status.code, status.json["running"]) == (1, False)
    assert stopped_shop.sandbox.messages == []
    assert (await tether("orders", "release", "B-1")).code == 0

    await stopped_shop.start()
    [message] = await stopped_shop.until({"sent", "delivered"})
    assert message["order_ref"] == "B-1"
    assert await stopped_shop.stop() == 0


async def test_nothing_is_on_its_way_nor_watched_before_it_starts(tether_alone: Tether, stopped_shop: Shop) -> None:
    assert (await tether_alone("event", "order.ready", "--order", "B-7", "--phone", "07700 900123")).code == 0
    sent = await tether_alone("send", "B-7", "--text", "The side door is open.")
    assert sent.out == "it goes out once the service runs; see it with: tether messages --order B-7\n"
    assert (await tether_alone("channels")).out.startswith("line not watched: the service is stopped\n")


@pytest.mark.parametrize("words", [("reload",), ("uplink", "down")], ids="-".join)
async def test_what_needs_a_running_service_says_so(tether_alone: Tether, words: tuple[str, ...]) -> None:
    done = await tether_alone(*words)
    assert done.code == 1
    assert "the service is not running" in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[store]\nnam = "x"\n', "store.nam: no such key; did you mean 'name'?"),
        ('[store]\ntimezone = "Europe/Lundon"\n', "store.timezone"),
        ("[store\n", "tether.toml"),
        ('[channels.pigeon]\nfrom = "x"\n', "channels.pigeon: no such channel"),
        ('[[route]]\non = "order.ready"\nto = "customer"\nvia = ["pigeon"]\n', "pigeon"),
        ('[data]\nretention = "long"\n', "data.retention"),
    ],
)
async def test_a_configuration_that_cannot_be_used_ends_with_78(
    tether_alone: Tether, stopped_shop: Shop, text: str, said: str
) -> None:
    whole = stopped_shop.config.read_text()
    stopped_shop.config.write_text(text)
    try:
        done = await tether_alone("run")
    finally:
        stopped_shop.config.write_text(whole)
    assert done.code == 78, done
    assert said in done.err
    assert "Traceback" not in done.err


async def test_the_release_is_told(tether_alone: Tether) -> None:
    done = await tether_alone("--version")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"tether {version('tether-box')} (Python ")


async def test_no_verb_shows_the_help_once(tether_alone: Tether) -> None:
    done = await tether_alone()
    assert done.code == 2
    assert (done.out + done.err).count("Start with `tether demo`") == 1


def gone(database: Path) -> None:
    database.unlink()


def empty(database: Path) -> None:
    database.write_bytes(b"")


def log_of_noise(database: Path) -> None:
    database.with_name(database.name + "-wal").write_bytes(b"noise" * 2000)


@pytest.mark.parametrize("spoil", [gone, empty, log_of_noise])
@pytest.mark.parametrize("words", [("status",), ("optout", "list"), ("doctor", "--offline")], ids=" ".join)
async def test_no_command_begins_anew_in_silence_what_was_lost(
    tmp_path: Path, spoil: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    """A status of zeros, and opt-outs gone for good: the next start found a sound database, and said nothing."""
    async with open_shop(tmp_path) as shop:
        shop.configure(["twilio"])
        tether = of(shop)
        assert (await tether("optout", "add", "+447700900999")).code == 0
        spoil(tmp_path / "tether.db")
        files = ("tether.db", "tether.db-wal")
        before = {name: (tmp_path / name).read_bytes() for name in files if (tmp_path / name).exists()}
        done = await tether(*words)
        assert done.code == 1, done
        assert "start the service" in done.out + done.err, done
        assert {name: (tmp_path / name).read_bytes() for name in files if (tmp_path / name).exists()} == before
        await shop.start()
        [trouble] = [each for each in (await shop.get("/v1/status"))["trouble"] if each["what"] == "database"]
        assert "the database was" in trouble["why"]
