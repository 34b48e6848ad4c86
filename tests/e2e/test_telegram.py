"""Telegram from end to end: a customer who opened the bot is told, answers, says /stop and hears no more; the team reads in its group."""

from pathlib import Path

from tests.support.shop import event, open_shop

CHAT = "5551230987"
ROUTES = """
[planning]
default_routes = false
[[route]]
on = "order.*"
to = ["customer", "team"]
via = ["telegram"]
"""


async def test_who_says_stop_to_the_bot_hears_no_more_and_the_team_reads_on(tmp_path: Path) -> None:
    async with open_shop(tmp_path, pace=0.05) as shop:
        shop.configure(["telegram"], ROUTES)
        await shop.start()
        shop.sandbox.customers.store = shop.url
        await shop.post(event(1, addresses={"telegram": CHAT}))
        await shop.until({"sent"})
        told = {arrival.to: arrival.text for arrival in shop.sandbox.messages if arrival.provider == "telegram"}
        assert told.keys() == {CHAT, "-1001234567890"}
        assert all("B-1" in text for text in told.values())

        await shop.sandbox.customers.say(CHAT, "Merci!")
        [reply] = (await shop.get("/v1/replies"))["items"]
        assert (reply["channel"], reply["text"], reply["order_ref"]) == ("telegram", "Merci!", "B-1")
        await shop.sandbox.customers.say(CHAT, "/stop")
        [out] = (await shop.get("/v1/optouts"))["items"]
        assert out["medium"] == "chat"

        await shop.post(event(2, addresses={"telegram": CHAT}))
        messages = await shop.until({"sent", "suppressed"})
        states = {(message["audience"], message["order_ref"]): message["state"] for message in messages}
        assert states[("customer", "B-2")] == "suppressed"
        assert states[("team", "B-2")] == "sent"
