"""A post whose signature holds may still have any shape: it is read or refused, and is never an exception of ours."""

import pytest

from daemon.channels.base import InboundRefused
from tests.support.at_vendor import bench
from tests.support.channel_cases import CASES
from tests.support.mutants import mutants


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.shapes])
async def test_posts_of_any_shape(name: str) -> None:
    inbound, refusals = [], []
    async with bench(name) as at:
        for sign, body in at.case.shapes:
            for mutant in mutants(body):
                try:
                    inbound.append(at.channel.receive(sign(mutant)))
                except InboundRefused as refused:
                    refusals.append(refused.status)
                except Exception as error:
                    error.add_note(repr(mutant))
                    raise
    assert set(refusals) <= {400}, "the signature holds"
    assert all(reply.address for got in inbound for reply in got.replies)
    assert all(update.provider_id or update.reference for got in inbound for update in got.receipts)
    assert any(got.receipts or got.replies for got in inbound)
