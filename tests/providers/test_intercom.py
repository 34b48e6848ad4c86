"""Intercom: finding or making the contact before the message."""

from typing import Any

import pytest

from daemon.channels.base import InboundRefused
from outbox.outcome import Accepted, Deferred, Rejected, Scope
from tests.conformance.cases.intercom import CONTACT, ROW, error, posted
from tests.support.at_vendor import bench
from tests.support.channel_case import EMAIL, NOW, Answer, says

NOBODY = says({"type": "list", "data": []})
SEARCH, CREATE, FIND = r"POST .*/contacts/search", r"POST .*/contacts$", r"GET .*find_by_external_id"
KNOWN = {"intercom": "cust-77", "email": "ada@example.com", "phone": "+447700900123"}


async def test_a_contact_is_found_by_its_address() -> None:
    async with bench("intercom") as at:
        assert await at.channel.send(at.out()) == Accepted("19")
        assert at.lines() == ["POST /contacts/search", "POST /messages"]
        assert at.body(SEARCH)["query"] == {"field": "email", "operator": "=", "value": "ada@example.com"}
        assert at.body("messages")["to"] == {"type": "user", "id": CONTACT}


async def test_who_is_not_there_is_made_once_all_ways_to_find_them_failed() -> None:
    async with bench("intercom", {SEARCH: NOBODY, FIND: Answer(404)}) as at:
        await at.channel.send(at.out(addresses=KNOWN))
        assert at.lines() == [
            "GET /contacts/find_by_external_id/cust-77",
            "POST /contacts/search",
            "POST /contacts/search",
            "POST /contacts",
            "POST /messages",
        ]
        assert at.body(CREATE) == {
            "role": "user",
            "external_id": "cust-77",
            "name": "Ada",
            "email": "ada@example.com",
            "phone": "+447700900123",
        }


async def test_a_contact_s_own_id_needs_no_search() -> None:
    async with bench("intercom") as at:
        await at.channel.send(at.out(addresses={"intercom": CONTACT}))
        assert at.lines() == ["POST /messages"]


async def test_a_merged_contact_is_followed() -> None:
    merged = Answer(410, b"{}", {"Link": f'<https://api.intercom.io/contacts/{CONTACT}>; rel="contact"'})
    async with bench("intercom", {FIND: merged}) as at:
        assert isinstance(await at.channel.send(at.out(addresses={"intercom": "cust-77"})), Accepted)
        assert at.body("messages")["to"]["id"] == CONTACT


async def test_a_contact_known_by_its_own_id_is_followed_when_it_was_merged() -> None:
    link = {"Link": f'<https://api.intercom.io/contacts/{CONTACT}>; rel="contact"'}
    async with bench("intercom") as at:
        is_new = CONTACT.encode()

        class Merged(dict[str, Answer]):
            """Who writes to the old id is told of the new one."""

            def items(self) -> Any:
                new = is_new in at.vendor.seen[-1].body
                return {"/messages": says({"id": "19"}) if new else Answer(410, b"{}", link)}.items()

        at.vendor.steps = Merged()
        assert await at.channel.send(at.out(addresses={"intercom": "1" * 24})) == Accepted("19")
        assert at.body("messages")["to"]["id"] == CONTACT


async def test_made_by_somebody_else_meanwhile() -> None:
    conflict = says(
        {"errors": [{"code": "conflict", "message": f"A contact matching those details exists, id={CONTACT}"}]}, 409
    )
    async with bench("intercom", {SEARCH: NOBODY, CREATE: conflict}) as at:
        assert isinstance(await at.channel.send(at.out()), Accepted)
        assert at.body("messages")["to"]["id"] == CONTACT
    unnamed = says({"errors": [{"code": "conflict", "message": "exists"}]}, 409)
    async with bench("intercom", {SEARCH: NOBODY, CREATE: unnamed}) as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Deferred)
    assert outcome.after == 15


async def test_a_contact_made_a_moment_ago_may_not_be_ready_yet() -> None:
    missing = {r"POST .*/messages": error("not_found", "User Not Found")}
    fresh = says({"data": [{**ROW, "created_at": NOW // 1000 - 20}]})
    async with bench("intercom", {**missing, SEARCH: fresh}) as at:
        assert isinstance(await at.channel.send(at.out()), Deferred)
    async with bench("intercom", {**missing, SEARCH: NOBODY}) as at:
        assert isinstance(await at.channel.send(at.out()), Deferred)
    async with bench("intercom", missing) as at:
        outcome = await at.channel.send(at.out())
    assert isinstance(outcome, Rejected)
    assert outcome.scope is Scope.RECIPIENT


async def test_mail_is_not_sent_to_who_will_not_have_it() -> None:
    for mark, opted_out in [
        ("unsubscribed_from_emails", True),
        ("has_hard_bounced", False),
        ("marked_email_as_spam", False),
    ]:
        async with bench("intercom", {SEARCH: says({"data": [{**ROW, mark: True}]})}, kind="email") as at:
            outcome = await at.channel.send(at.out())
            assert at.lines() == ["POST /contacts/search"]
        assert isinstance(outcome, Rejected)
        assert (outcome.code, outcome.opted_out) == (mark, opted_out)


async def test_who_is_mailed_by_their_own_id_is_asked_about_first() -> None:
    silent = says({**ROW, "unsubscribed_from_emails": True})
    async with bench("intercom", {rf"GET .*/contacts/{CONTACT}$": silent}, kind="email") as at:
        outcome = await at.channel.send(at.out(addresses={"intercom": CONTACT}))
        assert at.lines() == [f"GET /contacts/{CONTACT}"]
    assert isinstance(outcome, Rejected)
    assert outcome.opted_out


async def test_what_intercom_mails_heeds_who_wants_no_mail() -> None:
    async with bench("intercom", kind="email") as at:
        assert (at.channel.heeds, at.channel.address_of(KNOWN)) == (("email",), KNOWN["email"])
    async with bench("intercom") as at:
        assert (at.channel.heeds, at.channel.address_of(KNOWN)) == ((), KNOWN["intercom"])


async def test_a_stop_holds_for_every_name_that_an_order_may_know_its_writer_by() -> None:
    """The shop had given its own id, which the message goes to; the mail address was silenced, and the next message went out."""
    part = {"id": "9", "body": "<p>Stop</p>", "author": {"type": "user", "id": CONTACT, "email": EMAIL}}
    contacts = {"contacts": [{"type": "contact", "id": CONTACT, "external_id": "cust-77"}, {"id": "1" * 24}]}
    item = {"contacts": contacts, "conversation_parts": {"conversation_parts": [part]}}
    async with bench("intercom") as at:
        replies = at.channel.receive(posted("conversation.user.replied", item)).replies
    assert [(reply.address, reply.text, reply.consent) for reply in replies] == [
        (EMAIL, "Stop", None),
        (CONTACT, "", "stop"),
        ("cust-77", "", "stop"),
    ]
    assert len({reply.id for reply in replies}) == 3


async def test_a_stop_holds_for_whom_an_order_knows_by_their_number_alone() -> None:
    part = {"id": "9", "body": "<p>Stop</p>", "author": {"type": "user", "id": CONTACT}}
    item = {"conversation_parts": {"conversation_parts": [part]}}
    known, own = says({**ROW, "phone": "+44 7700 900123"}), rf"GET .*/contacts/{CONTACT}$"
    async with bench("intercom", {own: known}) as at:
        replies = (await at.channel.believed(at.channel.receive(posted("conversation.user.replied", item)))).replies
    assert [(reply.address, reply.consent) for reply in replies] == [(CONTACT, None), ("+447700900123", "stop")]
    async with bench("intercom", {own: Answer(403)}) as at:
        said = at.channel.receive(posted("conversation.user.replied", item))
        assert await at.channel.believed(said) == said
    for unread in (Answer(503), Answer(200, b'{"id": "667d61'), Answer(200, b"<html>Log in"), Answer(302)):
        async with bench("intercom", {own: unread}) as at:
            with pytest.raises(InboundRefused, match="sent again"):
                await at.channel.believed(at.channel.receive(posted("conversation.user.replied", item)))
    async with bench("intercom") as at:
        said = at.channel.receive(posted("conversation.user.replied", {"source": {**part, "body": "Thanks!"}}))
        assert (await at.channel.believed(said), at.lines()) == (said, [])


async def test_a_customer_who_writes_what_no_page_could_show_is_heard() -> None:
    """They want their replies to end the call: a character by a number of 5000 digits is more than Python reads."""
    written = f"&#{'9' * 5000}; &amp; stop"
    part = {"id": "9", "body": f"<p>{written}</p>", "author": {"type": "user", "id": CONTACT}}
    async with bench("intercom") as at:
        (reply,) = at.channel.receive(posted("conversation.user.replied", {"source": part})).replies
    assert reply.text == written


@pytest.mark.parametrize("how", ["merged", "made meanwhile"])
async def test_who_unsubscribed_under_another_id_is_not_mailed(how: str) -> None:
    merged = Answer(410, b"{}", {"Link": f'<https://api.intercom.io/contacts/{CONTACT}>; rel="contact"'})
    taken = says({"errors": [{"code": "conflict", "message": f"A contact exists, id={CONTACT}"}]}, 409)
    steps = {FIND: merged} if how == "merged" else {FIND: Answer(404), SEARCH: NOBODY, CREATE: taken}
    own = {rf"GET .*/contacts/{CONTACT}$": says({**ROW, "unsubscribed_from_emails": True})}
    async with bench("intercom", {**steps, **own}, kind="email") as at:
        outcome = await at.channel.send(at.out(addresses=KNOWN))
        assert "POST /messages" not in at.lines()
    assert isinstance(outcome, Rejected)
    assert outcome.opted_out


async def test_a_text_is_no_html() -> None:
    async with bench("intercom") as at:
        out = at.out()
        await at.channel.send(at.out(rendered=type(out.rendered)("<b>5 & 6</b>\nsecond")))
        assert at.body("messages")["body"] == "&lt;b&gt;5 &amp; 6&lt;/b&gt;<br>second"


async def test_a_user_is_preferred_to_a_lead_of_the_same_address() -> None:
    rows = [{"id": "1" * 24, "role": "lead", "created_at": 1}, {**ROW, "id": "2" * 24}]
    async with bench("intercom", {SEARCH: says({"data": rows})}) as at:
        await at.channel.send(at.out())
        assert at.body("messages")["to"] == {"type": "user", "id": "2" * 24}
