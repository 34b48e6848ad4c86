"""The day has everything in it that a store's day may have."""

from daemon.demo.story import CUSTOMER, a_day

DESIGNED = {
    "order.placed",
    "order.confirmed",
    "order.in_production",
    "order.ready",
    "order.out_for_delivery",
    "order.completed",
    "order.cancelled",
    "order.delayed",
    "order.customization_needed",
    "order.out_of_stock",
    "return.requested",
    "return.received",
    "refund.issued",
    "payment.confirmed",
    "payment.failed",
}


def test_every_type_of_event_happens() -> None:
    assert {happening.type for happening in a_day().happenings()} == DESIGNED


def test_some_can_be_reached_by_one_way_only_and_one_by_none() -> None:
    people = a_day().people.values()
    assert any(person.phone and not person.email for person in people)
    assert any(person.email and not person.phone for person in people)
    assert [person.reachable for person in people if not person.phone and not person.email] == [False]


def test_the_line_is_cut_and_mended_and_a_burst_comes_at_once() -> None:
    scenes = a_day().scenes
    changes = [scene.line for scene in scenes if scene.line]
    assert changes == ["cut", "mend"]
    cut = next(scene for scene in scenes if scene.line == "cut")
    assert any(CUSTOMER in happening.told for happening in cut.happenings)
    assert any(scene.at_once and len(scene.happenings) >= 10 for scene in scenes)


def test_each_order_has_a_person_and_a_total() -> None:
    day = a_day()
    orders = {happening.order for happening in day.happenings()}
    assert orders == day.people.keys() == day.totals.keys()
    assert len({person.phone for person in day.people.values() if person.phone}) >= len(orders) - 2
