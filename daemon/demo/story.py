"""The store's day as data: who comes, what happens to their orders, and who ought to hear of it.

`told` is the story's own view, written down beside each event and not read from the service: the verdict holds it against what arrived.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

LineChange: TypeAlias = Literal["cut", "mend"]

CUSTOMER, TEAM = "customer", "team"
BOTH = (CUSTOMER, TEAM)


@dataclass(frozen=True)
class Person:
    """A customer, with the ways there are to reach them; the numbers are ones that Ofcom keeps for fiction."""

    name: str
    phone: str | None = None
    email: str | None = None
    locale: str = "en-GB"
    addresses: Mapping[str, str] = field(default_factory=dict)
    reachable: bool = True
    lost_at_first: bool = False
    """The first provider takes their text and later reports it undelivered."""
    remark: str = ""
    """What is odd about them."""

    def reached_at(self) -> list[str]:
        """Their addresses as providers write them."""
        phone = (self.phone or "").replace(" ", "")
        numbers = [f"+44{phone[1:]}" if phone.startswith("0") else phone] if len(phone) > 2 else []
        mails = [self.email] if self.email else []
        return [*numbers, *mails, *self.addresses.values()]

    def as_json(self) -> dict[str, Any]:
        given = {"name": self.name, "phone": self.phone, "email": self.email, "locale": self.locale}
        return {key: value for key, value in given.items() if value} | (
            {"addresses": dict(self.addresses)} if self.addresses else {}
        )


@dataclass(frozen=True)
class Happening:
    """One event."""

    order: str
    """The order's number within the day: "01"; the day's own prefix goes before it."""
    type: str
    told: tuple[str, ...] = (CUSTOMER,)
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    title: str
    happenings: Sequence[Happening] = ()
    at_once: bool = False
    """Posted as one array, as a till does that was offline."""
    line: LineChange | None = None
    """What happens to the line before it."""
    wait: float = 0.0
    """Seconds to watch afterwards."""
    writes: Sequence[tuple[str, str]] = ()
    """Whose customer (by order) writes what to the store, at the end of it."""


@dataclass(frozen=True)
class Day:
    people: Mapping[str, Person]
    """By order."""
    totals: Mapping[str, str]
    scenes: Sequence[Scene]

    def happenings(self) -> Iterator[Happening]:
        for scene in self.scenes:
            yield from scene.happenings


PEOPLE: Mapping[str, Person] = {
    "01": Person("Ada", "07700 900123", "ada@example.com", addresses={"fcm": "ada-phone"}),
    "02": Person("Jürgen", "+49 1512 3456789", "juergen@example.com", "de-DE"),
    "03": Person("Noor", "07700 900145", "noor@example.com"),
    "04": Person("Zoë", "07700 900177", None, "fr-FR", remark="gave no e-mail address"),
    "05": Person("Kofi", None, "kofi@example.com", remark="gave no phone number"),
    "06": Person("Sam", None, None, reachable=False, remark="gave neither phone nor e-mail"),
    "07": Person("Lin", "12", "lin@example.com", remark="has a phone number that can't be one"),
    "08": Person("Mia", "07700 900902", "mia@example.com", "es-ES", remark="once texted STOP"),
    "09": Person("Otto", "07700 900903", "otto@example.com", remark="has a number that nobody owns"),
    "10": Person(
        "Rosa", "07700 900901", "rosa@example.com", lost_at_first=True, remark="has a phone that is switched off"
    ),
}
CROWD = ("Ben", "Chloe", "Dev", "Elif", "Finn", "Gita", "Hugo", "Iris", "Jack", "Kira", "Leo", "Maya")
BURST = tuple(f"{number}" for number in range(20, 20 + len(CROWD)))


def _person(order: str) -> Person:
    if order in PEOPLE:
        return PEOPLE[order]
    name = CROWD[BURST.index(order)]
    return Person(name, f"07700 9002{order}", f"{name.lower()}@example.com")


def everybody() -> list[Person]:
    return [_person(order) for order in (*PEOPLE, *BURST)]


SCENES: tuple[Scene, ...] = (
    Scene(
        "Orders come in, and most of them are paid",
        (
            Happening("01", "order.placed", BOTH),
            Happening("02", "order.placed", BOTH),
            Happening("01", "payment.confirmed"),
            Happening("10", "order.placed", BOTH),
            Happening("10", "order.ready"),
            Happening("03", "payment.failed", ()),
            Happening("03", "payment.confirmed"),
        ),
    ),
    Scene(
        "Not everybody can be reached in the same way",
        (
            Happening("04", "order.ready"),
            Happening("05", "order.ready"),
            Happening("06", "order.ready"),
            Happening("07", "order.ready"),
            Happening("08", "order.ready"),
            Happening("09", "order.ready"),
        ),
    ),
    Scene(
        "A till that was offline sends all it has at once",
        tuple(Happening(n, "order.placed", BOTH) for n in BURST),
        at_once=True,
    ),
    Scene(
        "The workshop gets going",
        (
            Happening("01", "order.confirmed"),
            Happening("01", "order.in_production"),
            *(Happening(number, "order.in_production") for number in BURST[4:8]),
            Happening("02", "order.customization_needed", BOTH, {"question": "Which colour should the ribbon have?"}),
            Happening("03", "order.out_of_stock", BOTH, {"item": "Silver star", "alternatives": "a gold star"}),
        ),
        wait=0.5,
    ),
    Scene(
        "The line is cut",
        (
            Happening("01", "order.ready"),
            Happening("02", "order.delayed", BOTH),
            Happening("03", "order.cancelled", BOTH, {"reason": "the customer's wish"}),
            Happening("20", "order.confirmed"),
            Happening("20", "order.ready"),
            Happening("21", "order.out_for_delivery"),
        ),
        line="cut",
        wait=2.0,
    ),
    Scene(
        "The line is mended, and what waited goes out",
        line="mend",
        wait=2.0,
        writes=(("01", "Great! Can I come at 5 instead?"),),
    ),
    Scene(
        "The day ends",
        (
            Happening("02", "order.out_for_delivery"),
            Happening("01", "order.completed"),
            Happening("03", "refund.issued", data={"amount": "48.50"}),
            Happening("05", "return.requested", BOTH),
            Happening("05", "return.received"),
        ),
    ),
)


def a_day() -> Day:
    """One day: every event type of the store, in the order in which it is told."""
    orders = sorted({happening.order for scene in SCENES for happening in scene.happenings})
    totals = {order: f"{20 + int(order) * 7 % 60}.50" for order in orders}
    return Day({order: _person(order) for order in orders}, totals, SCENES)
