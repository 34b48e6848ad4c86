"""The flat, named texts that a provider's own template is filled with (docs/provider-templates.md lists them)."""

from daemon.planner.formats import Moment, decimal_or_text
from daemon.planner.render_context import AS_SAID, CustomerView, EventView, OrderView, StoreView

DATA_PREFIX = "data_"
_TEXTS = tuple(name for name in AS_SAID if name not in ("source_id", "total", "currency"))
_LONGEST_DATA = 1000


def named_fields(
    event: EventView, order: OrderView, customer: CustomerView, store: StoreView, text: str | None
) -> dict[str, str]:
    """Every name is always there, empty where nothing is known; beside them `data_...` for each plain value of the event's data."""
    fields = {
        "event_type": event.type,
        "order_ref": order.ref,
        "order_status": order.status or event.type,
        "order_total": _text(order.total),
        "order_currency": order.currency,
        "order_items": ", ".join(f"{item.quantity} × {item.name}" for item in order.items),
        **{f"order_{name}": getattr(order, name) or "" for name in _TEXTS},
        "customer_name": customer.name or "",
        "customer_first_name": customer.first_name or "",
        "store_name": store.name,
        "store_address": store.address,
        "store_phone": store.phone,
        "store_hours": store.hours,
        "store_url": store.url,
        "amount": _text(event.amount),
        "text": text or "",
    }
    fields |= _moment("promised", order.promised)
    fields |= _moment("new_time", event.promised)
    return fields | _data(event)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _moment(name: str, moment: Moment | None) -> dict[str, str]:
    if moment is None:
        return {name: "", f"{name}_day": "", f"{name}_time": ""}
    time = moment.time_of_day if moment.has_time else ""
    return {name: str(moment), f"{name}_day": moment.short_day, f"{name}_time": time}


def _data(event: EventView) -> dict[str, str]:
    return {
        DATA_PREFIX + key: decimal_or_text(value)[:_LONGEST_DATA]
        for key in event.data
        if isinstance(value := event.data[key], str | int | float) and not isinstance(value, bool)
    }
