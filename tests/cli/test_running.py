"""The verbs as processes, on a running service: what they print, and the code they end with."""

import asyncio
import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cli.conftest import Done, Tether
from tests.support.shop import Shop

pytestmark = pytest.mark.asyncio(loop_scope="module")


def posted(number: int | str, **customer: Any) -> tuple[str, ...]:
    wish = {"name": "Ada", "phone": "07700 900123", **customer}
    return (
        "event", "order.ready", "--order", f"B-{number}", "--id", f"cli-{number}",
        *(word for key, value in wish.items() for word in (f"--{key}", value)),
    )  # fmt: skip


async def settled(tether: Tether, order: str) -> list[dict[str, Any]]:
    """An order's messages, once none of them waits."""
    deadline = time.monotonic() + 20
    while True:
        rows: list[dict[str, Any]] = (await tether("messages", "--order", order, "--json")).json
        if rows and all(row["state"] not in ("queued", "sending") for row in rows):
            return rows
        assert time.monotonic() < deadline, rows
        await asyncio.sleep(0.1)


async def taken(tether: Tether, *words: str, stdin: str | None = None) -> Done:
    done = await tether(*words, stdin=stdin)
    assert done.code == 0, done
    return done


async def test_an_event_is_taken_once_and_told(tether: Tether, shop: Shop) -> None:
    assert (await taken(tether, *posted(1))).out == "taken: cli-1\n"
    assert (await taken(tether, *posted(1))).out == "had been taken before: cli-1\n"
    again = await tether(*posted(1, name="Bo"))
    assert again.code == 1
    assert "cli-1" in again.err
    [message] = await settled(tether, "B-1")
    assert message["channel"] == "twilio"
    assert any("B-1)" in arrival.text for arrival in shop.sandbox.messages)


async def test_events_from_a_file_and_from_standard_input(tether: Tether, tmp_path: Path) -> None:
    one = {"id": "file-1", "type": "order.placed", "order": {"ref": "B-2"}}
    file = tmp_path / "event.json"
    file.write_text(json.dumps(one))
    assert (await taken(tether, "event", "--file", str(file))).out == "taken: file-1\n"
    several = [{**one, "id": "file-2"}, {"id": "file-3", "type": "Not A Type", "order": {"ref": "B-2"}}]
    done = await tether("event", "--file", "-", stdin=json.dumps(several))
    assert (done.code, done.out) == (1, "taken: file-2\n")
    assert "item 1: type" in done.err
    as_json = await tether("event", "--file", "-", "--json", stdin=json.dumps(several))
    assert as_json.code == 1
    assert [item["status"] for item in as_json.json["items"]] == [200, 422]
    done = await tether("event", "--file", "-", stdin=json.dumps(several[1:]))
    assert (done.code, done.out) == (1, "")
    assert "item 0: type" in done.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("event", "order.ready"), 2, "--order, or --file"),
        (("event", "--file", "/nowhere/e.json"), 1, "/nowhere/e.json: No such file"),
        (("event", "Order Ready", "--order", "B-1"), 1, 'like "order.ready"'),
        (("orders", "show", "B-404"), 1, "no order 'B-404' is known"),
        (("orders", "--stage", "lost"), 2, "'to_confirm'"),
        (("messages", "m404"), 1, "m404"),
        (("messages", "--state", "lost"), 2, "'queued'"),
        (("retry", "m404"), 1, "m404"),
        (("cancel", "m404"), 1, "m404"),
        (("send", "B-1"), 2, "--text, --template"),
        (("send", "B-1", "Which colour?"), 2, "Example: tether send B-1042 --text"),
        (("event", "order.ready", "B-1"), 2, "Example: tether event order.ready --order B-1042"),
        (("event", "order.ready", "--order", "B-1", "--promised", "tomorrow"), 1, '"2026-11-24T12:00:00Z"'),
        (("orders", "B-404"), 1, "no order 'B-404' is known"),
        (("send", "B-404", "--text", "hi"), 1, "no order 'B-404' is known"),
        (("channels", "test", "pigeon"), 1, "enabled are: twilio"),
        (("channels", "pause", "pigeon"), 1, "enabled are: twilio"),
        (("channels", "test", "twillio"), 1, "did you mean 'twilio'?"),
        (("channels", "resume", "twillio"), 1, "did you mean 'twilio'?"),
        (("messages", "--channel", "twillio"), 1, "did you mean 'twilio'?"),
        (("templates", "preview", "order.redy"), 1, "did you mean 'order.ready'? Or write it as"),
        (("send", "B-1", "--template", "order.redy"), 1, "there is no text 'order.redy'; did you mean 'order.ready'?"),
        (("uplink", "sideways"), 2, "'auto'"),
        (("token", "new", "till", "--scope", "all"), 2, "'events'"),
        (("token", "revoke", "nobody"), 1, "'nobody'"),
        (("optout", "add", "hello", "--medium", "sms"), 1, "phone number"),
        (("optout", "remove", "07700 900999"), 1, "no such opt-out"),
        (("templates", "preview", "no.such"), 1, "write it as"),
        (("audit", "export", "--output", "/nowhere/a.csv"), 1, "--output"),
        (("audit", "export", "--format", "xml"), 2, "'csv'"),
        (("status", "--config", "/nowhere/tether.toml"), 78, "tether init"),
        (("replay", "--since", "999999d"), 1, "before the calendar begins"),
        (("frobnicate",), 2, "frobnicate"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else None,
)
async def test_what_goes_wrong_is_explained(tether: Tether, words: tuple[str, ...], code: int, said: str) -> None:
    done = await tether(*words)
    assert done.code == code, done
    assert said in done.err
    assert "Traceback" not in done.err


async def test_a_type_that_nearly_is_one_is_doubted(tether: Tether) -> None:
    abroad = await taken(
        tether, "event", "order.ready", "--order", "B-9", "--phone", "+33612345678", "--id", "abroad-1"
    )
    assert abroad.out == "taken: abroad-1\n"
    assert "nothing goes to customer: the number is one of FR" in abroad.err
    nearly = await taken(tether, "event", "order.redy", "--order", "B-8")
    assert "did you mean 'order.ready'?" in nearly.err


async def test_what_the_service_warns_of_is_passed_on(tether: Tether) -> None:
    """Whoever tried a type that no route names read "taken", and nobody heard of it."""
    done = await taken(tether, "event", "order.gift_wrapped", "--order", "B-8", "--id", "gift-1")
    assert (done.out, done.err) == (
        "taken: gift-1\n",
        "tether: no route names 'order.gift_wrapped', so nobody hears of it\n",
    )
    several = [{"id": f"gift-{n}", "type": "order.gift_wrapped", "order": {"ref": "B-8"}} for n in (2, 3)]
    done = await taken(tether, "event", "--file", "-", stdin=json.dumps(several))
    assert "item 1: no route names 'order.gift_wrapped'" in done.err


async def test_a_token_for_a_type_that_nearly_is_one_is_doubted(tether: Tether) -> None:
    misspelt = await taken(
        tether, "token", "new", "till-6", "--scope", "events", "--type", "order.redy", "--type", "stock.*"
    )
    assert misspelt.err.count("did you mean") == 1
    assert "did you mean 'order.ready'?" in misspelt.err
    await taken(tether, "token", "revoke", "till-6")


async def test_a_token_works_at_once_and_no_longer_when_revoked(tether: Tether, shop: Shop) -> None:
    secret = (await taken(tether, "token", "new", "till-7", "--scope", "events", "--scope", "read")).out.strip()
    event = {"id": "t-1", "type": "order.ready", "order": {"ref": "B-3"}}

    async def post() -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{shop.url}/v1/events", json=event, headers=headers) as answer,
        ):
            return answer.status

    assert await post() == 202
    assert [row["scopes"] for row in (await taken(tether, "token", "list", "--json")).json] == [["events", "read"]]
    assert secret not in (await taken(tether, "token", "list")).out
    await taken(tether, "token", "revoke", "till-7")
    assert await post() == 401


async def test_orders_and_one_orders_story(tether: Tether) -> None:
    day = ("--promised", "2026-11-25T00:00:00Z")
    await taken(tether, *posted(4, name="Grace", email="grace@example.com"), *day)
    await settled(tether, "B-4")
    listed = (await taken(tether, "orders")).out
    assert "B-4" in listed
    assert "2026-11-25" in listed
    assert "2026-11-25 00:00" not in listed, "it is promised for the day"
    assert any(row["ref"] == "B-4" for row in (await taken(tether, "orders", "--json", "--stage", "ready")).json)
    story = (await taken(tether, "orders", "show", "B-4")).out
    assert "Grace" in story
    assert "promised  2026-11-25 " in story
    assert "order.ready" in story
    assert "are ready to collect" in story
    assert "07700 900123" not in story
    assert (await taken(tether, "orders", "show", "B-4", "--json")).json["ref"] == "B-4"
    shown = (await taken(tether, "orders", "B-4")).out
    assert shown.splitlines()[0] == story.splitlines()[0], "without `show` too, whatever receipts came meanwhile"
    assert "event.accepted" not in story, "the event itself stands there already"
    await taken(tether, "orders", "status", "B-4", "order.completed", "--silent", "--note", "came by bike")
    assert "came by bike" in (await taken(tether, "orders", "show", "B-4")).out


async def test_a_held_order_waits_until_it_is_released(tether: Tether) -> None:
    await taken(tether, "event", "order.placed", "--order", "B-5")
    await settled(tether, "B-5")
    await taken(tether, "orders", "hold", "B-5", "--reason", "customer on the phone")
    await taken(tether, *posted(5))
    held = (await taken(tether, "messages", "--order", "B-5", "--state", "held", "--json")).json
    assert [row["order_ref"] for row in held] == ["B-5"]
    await taken(tether, "cancel", held[0]["id"], "--reason", "told by phone")
    assert (await taken(tether, "messages", held[0]["id"], "--json")).json["state"] == "cancelled"
    await taken(tether, "orders", "release", "B-5")
    await taken(tether, "retry", held[0]["id"], "--channel", "twilio")
    assert (await settled(tether, "B-5"))[0]["state"] in ("sent", "delivered")
    one = (await taken(tether, "messages", held[0]["id"])).out
    assert "are ready to collect" in one, "what was sent is shown"


async def test_writing_by_hand(tether: Tether, shop: Shop) -> None:
    await taken(tether, *posted(6))
    await taken(tether, "send", "B-6", "--text", "Your balloons wait at the side door.", "--via", "twilio")
    await settled(tether, "B-6")
    assert "Your balloons wait at the side door." in [arrival.text for arrival in shop.sandbox.messages]
    await taken(tether, "send", "B-6", "--template", "staff.question", "--text", "Which gold?", "--via", "twilio")
    await settled(tether, "B-6")
    asked = [arrival.text for arrival in shop.sandbox.messages if "Which gold?" in arrival.text]
    assert asked
    assert asked[0] != "Which gold?", "the template stands around it"
    await taken(tether, "event", "order.placed", "--order", "B-61", "--name", "Ada")
    nobody = await tether("send", "B-61", "--text", "Come at four.")
    assert (nobody.code, nobody.out) == (1, ""), "it is not on its way"
    assert "nothing goes to customer: no phone number" in nobody.err
    wrong = await tether("send", "B-6", "--text", "hi", "--via", "pigeon")
    assert wrong.code == 1
    assert wrong.err.count("pigeon") == 1, "said once"


async def test_channels(tether: Tether, shop: Shop) -> None:
    listed = (await taken(tether, "channels", "--json")).json
    assert {row["name"] for row in listed["items"]} == {"twilio", "sendgrid", "slack"}
    await taken(tether, "channels", "test", "twilio")
    await taken(tether, "channels", "test", "twilio", "--to", "07700 900123", "--json")
    assert any("this is a test" in arrival.text for arrival in shop.sandbox.messages)
    await taken(tether, "channels", "pause", "twilio", "--reason", "bill not paid")
    assert "bill not paid" in (await taken(tether, "channels")).out
    assert "bill not paid" in (await tether("status")).out
    assert (await taken(tether, "channels", "resume", "twilio", "--json")).json["state"] == "ready"
    assert "bill not paid" not in (await taken(tether, "channels")).out
    await taken(tether, "uplink", "down")
    assert (await taken(tether, "channels")).out.startswith("line down")
    assert "(set by hand: `tether uplink auto` takes that back)" in (await taken(tether, "channels")).out
    assert "(set by hand: `tether uplink auto` takes that back)" in (await tether("status")).out
    await taken(tether, "uplink", "auto")


async def test_opting_out(tether: Tether, shop: Shop) -> None:
    await taken(tether, "optout", "add", "07700 900456", "--medium", "sms", "--reason", "said so at the counter")
    listed = (await taken(tether, "optout", "list")).out
    assert "said so at the counter" in listed
    assert "900456" not in listed
    await taken(tether, *posted(7, phone="07700 900456"))
    assert (await settled(tether, "B-7"))[0]["state"] == "suppressed"
    await taken(tether, "optout", "remove", "07700 900456", "--medium", "sms")
    assert (await taken(tether, "optout", "list", "--json")).json == []


async def test_templates(tether: Tether, shop: Shop) -> None:
    assert (await taken(tether, "templates", "check", "--json")).json == []
    preview = (await taken(tether, "templates", "preview", "order.ready", "--medium", "email", "--locale", "de")).out
    assert preview.startswith("Subject: Abholbereit")
    assert (await taken(tether, "templates", "preview", "order.ready", "--html", "--medium", "email")).out.strip()
    assert (await taken(tether, "templates", "preview", "order.ready", "--json")).json["sms"]["parts"] == 1
    own = shop.folder / "templates" / "en"
    own.mkdir(parents=True)
    (own / "order.ready.sms.j2").write_text("{{ ordr.ref }} is ready")
    checked = await tether("templates", "check")
    assert checked.code == 1
    assert "order.ready.sms.j2:1" in checked.out
    assert "ordr" in checked.out
    (own / "order.ready.sms.j2").unlink()
    (own / "thanks.sms.j2").write_text("{{ order.ref }}: thank you")
    await taken(tether, *posted(9))
    await taken(tether, "send", "B-9", "--template", "thanks")


async def test_the_record_holds_and_can_be_taken_away(tether: Tether, shop: Shop) -> None:
    for number in range(3):
        events = [{"id": f"many-{number}-{n}", "type": "order.placed", "order": {"ref": f"M-{n}"}} for n in range(300)]
        await taken(tether, "event", "--file", "-", stdin=json.dumps(events))
    assert (await taken(tether, "audit", "verify")).out.startswith("the record holds")
    count = (await taken(tether, "audit", "verify", "--json")).json["entries"]
    lines = (await taken(tether, "audit", "export")).out.splitlines()
    assert [json.loads(line)["seq"] for line in lines[:count]] == list(range(1, count + 1)), "whole, the oldest first"
    file = shop.folder / "audit.csv"
    await taken(tether, "audit", "export", "--format", "csv", "--output", str(file))
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert len(rows) >= count > 1000
    assert rows[0]["kind"] == "service.started"
    assert {"epoch", "seq", "at", "kind", "actor", "order_ref", "message_id", "detail", "hash"} == set(rows[0])


async def test_an_export_is_proved_without_the_database(tether: Tether, shop: Shop) -> None:
    for number in range(3):
        await taken(tether, *posted(f"exported-{number}"))
    file = shop.folder / "audit.jsonl"
    said = (await taken(tether, "audit", "export", "--output", str(file))).out
    *entries, head = file.read_bytes().splitlines()
    assert said.startswith(f"{len(entries)} entries are in")
    assert b'"signature":' in head
    assert (await taken(tether, "audit", "verify", "--file", str(file))).out.startswith("the record holds")
    first, second, *rest = file.read_bytes().splitlines(keepends=True)
    for changed, words in (
        ([first, second.replace(b'"actor":"', b'"actor":"M'), *rest], "entry 2 "),
        ([first, *rest], "entry 2 "),
        ([first, b"nonsense\n", *rest], "line 2 is no entry"),
    ):
        file.write_bytes(b"".join(changed))
        refused = await tether("audit", "verify", "--file", str(file))
        assert (refused.code, words in refused.err) == (1, True), refused.err
    missing = await tether("audit", "verify", "--file", "/nowhere/audit.jsonl")
    assert (missing.code, "/nowhere/audit.jsonl can't be read" in missing.err) == (1, True)


async def test_status_and_reload(tether: Tether, shop: Shop) -> None:
    status = await tether("status", "--json")
    assert status.json["running"] is True
    assert status.code == (1 if status.json["failed"] else 0)
    whole = shop.config.read_text()
    shop.config.write_text(whole.replace('"Balloon Loft"', '"Balloon Attic"'))
    await taken(tether, "reload")
    assert (await tether("status", "--json")).json["store"]["name"] == "Balloon Attic"
    shop.config.write_text(whole + '\n[channels.twillio]\nfrom = "x"\n')
    wrong = await tether("reload")
    assert wrong.code in (1, 78)
    assert "twillio" in wrong.err
    shop.config.write_text(whole)
    await taken(tether, "reload")


async def test_a_second_service_on_the_same_database_is_refused(tether: Tether) -> None:
    second = await tether("run")
    assert second.code == 1
    assert "stop it first" in second.err
