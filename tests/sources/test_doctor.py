"""What the doctor says of sources: what is missing, who answers, and who can't be reached."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from daemon.appliance.checks.sources import check_sources
from daemon.appliance.examination import Examination
from daemon.appliance.finding import Finding
from daemon.config import Hook, Settings
from daemon.http import Http, Response
from outbox.outcome import Deferred
from tests.support.fake_clock import FakeClock
from tests.support.sources import FakeHttp, json_response

WOO = {"kind": "woocommerce", "url": "https://shop.example.com", "poll": "60s"}
KEYS = {"X_KEY": "ck", "X_SECRET": "cs"}


async def look(
    table: Mapping[str, Any], secrets: Mapping[str, str], answer: Any = None, **more: Any
) -> tuple[str, str, str]:
    (finding,) = await look_at({"x": table}, secrets, answer, **more)
    return finding.level.value, finding.summary, finding.remedy


async def look_at(
    tables: Mapping[str, Mapping[str, Any]], secrets: Mapping[str, str], answer: Any = None, **more: Any
) -> Sequence[Finding]:
    http = FakeHttp(lambda request: answer)
    settings = Settings(
        sources={name: dict(table) for name, table in tables.items()},
        secrets=secrets,
        file=Path("/shop/tether.toml"),
        hook=more.pop("hook", Hook()),
    )
    case = Examination(
        settings=settings,
        clock=FakeClock(),
        http=cast("Http", http),
        machine=cast("Any", None),
        running=False,
        offline=more.pop("offline", False),
        fix=False,
        ask_service=cast("Any", None),
    )
    return await check_sources(case)


async def test_two_shops_that_count_alike_are_told_of() -> None:
    """Each begins at 1001: the second's customer would be taken for the first's."""
    trade = {"kind": "shopify", "shop": "balloon-trade"}
    till = {"kind": "pos"}
    *_, found = await look_at({"web": WOO, "till": till, "trade": trade}, {}, offline=True)
    assert (found.level.value, found.check) == ("advice", "order numbers")
    assert found.summary.startswith("web and trade may give the same order numbers")
    assert "[sources.trade]" in found.remedy
    apart = await look_at({"web": WOO, "till": till, "trade": {**trade, "ref_add": "T-"}}, {}, offline=True)
    assert "order numbers" not in {finding.check for finding in apart}


@pytest.mark.parametrize(
    ("table", "secrets", "answer", "level", "words"),
    [
        (WOO, {}, None, "problem", "X_KEY and X_SECRET are missing"),
        (WOO, KEYS, json_response([]), "ok", "WooCommerce answers"),
        (WOO, KEYS, json_response({"code": "no", "message": "Sorry"}, 401), "problem", "it answered 401: no Sorry"),
        (WOO, KEYS, Response(status=200, body=b"<html>"), "problem", "a web page answered"),
        (WOO, KEYS, Deferred("its name could not be looked up"), "problem", "its name could not be looked up"),
        ({"kind": "woocommerce"}, {"X_WEBHOOK_SECRET": "s"}, None, "advice", "no address that the outside could reach"),
    ],
)
async def test_findings(table: Any, secrets: Any, answer: Any, level: str, words: str) -> None:
    found, summary, remedy = await look(table, secrets, answer)
    assert found == level
    assert words in summary
    assert bool(remedy) is (level != "ok")


async def test_what_can_be_reached_needs_no_asking_and_offline_asks_nobody() -> None:
    hook = Hook(public_url="https://relay.example.com")
    assert (await look({"kind": "shopify"}, {"X_WEBHOOK_SECRET": "s"}, hook=hook))[0] == "ok"
    assert (await look(WOO, KEYS, Deferred("must not be asked"), offline=True))[0] == "ok"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            json_response({"code": "woocommerce_rest_cannot_view"}, 401),
            "X_KEY and X_SECRET are not a pair that may read",
        ),
        (json_response({"code": "rest_no_route"}, 404), "plain_permalinks"),
        (Response(status=200, body=b"<html>"), "in a browser"),
        (Response(status=404, headers={"content-type": "text/html"}, body=b"<html>"), "plain_permalinks"),
        (json_response({}, 503), "nothing is wrong on this side"),
        (Deferred("its name could not be looked up"), "its name"),
    ],
)
async def test_the_remedy_names_the_cause(answer: Any, words: str) -> None:
    assert words in (await look(WOO, KEYS, answer))[2]


async def test_where_questions_are_signed_the_remedy_is_another() -> None:
    plain = {**WOO, "url": "http://shop.lan"}
    _, _, remedy = await look(plain, KEYS, json_response({"code": "woocommerce_rest_cannot_view"}, 401))
    assert "as the shop knows itself" in remedy
