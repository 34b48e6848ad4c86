"""What of a message a provider's template, event or record may take by name, and how an order's status is written into a CRM."""

from daemon.channels.base import Outgoing

_ONCE = frozenset(
    {
        "order.placed",
        "order.confirmed",
        "order.in_production",
        "order.ready",
        "order.out_for_delivery",
        "order.completed",
        "order.cancelled",
    }
)
"""What an order becomes and then becomes something else. The rest may come twice with nothing between: another delay, the next part of a
refund."""


def values_of(out: Outgoing) -> dict[str, str]:
    """`Outgoing.data`, and over it what is known of this very message: its text as it was rendered, its id, whither it goes."""
    return {
        **out.data,
        "message_id": out.message_id,
        "status": out.trigger or "message",
        "order_ref": out.order_ref,
        "order_source_id": out.order_source_id,
        "name": out.name,
        "phone": out.addresses.get("phone", ""),
        "email": out.addresses.get("email", ""),
        "text": out.rendered.text,
        "subject": out.rendered.subject or "",
    }


def title_of(out: Outgoing) -> str:
    """What stands over a text: its subject, else the shop's name, and the order's number where neither it nor the text names it."""
    title = out.rendered.subject or out.data.get("store_name", "")
    if out.order_ref in title or out.order_ref in out.rendered.text:
        return title or out.order_ref
    return f"{title} · {out.order_ref}" if title else out.order_ref


def status_of(out: Outgoing) -> str:
    """The value that a CRM's workflow waits for: "order.ready B-1042".

    It carries the order's number because writing an unchanged value fires nothing, and the message's id for the same reason where the
    next one may say the same of that order.
    """
    said = f"{out.trigger or 'message'} {out.order_ref}"
    return said if out.trigger in _ONCE else f"{said} {out.message_id}"


def names_of(out: Outgoing) -> tuple[str, str]:
    """The recipient's first and last name, as well as one line of a name can be parted; ("Ada", "") for one word."""
    first, _, last = out.name.strip().rpartition(" ")
    return (first, last) if first else (last, "")
