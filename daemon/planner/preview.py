"""What `tether templates preview` and POST /v1/messages/preview show: a text as it would be sent, without sending it."""

import msgspec

from daemon.planner.render import FREE_TEXT, Renderer
from daemon.planner.routes import CUSTOMER
from daemon.planner.samples import complete, sample_text
from daemon.planner.sms_text import SmsSize, measure, simplify
from outbox.model import Event, Medium, Order, OrderFields, Rendered


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A text as it would be sent. `sms` and `replaced` (what was put in whose place) are for that medium alone."""

    rendered: Rendered
    sms: SmsSize | None = None
    replaced: tuple[tuple[str, str], ...] = ()


def preview(
    renderer: Renderer,
    template: str,
    medium: Medium,
    locale: str | None,
    *,
    event: Event | None = None,
    order: Order | None = None,
    text: str | None = None,
    subject: str | None = None,
    audience: str = CUSTOMER,
) -> Preview:
    """The text as it would be sent now, from a real event and order. Of an order alone: as if its source said no more than that it happened;
    of neither: from a sample.

    Raises RenderError.
    """
    happened = template or FREE_TEXT
    if order is None:
        assumed, order = complete(happened, renderer.store.currency)
    else:
        assumed = Event("preview", happened, OrderFields(order.ref))
    told = text if template == "" or event is not None else text or sample_text(template)
    draft = renderer.draft(
        template,
        medium,
        locale,
        event=event or assumed,
        order=order,
        text=told,
        subject=subject,
        audience=audience,
    )
    if medium != "sms":
        return Preview(rendered=draft)
    simplified = simplify(draft.text)
    return Preview(rendered=Rendered(text=simplified.text), sms=measure(simplified.text), replaced=simplified.replaced)
