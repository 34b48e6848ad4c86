"""What a step or a message would lead to: as the service says, or put together from less where it can't say."""

from collections.abc import Mapping
from typing import Any

from tui.service.client import Client
from tui.service.wire import Order, Planned, Prospect, Word


async def prospect(client: Client, order: Order, body: Mapping[str, Any]) -> Prospect:
    """`body` is that of the status or message call. Raises ServiceError when not even the text can be had."""
    told = await client.prospect(order.ref, body)
    if told is not None:
        return told
    planned = []
    for medium, address in (("sms", order.customer.phone), ("email", order.customer.email)):
        if address:
            planned.append(await _rendered(client, order, body, medium, address))
    return Prospect(messages=tuple(planned[:1]), sure=False)


async def _rendered(client: Client, order: Order, body: Mapping[str, Any], medium: str, address: str) -> Planned:
    asked = {"order_ref": order.ref, "medium": medium}
    asked |= {"text": body["text"]} if "text" in body else {"template": body.get("template") or body["status"]}
    rendering = await client.rendering(asked)
    return Planned(
        audience=Word("customer"),
        to=address,
        medium=Word(medium),
        subject=rendering.subject,
        text=rendering.text,
        sms=rendering.sms,
    )
