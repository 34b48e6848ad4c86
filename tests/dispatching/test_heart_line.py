"""What counts as the line, and what an outage may cost."""

from pathlib import Path

import msgspec
import pytest

from daemon.channels.base import ReceiptUpdate
from daemon.config import Settings
from outbox.model import State
from outbox.outcome import Deferred, ReceiptState
from tests.support.heart import CHANNELS, ROUTES, Heart, shop
from tests.support.scripted import (
    BUSY,
    CUT,
    NOT_THEM,
    NOT_THIS_TEXT,
    Providers,
    Request,
    ScriptedChannel,
    Sendgrid,
    Webhook,
)


def put_into_the_shop(monkeypatch: pytest.MonkeyPatch, kind: type[ScriptedChannel], place: tuple[str, int]) -> None:
    """That channel's server answers at that place, whatever becomes of the line."""

    async def connect(self: Providers, host: str, port: int, timeout: float) -> bool:
        return (host, port) == place or not self.line_is_cut

    monkeypatch.setattr(Providers, "connect", connect)
    monkeypatch.setattr(kind, "hosts", lambda self: [place])
    monkeypatch.setattr(kind, "send", lambda self, out: self._providers.take(kind.name, out, is_cloud=False))


async def test_a_system_in_the_shop_itself_says_nothing_of_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers on the LAN all the while: the line was never down, no text went by the modem, and all tries were used up."""
    put_into_the_shop(monkeypatch, Webhook, ("192.168.1.20", 8080))
    async with Heart(tmp_path) as heart:
        heart.providers.line_is_cut = True
        await heart.tell("before", "return.received", "B-8")
        await heart.tell("e1")
        await heart.pass_time(70)
        assert heart.engine.uplink.is_down
        assert heart.providers.texts("modem") == ["order.ready"]
        await heart.tell("meanwhile", "return.received", "B-9")
        assert heart.providers.texts("webhook") == ["return.received"] * 2
        heart.providers.line_is_cut = False
        await heart.pass_time(10)
        assert not heart.engine.uplink.is_down


async def test_whoever_has_no_patience_left_goes_on_by_what_is_in_the_shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Twilio is all that lies beyond the line, its own outage looks like the line's: the mail server next door is not to wait for it."""
    put_into_the_shop(monkeypatch, Sendgrid, ("mail.lan", 25))
    by_mail = {"on": "order.*", "to": "customer", "via": ["twilio", "vonage", "sendgrid"]}
    async with Heart(tmp_path, shop(route=[by_mail])) as heart:
        heart.providers.line_is_cut = True
        await heart.tell("e1")
        assert heart.engine.uplink.is_down
        await heart.pass_time(540)
        assert heart.providers.arrived == []
        await heart.pass_time(120)
        assert heart.providers.texts("sendgrid") == ["order.ready"]


BY_MODEM_AND_MAIL = {"on": "order.*", "to": "customer", "via": ["twilio", "modem", "sendgrid"]}


@pytest.mark.parametrize("because", ["it has no signal", "it refuses them"])
async def test_what_the_modem_does_not_take_goes_on_by_what_is_in_the_shop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, because: str
) -> None:
    put_into_the_shop(monkeypatch, Sendgrid, ("mail.lan", 25))
    async with Heart(tmp_path, shop(route=[BY_MODEM_AND_MAIL])) as heart:
        if because == "it has no signal":
            heart.providers.obstacles.add("modem")
        else:
            heart.providers.will("modem", NOT_THEM)
        heart.providers.line_is_cut = True
        await heart.tell("e1")
        await heart.pass_time(590)
        assert heart.providers.arrived == [], "the line may come back"
        await heart.pass_time(130)
        assert [request.channel for request in heart.providers.arrived] == ["sendgrid"]


async def test_what_the_modem_is_about_to_take_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_into_the_shop(monkeypatch, Sendgrid, ("mail.lan", 25))
    channels = {**CHANNELS, "modem": {"rate": "1/m"}}
    async with Heart(tmp_path, shop(route=[BY_MODEM_AND_MAIL], channels=channels)) as heart:
        heart.providers.line_is_cut = True
        for n in range(15):
            await heart.tell(f"e{n}", ref=f"B-{n + 1}")
        await heart.pass_time(1200)
        assert [request.channel for request in heart.providers.arrived] == ["modem"] * 15


async def test_a_mail_server_at_headquarters_waits_for_the_line_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its address is one of a private network, which goes by the line all the same: an outage in which nothing but mails are tried costs
    them nothing."""
    monkeypatch.setattr(Sendgrid, "hosts", lambda self: [("10.8.0.5", 25)])
    by_mail = {"on": "order.*", "to": "customer", "via": ["sendgrid"]}
    async with Heart(tmp_path, shop(route=[by_mail])) as heart:
        heart.providers.line_is_cut = True
        await heart.tell("e1")
        await heart.pass_time(7200)
        message = await heart.message()
        assert (message.state, message.attempt_count) == (State.QUEUED, 0)
        heart.providers.line_is_cut = False
        await heart.pass_time(310)
        assert heart.providers.texts("sendgrid") == ["order.ready"]


async def test_what_the_modem_can_not_send_out_of_its_turn_costs_a_text_nothing(tmp_path: Path) -> None:
    """The network has no room for an hour: its own channel, which was never asked, sends it when the line is back."""
    only_texts = {"on": "order.*", "to": "customer", "via": ["twilio", "modem"]}
    async with Heart(tmp_path, shop(route=[only_texts, ROUTES[2]])) as heart:
        await heart.cut_the_line()
        heart.providers.will("modem", *[BUSY] * 100)
        await heart.tell("e1")
        await heart.pass_time(3600)
        message = await heart.message()
        assert (message.state, message.channel, message.attempt_count) == (State.QUEUED, "twilio", 0)
        heart.providers.line_is_cut = False
        await heart.pass_time(310)
        assert heart.providers.texts("twilio") == ["order.ready"]


@pytest.mark.parametrize("meanwhile", ["nothing", "a restart", "it is resumed"])
async def test_what_the_modem_could_not_deliver_is_not_its_again_in_the_same_outage(
    tmp_path: Path, meanwhile: str
) -> None:
    """A landline's number: the network takes each text and gives it up at once, and the SIM's day was used up by them."""
    by_mail_in_the_end = {"on": "order.*", "to": "customer", "via": ["twilio", "modem", "sendgrid"]}
    async with Heart(tmp_path, shop(route=[by_mail_in_the_end, ROUTES[2]])) as heart:
        await heart.cut_the_line()
        await heart.tell("e1")
        await heart.pass_time(70)
        await heart.receipt(heart.providers.arrived[0], ReceiptState.UNDELIVERED)
        if meanwhile == "a restart":
            await heart.stop()
            await heart.start()
        elif meanwhile == "it is resumed":
            await heart.engine.board.resume("modem", actor="Mia")
        await heart.pass_time(3600)
        assert heart.providers.texts("modem") == ["order.ready"]
        heart.providers.line_is_cut = False
        await heart.pass_time(10)
        assert heart.providers.texts("sendgrid") == ["payment.failed", "order.ready"]


@pytest.mark.parametrize("by", ["reload", "resume"])
async def test_what_the_modem_refused_it_is_given_again_once_that_may_be_mended(tmp_path: Path, by: str) -> None:
    """The owner raised `max_parts`, or topped the SIM up: for the rest of the outage nobody was told by it."""
    async with Heart(tmp_path) as heart:
        await heart.cut_the_line()
        heart.providers.will("modem", NOT_THIS_TEXT)
        await heart.tell("e1")
        await heart.pass_time(130)
        assert heart.providers.texts("modem") == []
        if by == "reload":
            await heart.reload(shop(channels={**CHANNELS, "modem": {"concurrency": 1, "rate": "20/m"}}))
        else:
            await heart.engine.board.resume("modem", actor="Mia")
        await heart.pass_time(70)
        assert heart.providers.texts("modem") == ["order.ready"]


async def test_an_outage_outlasts_a_reload(tmp_path: Path) -> None:
    """The owner plugged a modem in: each channel tried the dead line again, what was for the modem waited from the start, and what the modem
    could not deliver went to it once more."""
    by_mail_in_the_end = {"on": "order.*", "to": "customer", "via": ["twilio", "modem", "sendgrid"]}
    async with Heart(tmp_path, shop(route=[by_mail_in_the_end, ROUTES[2]])) as heart:
        await heart.cut_the_line()
        since = (await heart.engine.board.uplink()).since
        await heart.tell("e1", ref="B-1")
        await heart.pass_time(70)
        await heart.receipt(heart.providers.arrived[0], ReceiptState.UNDELIVERED)
        left = len(heart.providers.left)
        await heart.reload(shop(route=[by_mail_in_the_end, ROUTES[2]]))
        await heart.tell("e2", ref="B-2")
        assert [(one.channel, one.out.order_ref) for one in heart.providers.left[left:]] == [("modem", "B-2")]
        line = await heart.engine.board.uplink()
        assert (line.state, line.since) == ("down", since)
        changes = await heart.box.audit.list(kind="uplink.changed", limit=9)
        assert [row.detail["state"] for row in changes.items] == ["down"]
        heart.providers.line_is_cut = False
        await heart.pass_time(10)
        assert heart.providers.texts("sendgrid") == ["payment.failed", "order.ready"]


@pytest.mark.parametrize(
    ("changed", "is_tried"),
    [
        (shop(retry={"max_attempts": 9}), False),
        (shop(channels={**CHANNELS, "vonage": {"concurrency": 2}}), True),
        (msgspec.structs.replace(shop(), secrets={"VONAGE_API_SECRET": "another account's"}), True),
    ],
    ids=["something else", "its table", "a secret of its"],
)
async def test_a_rest_outlasts_a_reload_that_changes_nothing_of_the_channel_s_own(
    tmp_path: Path, changed: Settings, is_tried: bool
) -> None:
    """Headquarters published a text: a provider that had asked for half a day counted as ready, was asked again at once, and the team read that
    it was over."""
    half_a_day = Deferred("too many requests", code="429", after=12 * 3600, throttled=True)
    async with Heart(tmp_path) as heart:
        heart.providers.will("vonage", half_a_day)
        await heart.tell("e1", "refund.issued", "B-1")
        before = next(row for row in await heart.engine.board.board() if row.name == "vonage")
        await heart.reload(changed)
        after = next(row for row in await heart.engine.board.board() if row.name == "vonage")
        assert ((after.state, after.reason) == (before.state, before.reason)) is not is_tried
        await heart.tell("e2", "refund.issued", "B-2")
        await heart.pass_time(900)
        went = [one.channel for one in heart.providers.left if one.out.order_ref == "B-2"]
        assert went == ["vonage" if is_tried else "modem"]


@pytest.mark.parametrize("is_back", [False, True])
async def test_an_outage_outlasts_a_restart(tmp_path: Path, is_back: bool) -> None:
    """What waits for the modem waited for all of it again, and the record had two outages without an end between."""
    by_modem = {"on": "order.*", "to": "customer", "via": ["twilio", "modem"]}
    async with Heart(tmp_path, shop(route=[by_modem, ROUTES[2]])) as heart:
        await heart.cut_the_line()
        since = (await heart.engine.board.uplink()).since
        await heart.pass_time(120)
        await heart.stop()
        heart.providers.line_is_cut = not is_back
        await heart.start()
        line, left = await heart.engine.board.uplink(), len(heart.providers.left)
        assert (line.state == "down", line.since == since) == (not is_back, not is_back)
        await heart.tell("e1")
        assert [one.channel for one in heart.providers.left[left:]] == ["twilio" if is_back else "modem"]
        changes = await heart.box.audit.list(kind="uplink.changed", limit=9)
        assert [row.detail["state"] for row in changes.items][::-1] == (["down", "up"] if is_back else ["down"])


@pytest.mark.parametrize("spoilt", ["9" * 5000, "\x00", "-1"])
async def test_a_note_of_an_outage_that_a_card_has_spoilt_ends_no_start(heart: Heart, spoilt: str) -> None:
    await heart.box.notes.set("uplink.down_since", spoilt)
    await heart.stop()
    await heart.start()
    assert not heart.engine.uplink.is_down
    await heart.tell("e1")
    assert heart.providers.texts() == ["order.ready"]


async def test_what_the_modem_could_not_deliver_out_of_its_turn_is_left_to_its_own_channel(tmp_path: Path) -> None:
    """The mail was never tried: it waited for the line."""
    mail_first = {"on": "order.*", "to": "customer", "via": ["sendgrid", "modem"]}
    async with Heart(tmp_path, shop(route=[mail_first, ROUTES[2]])) as heart:
        await heart.cut_the_line()
        await heart.tell("e1")
        await heart.pass_time(70)
        assert heart.providers.texts("modem") == ["order.ready"]
        await heart.receipt(heart.providers.arrived[0], ReceiptState.UNDELIVERED)
        heart.providers.line_is_cut = False
        await heart.pass_time(10)
        message = await heart.message()
        assert (message.channel, message.state, message.possible_duplicate) == ("sendgrid", State.SENT, False)


async def test_nor_is_what_the_network_gave_up_before_that_it_was_taken_is_on_record(tmp_path: Path) -> None:
    """A slow card: the report is there before the modem's own answer is written down, each time."""
    by_mail_in_the_end = {"on": "order.*", "to": "customer", "via": ["twilio", "modem", "sendgrid"]}
    async with Heart(tmp_path, shop(route=[by_mail_in_the_end, ROUTES[2]])) as heart:
        await heart.cut_the_line()

        async def give_up(request: Request) -> None:
            channel = heart.engine.lanes["modem"].channel
            assert channel is not None
            early = ReceiptUpdate(state=ReceiptState.UNDELIVERED, provider_id=request.provider_id)
            await heart.engine.receipts.apply(channel, early)

        heart.providers.on_leaving = give_up
        await heart.tell("e1")
        await heart.pass_time(3600)
        assert heart.providers.texts("modem") == ["order.ready"]


async def test_what_arrived_is_not_told_again_for_an_outage_that_nobody_noticed(heart: Heart) -> None:
    """The power fails with a text under way, and the router is not back for an hour: no lookup connects, and nothing else is sent."""
    heart.providers.waits = True
    await heart.tell("e1")
    heart.providers.under_way[0].arrive()
    await heart.kill()
    heart.providers.waits, heart.providers.line_is_cut = False, True
    await heart.start()
    await heart.pass_time(3600)
    assert heart.engine.uplink.is_down
    assert await heart.states() == [State.UNKNOWN]
    heart.providers.line_is_cut = False
    await heart.pass_time(120)
    assert await heart.states() in ([State.SENT], [State.DELIVERED])
    assert len(heart.providers.left) == 1


async def test_the_time_for_which_a_provider_is_asked_does_not_run_while_the_line_is_down(heart: Heart) -> None:
    heart.providers.answers_lookups = False
    heart.providers.will("twilio", CUT, arrives=True)
    await heart.tell("e1")
    await heart.pass_time(60)
    await heart.cut_the_line()
    await heart.pass_time(3600)
    heart.providers.line_is_cut = False
    await heart.pass_time(60)
    assert await heart.states() == [State.UNKNOWN]
    heart.providers.answers_lookups = True
    await heart.pass_time(60)
    assert await heart.states() in ([State.SENT], [State.DELIVERED])
    assert len(heart.providers.left) == 2, "and what revealed the outage"
