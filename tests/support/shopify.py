"""Shopify's samples as tests change them, and a front that is shown one."""

from typing import Any

import msgspec

from tests.support.shared import shared
from tests.support.sources import Shopfront, json_response

SECRETS = {"WEBSHOP_WEBHOOK_SECRET": "shpss_secret", "WEBSHOP_ACCESS_TOKEN": "shpat_permanent"}
ORDER = "5678901234567"


def sample(name: str) -> bytes:
    return shared(f"samples/shopify-{name}.json").read_bytes()


def nodes(*changes: dict[str, Any]) -> dict[str, Any]:
    """The sample's answer, with its one order changed in each of these ways."""
    answer = msgspec.json.decode(sample("graphql-orders-response"))
    (node,) = answer["data"]["orders"]["nodes"]
    answer["data"]["orders"]["nodes"] = [{**node, **change} for change in changes]
    return answer  # type: ignore[no-any-return]


async def both(front: Shopfront, answer: dict[str, Any]) -> None:
    front.http.answer = lambda request: json_response(answer)
    await front.poll()
