"""A shop that has a page for each order: texts and mails lead there, by the store's own address and by nothing a till wrote."""

import pytest

from daemon.config import ConfigError
from daemon.planner.render import Renderer
from daemon.runtime.verify import verify
from outbox.model import OrderFields
from tests.support.planning import event, order, store

PAGE = "https://shop.example/orders/{ref}"


def rendered(
    medium: str, locale: str, ref: str = "B-1042", page: str = PAGE, kind: str = "order.placed", **more: object
) -> str:
    settings = store("twilio", store={"name": "Balloon Loft", "order_url": page})
    told = event(kind, order=OrderFields(ref=ref))
    return (
        Renderer(settings)
        .render(kind, medium, locale, event=told, order=order(ref=ref, status=kind, **more))  # type: ignore[arg-type]
        .text
    )


@pytest.mark.parametrize("locale", ["en", "de", "es", "fr"])
@pytest.mark.parametrize("medium", ["sms", "email"])
def test_texts_and_mails_lead_to_the_order_s_page(locale: str, medium: str) -> None:
    assert "https://shop.example/orders/B-1042" in rendered(medium, locale)
    assert "http" not in rendered(medium, locale, page="")


@pytest.mark.parametrize("kind", ["order.confirmed", "order.in_production", "order.out_for_delivery", "order.delayed"])
def test_so_does_what_comes_after(kind: str) -> None:
    text = rendered("sms", "en", kind=kind)
    assert text.endswith("https://shop.example/orders/B-1042 Balloon Loft")


def test_a_number_can_not_lead_elsewhere() -> None:
    """A till that names an order `../../evil?x=#` stays within the shop's pages."""
    assert "https://shop.example/orders/..%2F..%2Fevil%3Fx%3D%23 " in rendered("sms", "en", ref="../../evil?x=#")


def test_the_order_s_own_page_goes_before_in_a_mail() -> None:
    text = rendered("email", "en", url="https://shop.example/my/1042?key=abc")
    assert "https://shop.example/my/1042?key=abc" in text
    assert "/orders/B-1042" not in text


@pytest.mark.parametrize("page", ["https://shop.example/orders", "shop.example/{ref}", "javascript:{ref}"])
def test_an_address_that_leads_to_no_order_is_refused(page: str) -> None:
    with pytest.raises(ConfigError, match=r"store\.order_url"):
        verify(store("twilio", store={"order_url": page}))
