"""`mapped`: any sender that posts JSON, a form or a Salesforce outbound message, by expressions of the configuration.

What each system needs is data, not code: `presets/*.toml` are such configurations, ready for use. An event's id is theirs and our type,
since many send one id with changing content; what maps to nothing is answered 200 and, if it should have mapped, kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from daemon.config import ConfigError, Store
from daemon.http import Request, Response
from daemon.intake import signatures
from daemon.intake.base import (
    Body,
    Heard,
    Hook,
    HookRefused,
    Reading,
    Source,
    SourceSettings,
    Unreadable,
    folded,
    is_type,
)
from daemon.intake.mapping import Expression, compile_table
from daemon.intake.money import MoneyForm, amount_of
from daemon.intake.polling import configured as polling
from daemon.intake.polling.polled import Polled, SourcePage, Turn
from daemon.intake.promised import moment_or_day
from daemon.intake.soap import outbound_message
from daemon.intake.values import Place, end_of_day, form_of, json_of, parse_json, read_each
from outbox.model import Customer, Event, Item, OrderFields

ORDER_KEYS = frozenset(OrderFields.__struct_fields__)
CUSTOMER_KEYS = frozenset(Customer.__struct_fields__) - {"consent", "addresses"}
_MONEY_DATA = frozenset({"amount", "refunded"})
_CANCELLED = "order.cancelled"
_A_TEST = "a test: set test_orders = true to tell of those"


class MappedSettings(SourceSettings, frozen=True, kw_only=True):
    preset: str = ""
    """A shipped configuration (docs/sources.md lists them): what is not said here is as it says."""
    signature: signatures.SignatureTable | None = None
    body: str = "json"
    """json, form, form:FIELD (a form with JSON in a field) or soap (a Salesforce outbound message)."""
    each: str = ""
    """Finds the list of which each item is an event; "" the body is one."""
    skip: str = ""
    """Finds something in what is to be passed over: tests, our own writes."""
    test: str = ""
    """Finds something in what is only a test, or around it: it counts if `test_orders` says so."""
    challenge: str = ""
    """A parameter of the URL whose value is answered as it came: how some senders check an address."""
    id: str = ""
    type: str = ""
    """Their status: `statuses` says which event type it is. Without `statuses` it is one of our types itself."""
    at: str = ""
    order: dict[str, str] = msgspec.field(default_factory=dict)
    customer: dict[str, str] = msgspec.field(default_factory=dict)
    data: dict[str, str] = msgspec.field(default_factory=dict)
    money: MoneyForm = "decimal"
    decimals: dict[str, int] = msgspec.field(default_factory=dict)
    """Of the minor units of a currency, where this sender has others than most."""
    tz: str = ""
    """The zone of times that say none; "" UTC, and of days the store's."""
    drafts: bool = False
    """Whether orders may be cancelled there that were never placed, of which nothing was told (quotations, baskets): untold, then."""
    unknown: Literal["keep", "ignore"] = "ignore"
    """A status that `statuses` does not name: keep the body to look at, or pass over it."""
    answer: str = ""
    """What the sender wants to read."""
    ask: polling.AskTable | None = None
    """How to poll it."""


class Mapped(Source, Polled):
    kind = "mapped"
    title = "Mapped"
    Settings = MappedSettings
    looks_back = 0.0

    settings: MappedSettings

    def __init__(self, name: str, settings: MappedSettings, secrets: Mapping[str, str], store: Store) -> None:
        super().__init__(name, settings, secrets, store)
        where = f"sources.{name}"
        self._zone = _zone(settings.tz, where)
        self._expressions = {
            key: Expression(text, key)
            for key in ("each", "skip", "test", "id", "type", "at")
            if (text := getattr(settings, key))
        }
        for key in ("type", "order"):
            if not getattr(settings, key):
                raise ConfigError(
                    f"{where}: {key} is missing: say where in the body it stands (docs/sources.md), or name a preset"
                )
        _refuse_unknown(where, "order", settings.order, ORDER_KEYS)
        _refuse_unknown(where, "customer", settings.customer, CUSTOMER_KEYS)
        self._order = compile_table(settings.order, "order")
        self._customer = compile_table(settings.customer, "customer")
        self._data = compile_table(settings.data, "data")
        if settings.body not in ("json", "form", "soap") and not settings.body.startswith("form:"):
            raise ConfigError(f"{where}: body: {settings.body!r}: write json, form, form:FIELD or soap")
        if settings.signature is not None:
            signatures.check_table(settings.signature, where)
        self._poll = polling.check(settings.ask, settings.poll, where)

    def missing(self) -> Sequence[str]:
        wanted = ["WEBHOOK_SECRET"] if self.settings.signature else []
        wanted += polling.secrets_of(self.settings.ask) if self.settings.poll else []
        return [self.secret_name(what) for what in wanted if not self.secret(what)]

    # ------------------------------------------------------------ webhooks

    def greet(self, hook: Hook) -> Reading | None:
        asked = dict(hook.query).get(self.settings.challenge, "") if self.settings.challenge else ""
        if not asked or len(asked) > 500 or not asked.isprintable():
            return None
        return Reading(note="a check of the address", answer=asked.encode(), content_type="text/plain; charset=utf-8")

    def without_token(self, body: bytes) -> bytes:
        table = self.settings.signature
        return body if table is None else signatures.without_token(table, body)

    def verify(self, hook: Hook) -> None:
        table = self.settings.signature
        if table is None:
            raise HookRefused(f"webhooks of {self.name} are not guarded: give [sources.{self.name}] a signature")
        secrets = self.webhook_secrets()
        signatures.verify(table, hook, secrets)
        if table.kind == "adyen":
            items = self._items_of(Body(hook.body, hook.headers.get("content-type", "")))
            if not items or not all(isinstance(one, dict) and signatures.adyen_holds(one, secrets) for one in items):
                raise HookRefused("an item's own signature does not hold: check the HMAC key")

    # ------------------------------------------------------------ reading

    def read(self, body: Body, *, now: int) -> Reading:
        value = self._value(body)
        answer, content_type = self._answer()
        reading = Reading(note=_A_TEST) if self._is_only_a_test(value, []) else self.read_items(self._each(value))
        return msgspec.structs.replace(reading, answer=answer, content_type=content_type)

    def read_items(self, items: Sequence[Any]) -> Reading:
        """What a list of their things means."""
        found, unread = read_each(map(Place, items), lambda item: self._heard(item.value), source=self.name)
        heard = tuple(one for one in found if isinstance(one, Heard))
        notes = dict.fromkeys(one for one in found if isinstance(one, str))
        return Reading(events=heard, unread=tuple(unread), note="; ".join(notes) if items else "there is nothing in it")

    def _items_of(self, body: Body) -> Sequence[Any]:
        try:
            return self._each(self._value(body))
        except Unreadable:
            return ()

    def _value(self, body: Body) -> Any:
        kind, _, field = self.settings.body.partition(":")
        if kind == "soap":
            return outbound_message(body)
        if kind == "json":
            return json_of(body)
        form = form_of(body)
        if not field:
            return form
        if field not in form:
            raise Unreadable(f"the form has no field {field!r}")
        return parse_json(form[field])

    def _each(self, value: Any) -> Sequence[Any]:
        if "each" not in self._expressions:
            return value if isinstance(value, list) else (value,)
        odd: list[str] = []
        found = self._expressions["each"].find(value, odd).value
        if odd:
            raise Unreadable(odd[0])
        return found if isinstance(found, list) else () if found is None else (found,)

    def _heard(self, item: Any) -> Heard | str:
        """The event, or why there is none. Raises Unreadable."""
        odd: list[str] = []
        if self._is("skip", item, odd):
            return "passed over by `skip`"
        if self._is_only_a_test(item, odd):
            return _A_TEST
        status = self._expressions["type"].find(item, odd).text()
        if status is None:
            if odd:
                raise Unreadable(odd[0])
            return "it has no status"
        type = self._type(status)
        if not type:
            return f"the status {status!r} tells nobody"
        order = self._order_fields(item, odd)
        customer = self._customer_fields(item, odd)
        their_id = self._expressions["id"].find(item, odd).text() if "id" in self._expressions else None
        if not their_id:
            their_id = order.source_id or order.ref
        if not their_id:
            raise Unreadable("; ".join(["neither id, order.ref nor order.source_id was found", *odd]))
        at, by_day = self._at(item, odd)
        data = dict(self._data_fields(item, odd, order.currency))
        event = Event(
            id=f"{their_id}:{type}", type=type, order=order, occurred_at=at, customer=customer, data=data or None
        )
        return Heard(event, tuple(odd), by_day=by_day, draft=self.settings.drafts and type == _CANCELLED)

    def _at(self, item: Any, odd: list[str]) -> tuple[datetime | None, bool]:
        """When it happened, and whether the day alone is known of that."""
        if "at" not in self._expressions:
            return None, False
        found = self._expressions["at"].find(item, odd)
        end = end_of_day(found.value, self._zone if self.settings.tz else self.store.zone)
        return (found.moment(self._zone), False) if end is None else (end, True)

    def _is_only_a_test(self, found: Any, odd: list[str]) -> bool:
        return not self.settings.test_orders and self._is("test", found, odd)

    def _is(self, key: str, item: Any, odd: list[str]) -> bool:
        return key in self._expressions and bool(self._expressions[key].find(item, odd))

    def _type(self, status: str) -> str:
        if not self.statuses:
            if not is_type(status):
                raise Unreadable(
                    f"type: {status!r} is no event type, and there is no `statuses` table to say which one it is"
                )
            return status
        known = folded(status)
        if known not in self.statuses and self.settings.unknown == "keep":
            raise Unreadable(f"the status {status!r} is not in the `statuses` table")
        return self.statuses.get(known, "")

    def _order_fields(self, item: Any, odd: list[str]) -> OrderFields:
        found = {name: expression.find(item, odd) for name, expression in self._order.items()}
        nothing = Place(None)
        currency = found.pop("currency", nothing).text()
        currency = currency.upper() if currency else None
        total = found.pop("total", nothing)
        return OrderFields(
            ref=found.pop("ref", nothing).line() or "",
            total=self._amount(total, currency),
            currency=currency or (self.store.currency if total else None),
            promised_at=moment_or_day(found.pop("promised_at", nothing), self._zone, self.store.zone),
            items=tuple(self._lines(found.pop("items", nothing), currency)) or None,
            note=found.pop("note", nothing).text(),
            **{name: place.line() for name, place in found.items()},
        )

    def _customer_fields(self, item: Any, odd: list[str]) -> Customer | None:
        found = {name: expression.find(item, odd).line() for name, expression in self._customer.items()}
        if not any(found.values()):
            return None
        if email := found.get("email"):
            found["email"] = email.lower()
        return msgspec.convert(found, Customer)

    def _data_fields(self, item: Any, odd: list[str], currency: str | None) -> Iterator[tuple[str, Any]]:
        for name, expression in self._data.items():
            place = expression.find(item, odd)
            value = self._amount(place, currency) if name in _MONEY_DATA else place.value
            if name == "currency" and isinstance(value, str):
                value = value.upper()
            if value not in (None, "", [], {}):
                yield name, value

    def _amount(self, place: Place, currency: str | None) -> str | None:
        text = place.text()
        if text is None:
            return None
        settings = self.settings
        amount = amount_of(text, settings.money, currency or self.store.currency, settings.decimals)
        if amount is None:
            place.odd.append(f"{place.path}: {text!r:.40} is no amount of money")
        return amount

    def _lines(self, items: Place, currency: str | None) -> Iterator[Item]:
        """Each with `name`, `quantity`, `sku` and `price`, as the expression made them."""
        for line in items:
            if name := line["name"].line():
                price = self._amount(line["price"], currency)
                yield Item(name=name, quantity=line["quantity"].number() or 1, sku=line["sku"].line(), price=price)

    def _answer(self) -> tuple[bytes, str]:
        text = self.settings.answer
        kind = "application/json" if not text or text[:1] == "{" else "text/xml" if text[:1] == "<" else "text/plain"
        return text.encode(), kind

    # ------------------------------------------------------------ polling

    def request(self, turn: Turn, token: str) -> Request:
        assert self._poll is not None
        return self._poll.request(turn, self.secret, self._zone)

    def base(self, request: Request) -> str:
        assert self._poll is not None
        return self._poll.base

    def page(self, response: Response, turn: Turn) -> SourcePage:
        assert self._poll is not None
        items, changed, next_token = self._poll.page(response, turn, self._zone)
        return SourcePage(self.read_items(items), changed=changed, next_token=next_token, ordered=False)


def _zone(name: str, where: str) -> Any:
    try:
        return ZoneInfo(name) if name else UTC
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f'{where}: tz: {name!r} is no time zone; write it like "Europe/London"') from error


def _refuse_unknown(where: str, key: str, table: Mapping[str, str], known: frozenset[str]) -> None:
    for name in table:
        if name not in known:
            raise ConfigError(f"{where}: {key}.{name}: no such key; known are {', '.join(sorted(known))}")
