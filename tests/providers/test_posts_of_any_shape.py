"""A post whose signature holds may still have any shape: it is read or refused, and is never an exception of ours."""

from collections.abc import Callable
from typing import Any

import pytest

from daemon.channels.base import InboundRequest, Refused
from tests.conformance.cases import hubspot, intercom, messenger, pusher, whatsapp
from tests.support.at_vendor import bench
from tests.support.channel_case import NOW
from tests.support.mutants import mutants

Sign = Callable[[Any], InboundRequest]

POSTS: dict[str, list[tuple[Sign, Any]]] = {
    "whatsapp": [
        (
            lambda value: whatsapp.posted(value if isinstance(value, dict) else {"statuses": value}),
            {
                **whatsapp.status("failed", errors=[{"code": 131026, "title": "t", "error_data": {"details": "d"}}]),
                "messages": [whatsapp.MESSAGE, {"from": "1", "button": {"text": "STOP"}}],
                "user_preferences": [{"wa_id": "1", "value": "stop", "timestamp": NOW}],
            },
        )
    ],
    "messenger": [
        (
            lambda row: messenger.posted(row if isinstance(row, dict) else {"message": row}),
            {**messenger.DELIVERY, "message": {"mid": "m", "text": "x"}, "sender": {"id": "1"}},
        )
    ],
    "intercom": [
        (lambda item: intercom.posted("conversation.user.replied", item), intercom.REPLIED),
        (lambda item: intercom.posted("contact.unsubscribed", item), {"email": "ada@example.com"}),
    ],
    "pusher": [(pusher.posted, [pusher.CONFIRMED])],
    "hubspot": [(hubspot.posted, [hubspot.TOLD])],
}


@pytest.mark.parametrize("name", POSTS)
async def test_posts_of_any_shape(name: str) -> None:
    inbound, refusals = [], []
    async with bench(name) as at:
        for sign, body in POSTS[name]:
            for mutant in mutants(body):
                try:
                    inbound.append(at.channel.receive(sign(mutant)))
                except Refused as refused:
                    refusals.append(refused.status)
                except Exception as error:
                    error.add_note(repr(mutant))
                    raise
    assert set(refusals) <= {400}, "the signature holds"
    assert all(reply.address for got in inbound for reply in got.replies)
    assert all(update.provider_id or update.reference for got in inbound for update in got.receipts)
    assert any(got.receipts or got.replies for got in inbound)
