"""Routes as a store writes them: what they match, what they replace, and how a mistake in one is told."""

import pytest

from daemon.config import ConfigError
from daemon.planner.defaults import SHIPPED
from daemon.planner.moments import At
from daemon.planner.routes import Routes, compile_routes
from outbox.model import Priority
from tests.support.planning import REACH, route, store


def compiled(*tables: dict[str, object], channels: tuple[str, ...] = ("twilio", "sendgrid", "slack")) -> Routes:
    return compile_routes(store(*channels, route=list(tables)), REACH)


def refusal(**changes: object) -> str:
    with pytest.raises(ConfigError) as caught:
        compiled({**route(), **changes})
    return str(caught.value)


def test_a_route_keeps_what_the_store_wrote() -> None:
    [found] = compiled(
        route(
            via=["twilio", "modem", "sendgrid"],
            expires="12h",
            delay="90s",
            priority="high",
            patience="5m",
            modem_after="30s",
            supersede=False,
            urgent=True,
            on_unknown="ask",
            template="order.collect",
        )
    ).matching("order.ready")
    assert found.via == ("twilio", "sendgrid")
    assert found.asked_via == ("twilio", "modem", "sendgrid")
    assert (found.expires, found.delay, found.priority) == (12 * 3600 * 1000, 90_000, Priority.HIGH)
    assert (found.policy.patience, found.policy.offline_after) == (300.0, 30.0)
    assert (found.policy.supersede, found.policy.urgent, found.policy.on_unknown) == (False, True, "ask")
    assert found.template == "order.collect"


@pytest.mark.parametrize(
    ("glob", "event_type", "matches"),
    [
        ("order.ready", "order.ready", True),
        ("order.ready", "order.readying", False),
        ("order.*", "order.out_for_delivery", True),
        ("order.*", "payment.failed", False),
        ("*", "shop.opened", True),
        ("*.failed", "payment.failed", True),
        ("order.[rd]e*", "order.delayed", True),
        ("ORDER.READY", "order.ready", False),
    ],
)
def test_globs(glob: str, event_type: str, matches: bool) -> None:
    routes = compile_routes(store("twilio", route=[route(on=glob)], planning={"default_routes": False}), REACH)
    assert bool(routes.matching(event_type)) is matches


def test_own_routes_replace_the_shipped_ones_for_the_types_they_match_only() -> None:
    routes = compiled(route(on="order.placed", to="team", via=["slack"]))
    assert [found.audiences for found in routes.matching("order.placed")] == [("team",)]
    assert [found.audiences for found in routes.matching("order.cancelled")] == [("customer",), ("team",)]


def test_the_shipped_routes_can_be_dropped() -> None:
    routes = compile_routes(store("twilio", planning={"default_routes": False}), REACH)
    assert routes.matching("order.ready") == ()


def test_shipped_routes_without_an_enabled_channel_are_not_there() -> None:
    assert compile_routes(store(), REACH).matching("order.ready") == ()
    only_slack = compile_routes(store("slack"), REACH)
    assert only_slack.matching("order.ready") == ()
    assert [found.audiences for found in only_slack.matching("order.cancelled")] == [("team",)]


def test_a_route_may_name_channels_that_the_store_has_not_enabled() -> None:
    [found] = compiled(route(via=["plivo", "modem"]), channels=("slack",)).matching("order.ready")
    assert found.via == ()


def test_the_shipped_routes_have_every_channel_and_can_all_be_compiled() -> None:
    settings = store(*REACH)
    routes = compile_routes(settings, REACH)
    assert {route.on for route in routes.shipped} == {shipped.route.on for shipped in SHIPPED}
    assert all(route.via and set(route.via) <= set(REACH) for route in routes.shipped)
    assert {name for route in routes.shipped for name in route.via} == set(REACH), "each has its place"


def test_an_unknown_channel_is_told_with_the_nearest_one() -> None:
    text = refusal(via=["twillio"])
    assert "route[0] (on 'order.ready'): via: no channel 'twillio'; did you mean 'twilio'?" in text


def test_an_unknown_audience_is_told_with_the_nearest_one() -> None:
    assert "to: no audience 'custommer'; did you mean 'customer'?" in refusal(to="custommer")


def test_a_named_audience_is_known() -> None:
    settings = store("slack", audiences={"owner": {"slack": "C1"}}, route=[route(to="owner", via=["slack"])])
    assert compile_routes(settings, REACH).matching("order.ready")[0].audiences == ("owner",)


def test_several_audiences_each_once() -> None:
    [found] = compiled(route(to=["customer", "team", "customer"])).matching("order.ready")
    assert found.audiences == ("customer", "team")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"on": " "}, "on: is empty"),
        ({"to": []}, "to: is empty"),
        ({"via": []}, "via: is empty"),
        ({"template": "../secrets"}, "template: '../secrets' is no template's name"),
        ({"when": "order.total >"}, "when: 'order.total >':"),
        ({"when": "ordre.total > 3"}, "'ordre' is not known here; known are order, customer, event"),
        ({"when": "order.total | nofilter"}, "nofilter"),
        ({"at": "two hours before"}, "at: 'two hours before' is not a moment"),
        ({"at": "-3h 10:00"}, "must count whole days"),
        ({"at": "+400d"}, "more than a year away"),
        ({"at": "-2h", "delay": "5m"}, "at: goes with no delay"),
    ],
)
def test_a_mistake_names_the_route_and_the_key(changes: dict[str, object], words: str) -> None:
    text = refusal(**changes)
    assert text.startswith("tether.toml: route[0]")
    assert words in text


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("-2h", At(-7_200_000)),
        ("+30m", At(1_800_000)),
        ("+1h30m", At(5_400_000)),
        ("+1d 10:00", At(86_400_000, 600)),
        ("-1d  9:05", At(-86_400_000, 545)),
        ("+0d 10:00", At(0, 600)),
    ],
)
def test_moments_relative_to_the_promised_time(text: str, moment: At) -> None:
    assert compiled(route(at=text)).matching("order.ready")[0].at == moment


def test_remembering_types_is_bounded() -> None:
    routes = compiled(route(on="*"))
    for number in range(3000):
        assert routes.matching(f"shop.event_{number}")
    assert len(routes._known) <= 1000
