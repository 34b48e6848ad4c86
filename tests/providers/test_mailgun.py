"""Mailgun: what became of a mail is found however much else goes by the same domain."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from outbox.outcome import Found, ReceiptState
from tests.conformance.cases.mailgun import ID, event, listed, posted
from tests.support.at_vendor import Bench, bench
from tests.support.channel_case import EMAIL, Answer, says, sent

PAGE = 300


class Events(dict[str, Answer]):
    """A domain's events: the shop's newsletter goes by it too. A page is what Mailgun gives at once."""

    def __init__(self, at: Bench, ids: list[str]) -> None:
        super().__init__()
        self.at = at
        newsletter = [self.delivered(f"news-{n}@mg.example.com") for n in range(PAGE)]
        self.events = [*newsletter, *(self.delivered(id) for id in ids)]

    def delivered(self, id: str) -> dict[str, Any]:
        return {**event("delivered"), "message": {"headers": {"message-id": id}}}

    def items(self) -> Any:
        wanted = dict(parse_qsl(self.at.vendor.seen[-1].query)).get("message-id")
        found = [each for each in self.events if wanted in (None, each["message"]["headers"]["message-id"])]
        return {".": Answer(200, json.dumps({"items": found[:PAGE], "paging": {}}))}.items()


async def test_a_mail_is_found_among_all_that_a_newsletter_leaves() -> None:
    ids = ["m1.1@mg.example.com", "m2.1@mg.example.com"]
    async with bench("mailgun") as at:
        at.vendor.steps = Events(at, ids)
        plan, out = at.channel.poll, at.out()
        assert plan is not None
        waiting = [sent(out, id, channel="mailgun") for id in ids]
        found = []
        for start in range(0, len(waiting), plan.batch):
            found += await at.channel.receipts(waiting[start : start + plan.batch])
    assert [(update.provider_id, update.state) for update in found] == [(id, ReceiptState.DELIVERED) for id in ids]


@pytest.mark.parametrize("recipient", ["ada@xn--bcher-kva.example", "Ada@Bücher.example"])
async def test_a_mail_to_a_host_that_is_not_ascii_is_found(recipient: str) -> None:
    """Mailgun sends to its ASCII form (https://documentation.mailgun.com/docs/mailgun/user-manual/internationalization/): the mail counted as
    another store's, and went out once more."""
    became = listed(event("accepted", recipient=recipient), event("delivered", recipient=recipient))
    async with bench("mailgun", {"/events": became}) as at:
        mail = sent(at.out(to="ada@bücher.example"), ID, channel="mailgun", after=3600)
        assert await at.channel.lookup(mail) == Found(ID, ReceiptState.DELIVERED)
        assert [update.state for update in await at.channel.receipts([mail]) or ()] == [ReceiptState.DELIVERED]


async def test_who_opens_an_old_mail_is_not_silenced_anew() -> None:
    """They had enough once, and asked at the counter to be told again."""
    became = listed(event("delivered"), event("unsubscribed"), event("opened"))
    steps = {"/events": became, "/unsubscribes/": says({"address": EMAIL, "tags": ["*"]})}
    async with bench("mailgun", steps) as at:
        opened = await at.channel.believed(at.channel.receive(posted(event("opened"))))
        assert ReceiptState.READ in [update.state for update in opened.receipts]
        assert not any(update.opted_out for update in opened.receipts)
        left = await at.channel.believed(at.channel.receive(posted(event("unsubscribed"))))
        assert any(update.opted_out for update in left.receipts)


@pytest.mark.parametrize(("tags", "silenced"), [(["newsletter"], False), (["newsletter", "*"], True), ([], True)])
async def test_who_has_enough_of_the_newsletter_waits_for_word_on_an_order(tags: list[str], silenced: bool) -> None:
    steps = {
        "/events": listed(),
        "/complaints/": Answer(404, "{}"),
        "/unsubscribes/": says({"address": EMAIL, "tags": tags}),
    }
    async with bench("mailgun", steps) as at:
        told = await at.channel.believed(at.channel.receive(posted(event("unsubscribed"))))
    assert [reply.address for reply in told.replies] == [EMAIL] * silenced
