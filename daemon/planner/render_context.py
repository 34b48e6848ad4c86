"""What templates and a route's `when` see: read-only views of an event, its order and its customer.

Names here are public: stores write them into templates. An absent thing is None and prints as nothing; a name that does
not exist is an error, save in `event.data`, which is the sender's own: there a missing key is undefined and false.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, get_type_hints

from jinja2 import ChainableUndefined

from daemon.config import Store
from daemon.planner.formats import Formats, Moment, Money
from daemon.planner.jinja_environment import View
from daemon.planner.links import without_links
from daemon.planner.moments import milliseconds
from daemon.planner.rules.stages import is_brought, stage_of
from daemon.planner.wording import FREE, Wording
from outbox.masks import mask_email, mask_phone
from outbox.model import Customer, Event, Item, Order, OrderFields

AS_SAID = tuple(name for name, kind in get_type_hints(OrderFields).items() if kind == str | None)
"""The texts of an order. `OrderView` has some of them in a form of their own (`total`, `url`); the others are shown as they were said."""
_LONGEST_NAME = 60
_TITLES = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "miss",
        "mx",
        "dr",
        "prof",
        "herr",
        "frau",
        "m",
        "mme",
        "mlle",
        "sr",
        "sra",
        "srta",
        "don",
        "doña",
    ]
)
_JOINED = frozenset(["and", "und", "et", "y", "e"])
"""Stands between two titles: Mr and Mrs."""
_FIRMS = frozenset(
    [
        "AG",
        "BV",
        "KG",
        "LLC",
        "OHG",
        "PLC",
        "SA",
        "SAS",
        "SL",
        "SRL",
        "UG",
        "company",
        "corp",
        "e.V",
        "gbr",
        "gmbh",
        "inc",
        "limited",
        "ltd",
        "mbh",
        "sarl",
    ]
)
"""How the names of firms end, capitals where people's do too."""
_FIRMS_BEGIN = frozenset(["the", "firma", "fa"])
_CODE = re.compile(r"[{}\[\]()<>_=%$#\\|]")
"""Nobody's name has any of it: what a stranger wrote there is for a program."""
_CLOSING = frozenset({"order.completed", "order.cancelled"})
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_LINK = re.compile(r"https?:|www\.|://|[<>@]", re.IGNORECASE)


class Missing(ChainableUndefined):
    """A key that the sender's data does not have: false, printed as nothing, and neither more nor less than anything."""

    __slots__ = ()

    def _never(self, other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = _never  # type: ignore[assignment]  # Jinja's own raise


class Data:
    """The sender's own data, nested as it came."""

    __slots__ = ("_values", "_wording")

    def __init__(self, values: Mapping[str, Any], wording: Wording = FREE) -> None:
        self._wording = wording
        self._values = {key: value for key, value in values.items() if wording.of(key) == key}

    def __getitem__(self, key: str) -> Any:
        if key not in self._values:
            return Missing(name=key)
        shown = _shown(self._values[key], self._wording)
        return Missing(name=key) if shown is None and self._values[key] is not None else shown

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __str__(self) -> str:
        shown = ((key, _shown(value, self._wording)) for key, value in self._values.items())
        return ", ".join(f"{key}: {value}" for key, value in shown)


def _shown(value: Any, wording: Wording) -> Any:
    if isinstance(value, str):
        return wording.of(value)
    if isinstance(value, dict):
        return Data(value, wording)
    if isinstance(value, list):
        return tuple(shown for item in value if (shown := _shown(item, wording)) is not None or item is None)
    return value


def _shown_if_any(text: str | None, wording: Wording) -> str | None:
    return None if text is None else wording.of(text)


def _on_one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if line.isprintable() else "".join(filter(str.isprintable, line))


class ItemView(View):
    def __init__(self, item: Item, currency: str | None, formats: Formats, wording: Wording = FREE) -> None:
        self._item, self._currency, self._formats = item, currency, formats
        self.name = wording.name(_on_one_line(item.name))
        self.sku = _shown_if_any(item.sku, wording)
        self.quantity = wording.of(formats.number(item.quantity))

    @property
    def price(self) -> Money | None:
        return self._formats.amount(self._item.price, self._currency)


class OrderView(View):
    """What a text does not name is not worked out: one names few of these."""

    def __init__(self, order: Order, formats: Formats, wording: Wording = FREE) -> None:
        self._order, self._formats, self._wording = order, formats, wording
        self.status = order.status
        self.payment = order.payment

    def __getattr__(self, name: str) -> str | None:
        """What is shown as it was said."""
        if name not in AS_SAID:
            raise AttributeError(name)
        return _shown_if_any(getattr(self._order, name), self._wording)

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *AS_SAID]

    @cached_property
    def ref(self) -> str:
        return self._wording.ref(self._order.ref)

    @cached_property
    def source(self) -> str | None:
        return self._wording.of(self._order.source)

    @cached_property
    def link(self) -> str | None:
        return self._formats.link(self._order.ref)

    @cached_property
    def url(self) -> str | None:
        return _shown_if_any(self._order.url, self._wording) or self.link

    @property
    def currency(self) -> str:
        return self._order.currency or self._formats.currency

    @cached_property
    def total(self) -> Money | None:
        return self._formats.amount(self._order.total, self._order.currency)

    @cached_property
    def promised(self) -> Moment | None:
        return self._formats.moment(self._order.promised_at)

    @cached_property
    def items(self) -> tuple[ItemView, ...]:
        currency, formats = self._order.currency, self._formats
        return tuple(ItemView(item, currency, formats, self._wording) for item in self._order.items)

    @property
    def open(self) -> bool:
        """Whether it is neither handed over nor cancelled."""
        return self.status not in _CLOSING

    @property
    def begun(self) -> bool:
        """Whether it is being made, or further."""
        return self.status == "order.in_production" or stage_of(self.status) in ("ready", "out", "done")

    @property
    def delivered(self) -> bool:
        """Whether it is brought to the customer, as far as `fulfilment` says so."""
        return is_brought(self.fulfilment)


class CustomerView(View):
    """`masked`: initials instead of names, for the team's chat."""

    def __init__(self, customer: Customer, wording: Wording = FREE, *, masked: bool = False) -> None:
        self._customer, self._wording, self._masked = customer, wording, masked
        self.locale = customer.locale

    @cached_property
    def name(self) -> str | None:
        """On one line, without what does not belong into a name (a link in it would make our mail somebody's bait)."""
        name = _on_one_line(self._customer.name or "")
        if (
            not _has_letters(name)
            or len(name) > _LONGEST_NAME
            or _LINK.search(name)
            or _is_bait(name, self._wording.hosts or ())
        ):
            return None
        if self._wording.of(name) != name:
            return None
        if self._masked:
            return " ".join(f"{word[0]}." for word in name.split())
        return name

    @cached_property
    def first_name(self) -> str | None:
        name = self.name
        if not name or self._masked:
            return name
        if _is_firm(name):
            return name
        family, _, given = name.partition(",")
        first = name.split()[0]
        return _called(given) or _called(family) or (first if _has_letters(first) else None)

    @property
    def phone(self) -> str | None:
        phone = _shown_if_any(self._customer.phone, self._wording)
        return mask_phone(phone) if phone and self._masked else phone

    @property
    def email(self) -> str | None:
        email = _shown_if_any(self._customer.email, self._wording)
        return mask_email(email) if email and self._masked else email


def _has_letters(word: str) -> bool:
    return any(map(str.isalpha, word))


def _is_bait(name: str, hosts: Collection[str]) -> bool:
    """Whether a mail program would make a link of some of it. Dots between initials lead nowhere: those are taken apart, not out."""
    return without_links(name, hosts).replace(" ", "") != name.replace(" ", "")


def _is_firm(name: str) -> bool:
    begins, *rest = (word.strip(".,") for word in name.split())
    return begins.casefold() in _FIRMS_BEGIN or any(not _FIRMS.isdisjoint((word, word.casefold())) for word in rest)


def _called(name: str) -> str:
    """The first word that somebody can be called by; "" where there are but titles and signs."""
    titled = False
    for word in name.split():
        plain = word.rstrip(".").casefold()
        if plain in _TITLES:
            titled = True
        elif _has_letters(word) and not _CODE.search(word) and not (titled and plain in _JOINED):
            return word
    return ""


class EventView(View):
    def __init__(self, event: Event, formats: Formats, order: Order, wording: Wording = FREE) -> None:
        self._event, self._formats, self._order, self._wording = event, formats, order, wording

    @cached_property
    def id(self) -> str | None:
        return self._wording.of(self._event.id)

    @cached_property
    def type(self) -> str:
        return self._wording.word(self._event.type)

    @cached_property
    def data(self) -> Data:
        return Data(self._event.data or {}, self._wording)

    @property
    def occurred(self) -> Moment | None:
        return self._moment(self._event.occurred_at)

    @property
    def promised(self) -> Moment | None:
        """The promised time as this very event tells it (a delay's new time); None when it tells none."""
        return self._moment(self._event.order.promised_at)

    @property
    def closing(self) -> bool:
        """Whether nothing is promised any more: the order is done with, comes back, is refunded whole, or late until nobody knows when."""
        if self.type.startswith("refund."):
            return self.full
        if self.type == "order.delayed":
            return self.promised is None
        return self.type in _CLOSING or self.type.startswith("return.")

    @property
    def amount(self) -> Money | None:
        """`data.amount` as money, in `data.currency`, else the order's. What a refund gives back has no sign: tills write a minus."""
        amount = self._money("amount")
        if amount is not None and (self._event.type.startswith("refund.") or self._event.type == "order.cancelled"):
            return self._formats.amount(abs(Decimal(amount)), amount.currency)
        return amount

    @property
    def full(self) -> bool:
        """Whether a refund gives back all that the order cost, by its source's word (`data.full`), by what it and those before it come
        to (`data.refunded`), or by its amount."""
        data = self._event.data or {}
        amount = self._money("refunded") or self.amount
        total = self._formats.amount(self._order.total, self._order.currency)
        if isinstance(data.get("full"), bool):
            return bool(data["full"])
        return amount is not None and total is not None and amount.currency == total.currency and amount >= total > 0

    def told(self, name: str) -> bool:
        """Whether that detail of the order is among those that changed; where nobody says which, any may be."""
        changed = (self._event.data or {}).get("changed")
        return name in changed if isinstance(changed, list) else True

    @property
    def news(self) -> bool:
        """Whether a change is news to the customer: of the time, the place or the sum."""
        return any(self.told(name) for name in ("promised_at", "fulfilment", "total"))

    def _money(self, name: str) -> Money | None:
        data = self._event.data or {}
        currency = data.get("currency")
        own = isinstance(currency, str) and _CURRENCY.fullmatch(currency)
        return self._formats.amount(data.get(name), currency if own else self._order.currency)

    def _moment(self, moment: datetime | None) -> Moment | None:
        return None if moment is None else self._formats.moment(milliseconds(moment))


class StoreView(View):
    """The store's own name and where it is found, as `[store]` has them."""

    def __init__(self, store: Store) -> None:
        self.name = store.name
        self.address = store.address
        self.phone = store.phone
        self.hours = store.hours
        self.url = store.url
        self.country = store.country
        self.currency = store.currency


def views(
    event: Event, order: Order, formats: Formats, *, masked: bool = False, wording: Wording = FREE
) -> dict[str, Any]:
    """`order`, `customer` and `event` as an expression or template names them."""
    return {
        "order": OrderView(order, formats, wording),
        "customer": CustomerView(order.customer, wording, masked=masked),
        "event": EventView(event, formats, order, wording),
    }


def attributes() -> dict[str, frozenset[str]]:
    """The public names of each view: what `tether templates check` holds a template's names against."""
    empty = Formats(Store(), "en")
    order = Order(ref="", source="", created_at=0, updated_at=0)
    seen = views(Event(id="", type="", order=OrderFields(ref="")), order, empty) | {"store": StoreView(Store())}
    return {name: frozenset(part for part in dir(view) if not part.startswith("_")) for name, view in seen.items()}
