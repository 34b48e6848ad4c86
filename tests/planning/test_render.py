"""Texts at the moment of sending: which file serves, the store's own first, live, and with walls around them."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.config import Counter, Settings, Store, Templates
from daemon.planner.moments import milliseconds
from daemon.planner.render import Renderer, RenderError
from outbox.model import Customer, Item, OrderFields, Rendered
from tests.support.planning import HOUR, MINUTE, SHOP, event, order

SOMEBODY = 65534
"""A user who owns nothing."""


class Shop:
    """A store with a folder of its own texts."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = folder
        settings = Settings(store=SHOP, templates=Templates(path=folder))
        self.renderer = Renderer(msgspec.structs.replace(settings, **changes))

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def render(
        self, template: str = "order.ready", medium: Any = "sms", locale: str | None = "en", **more: Any
    ) -> Rendered:
        given = {"event": event(), "order": order(), **more}
        return self.renderer.render(template, medium, locale, **given)

    def says(self, text: str, **more: Any) -> str:
        """What a text of the store's own comes out as."""
        self.write("en/own.sms.j2", text)
        return self.render("own", **more).text


@contextmanager
def shut_to_the_service(folder: Path) -> Iterator[None]:
    """Whoever runs the tests."""
    user = os.geteuid()
    folder.chmod(0)
    if user == 0:
        os.seteuid(SOMEBODY)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o700)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "templates")


class TestWhichFile:
    @pytest.mark.parametrize(
        ("locale", "begins"),
        [
            ("de", "Guten Tag Ada Lovelace, "),
            ("de-AT", "Guten Tag Ada Lovelace, "),
            ("FR_ca", "Bonjour Ada, "),
            ("es-419", "Hola Ada, "),
            ("en-GB", "Hi Ada, "),
            ("pl", "Hi Ada, "),
            (None, "Hi Ada, "),
            ("../../../etc", "Hi Ada, "),
            ("", "Hi Ada, "),
        ],
    )
    def test_the_customers_language_else_the_stores(self, shop: Shop, locale: str | None, begins: str) -> None:
        assert shop.render(locale=locale).text.startswith(begins)

    def test_the_stores_language_before_english(self, tmp_path: Path) -> None:
        shop = Shop(tmp_path, store=Store(locale="fr-FR", country="FR", timezone="Europe/Paris"))
        assert shop.render(locale="pl").text.startswith("Bonjour")

    def test_english_where_the_store_has_no_text_in_its_own_language(self, tmp_path: Path) -> None:
        assert Shop(tmp_path, store=Store(locale="pl", country="PL")).render(locale=None).text.startswith("Hi Ada")

    def test_the_stores_own_text_goes_first(self, shop: Shop) -> None:
        shop.write("en/order.ready.sms.j2", "Come and get {{ order.ref }}")
        assert shop.render().text == "Come and get B-1042"
        assert shop.render(locale="de").text.startswith("Guten Tag")

    def test_a_regions_own_text_is_for_that_region(self, shop: Shop) -> None:
        shop.write("de-AT/order.ready.sms.j2", "Servus {{ order.ref }}")
        assert shop.render(locale="de-AT").text == "Servus B-1042"
        assert shop.render(locale="de-CH").text.startswith("Guten Tag")

    def test_the_language_counts_for_more_than_the_medium(self, shop: Shop) -> None:
        shop.write("en/order.ready.chat.j2", "English chat {{ order.ref }}")
        assert shop.render(medium="chat", locale="fr").text.startswith("Bonjour")

    @pytest.mark.parametrize("medium", ["chat", "push", "crm"])
    def test_other_media_speak_as_the_sms_does_unless_told_otherwise(self, shop: Shop, medium: str) -> None:
        shop.write("es/own.sms.j2", "está listo {{ order.ref }}")
        assert shop.render("own", medium, "es").text == "está listo B-1042"
        assert shop.render("own", "sms", "es").text == "esta listo B-1042"
        shop.write(f"es/own.{medium}.j2", "sólo aquí")
        assert shop.render("own", medium, "es").text == "sólo aquí"

    def test_a_push_has_the_shops_name_as_its_title(self, shop: Shop) -> None:
        assert shop.render(medium="push").subject == "Balloon Loft"

    def test_no_such_text_says_where_to_write_it(self, shop: Shop) -> None:
        with pytest.raises(RenderError) as caught:
            shop.render("order.wrapped", locale="fr")
        assert caught.value.template == "order.wrapped.sms.j2"
        assert f"write it as {shop.folder}/en/order.wrapped.sms.j2" in str(caught.value)

    def test_the_shops_own_folder_that_is_shut_is_not_passed_over(self, shop: Shop) -> None:
        """Copied by root from a home, it has the home's mode: customers read the shipped text, and nobody said so."""
        shop.write("en/order.ready.sms.j2", "Own words")
        with shut_to_the_service(shop.folder), pytest.raises(RenderError, match="can't be read: Permission denied"):
            shop.render()

    @pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "Order Ready", ".", "x" * 200])
    def test_a_name_never_leaves_the_folder(self, shop: Shop, name: str) -> None:
        with pytest.raises(RenderError, match="no template can have this name"):
            shop.render(name)


class TestReload:
    def test_a_file_counts_as_soon_as_it_is_there_changed_or_gone(self, shop: Shop) -> None:
        shipped = shop.render().text
        shop.write("en/order.ready.sms.j2", "first")
        assert shop.render().text == "first"
        shop.write("en/order.ready.sms.j2", "second one")
        assert shop.render().text == "second one"
        (shop.folder / "en/order.ready.sms.j2").unlink()
        assert shop.render().text == shipped

    def test_shared_words_too(self, shop: Shop) -> None:
        shop.render(medium="email")
        words = (shop.renderer.files.shipped / "_macros/en.j2").read_text(encoding="utf-8")
        shop.write("_macros/en.j2", words.replace("Kind regards,", "See you,"))
        assert "See you,\nBalloon Loft" in shop.render(medium="email").text

    def test_a_mended_file_works_again(self, shop: Shop) -> None:
        shop.write("en/order.ready.sms.j2", "{{ order.ref")
        with pytest.raises(RenderError):
            shop.render()
        shop.write("en/order.ready.sms.j2", "{{ order.ref }}")
        assert shop.render().text == "B-1042"


class TestMail:
    def test_one_file_makes_all_of_it(self, shop: Shop) -> None:
        shop.write(
            "en/order.ready.email.txt.j2", "Subject:  Come, {{ order.ref }}  \n\nFirst.\n\n\n\nSecond,\nlonger.\n"
        )
        mail = shop.render(medium="email")
        assert mail.subject == "Come, B-1042"
        assert mail.text.startswith("First.\n\nSecond,\nlonger.\n\nKind regards,\nBalloon Loft\n")
        assert mail.html is not None
        assert ">First.</p>" in mail.html
        assert "Second,<br>longer.</p>" in mail.html

    def test_it_shows_the_order_and_the_shop(self, shop: Shop) -> None:
        items = (Item("Helium bouquet", 1, price="36.50"), Item("Foil letter", 2.0, price="6"))
        mail = shop.render(medium="email", order=order(items=items, total="48.50", url="https://shop.example/o/1"))
        for text in (mail.text, mail.html or ""):
            for part in (
                "Helium bouquet",
                "£36.50",
                "Foil letter",
                "£48.50",
                "https://shop.example/o/1",
                SHOP.address,
                SHOP.hours,
            ):
                assert part in text
        assert "2 × Foil letter (£6.00)" in mail.text

    def test_the_layout_is_the_stores_to_change(self, shop: Shop) -> None:
        shop.write("_macros/email.html.j2", "<html>{% for p in paragraphs %}<i>{{ p }}</i>{% endfor %}</html>")
        assert (shop.render(medium="email").html or "").startswith("<html><i>Hi Ada,</i><i>Your balloons")

    def test_a_mail_may_have_html_of_its_own(self, shop: Shop) -> None:
        shop.write("en/order.ready.email.html.j2", "<b>{{ order.ref }}</b> {{ body }}")
        mail = shop.render(medium="email")
        assert (mail.html or "").startswith("<b>B-1042</b> Hi Ada,")
        assert mail.subject == "Ready to collect: order B-1042"

    @pytest.mark.parametrize("text", ["Hello\n\nSubject: late", "Subject:\n\nText", ""])
    def test_it_must_begin_with_its_subject(self, shop: Shop, text: str) -> None:
        shop.write("en/order.ready.email.txt.j2", text)
        with pytest.raises(RenderError, match=r'write "Subject: \.\.\." on the first line'):
            shop.render(medium="email")

    def test_a_file_that_windows_marked_as_utf_8_is_as_any_other(self, shop: Shop) -> None:
        shop.write("en/order.ready.email.txt.j2", "\ufeffSubject: Ready {{ order.ref }}\r\n\r\nCome by.\r\n")
        mail = shop.render(medium="email")
        assert (mail.subject, mail.text.split("\n")[0]) == ("Ready B-1042", "Come by.")
        shop.write("en/own.chat.j2", "\ufeffCome by.")
        assert shop.render("own", "chat").text == "Come by."

    def test_it_must_say_something(self, shop: Shop) -> None:
        shop.write("en/order.ready.email.txt.j2", "Subject: Hm\n\n{% if false %}x{% endif %}\n")
        with pytest.raises(RenderError, match="has a subject but no text"):
            shop.render(medium="email")

    def test_a_given_subject_counts(self, shop: Shop) -> None:
        assert (
            shop.render("", "email", text="Hello", subject="About\r\nBcc: eve@example.com").subject
            == "About Bcc: eve@example.com"
        )

    def test_a_name_with_line_breaks_cannot_add_a_header(self, shop: Shop) -> None:
        shop.write("en/own.email.txt.j2", "Subject: For {{ customer.name }}\n\nHello")
        mail = shop.render("own", "email", order=order(customer=Customer(name="Ada\r\nBcc: eve")))
        assert mail.subject == "For Ada Bcc: eve"

    def test_what_is_over_shows_no_promised_time(self, shop: Shop) -> None:
        later = order(promised_at=order().created_at)
        assert "Promised for" in shop.render("order.ready", "email", order=later).text
        cancelled = shop.render("order.cancelled", "email", order=later, event=event("order.cancelled"))
        assert "Promised for" not in cancelled.text + (cancelled.html or "")

    def test_that_the_new_time_is_not_known_is_not_said_beside_the_old_one(self, shop: Shop) -> None:
        promised = order(promised_at=order().created_at + HOUR, status="order.delayed")
        mail = shop.render("order.delayed", "email", order=promised, event=event("order.delayed"))
        assert "We do not know the new time yet" in mail.text
        assert "Promised for" not in mail.text + (mail.html or "")
        new = OrderFields(ref="B-1042", promised_at=datetime(2026, 11, 24, 11, 15, tzinfo=UTC))
        mail = shop.render("order.delayed", "email", order=promised, event=event("order.delayed", order=new))
        assert "Promised for" in mail.text

    @pytest.mark.parametrize("kind", ["order.in_production", "order.ready", "order.out_for_delivery", "order.delayed"])
    @pytest.mark.parametrize("medium", ["sms", "email"])
    def test_nobody_is_promised_what_is_over(self, shop: Shop, kind: str, medium: str) -> None:
        noon = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
        what = event(kind, order=OrderFields(ref="B-1042", promised_at=noon))
        for minutes, told in ((-1, True), (40, False)):
            at = milliseconds(noon) + minutes * MINUTE
            late = order(status=kind, status_at=at, promised_at=milliseconds(noon), fulfilment="delivery")
            for locale in ("en", "es", "fr", "de"):
                text = shop.render(kind, medium, locale, event=what, order=late).text
                assert ("12:00" in text) is told, text
            assert "12:00" in shop.render(kind, "chat", event=what, order=late, audience="team").text

    @pytest.mark.parametrize(("hour", "told"), [(15, True), (25, False)])
    def test_what_is_promised_for_a_day_is_not_over_in_its_morning(self, shop: Shop, hour: int, told: bool) -> None:
        day = milliseconds(datetime(2026, 11, 24, tzinfo=SHOP.zone))
        sent = order(
            status="order.out_for_delivery", status_at=day + hour * HOUR, promised_at=day, fulfilment="delivery"
        )
        text = shop.render("order.out_for_delivery", order=sent, event=event("order.out_for_delivery")).text
        assert ("should be there by Tue 24 Nov." in text) is told, text

    @pytest.mark.parametrize("locale", ["en", "es", "fr", "de"])
    def test_what_comes_tomorrow_is_not_awaited_today(self, shop: Shop, locale: str) -> None:
        """A parcel is on its way for days."""
        tomorrow = order(promised_at=order().created_at + 26 * HOUR, status="order.out_for_delivery")
        text = shop.render("order.out_for_delivery", "sms", locale, order=tomorrow).text
        assert re.search(r"\b25\b", text), text


class TestTeam:
    def team(self, shop: Shop, medium: str, **more: Any) -> Rendered:
        return shop.render(medium=medium, audience="team", order=order(total="48.50", note="Deflate"), **more)

    def test_a_line_to_skim_then_details(self, shop: Shop) -> None:
        assert self.team(shop, "chat").text == "Order B-1042 ready · A. L. · £48.50\nNote: Deflate"

    def test_a_text_is_the_line_alone(self, shop: Shop) -> None:
        assert self.team(shop, "sms").text == "Order B-1042 ready - A. L. - £48.50"

    def test_a_mail_has_it_as_subject(self, shop: Shop) -> None:
        mail = self.team(shop, "email")
        assert mail.subject == "Order B-1042 ready · A. L. · £48.50"
        assert "Note: Deflate" in mail.text

    def test_names_in_full_if_the_store_says_so(self, tmp_path: Path) -> None:
        shop = Shop(tmp_path, counter=Counter(show_names=True))
        assert "Ada Lovelace" in self.team(shop, "chat").text

    def test_the_team_is_told_in_the_stores_language(self, shop: Shop) -> None:
        assert self.team(shop, "chat", locale="de").text.startswith("Order B-1042 ready")

    def test_phone_and_mail_are_masked(self, shop: Shop) -> None:
        shop.write("en/order.ready.team.chat.j2", "{{ customer.phone }} {{ customer.email }}")
        text = self.team(shop, "chat").text
        assert "900123" not in text
        assert "Ada@" not in text

    def test_an_audience_may_have_a_text_of_its_own(self, shop: Shop) -> None:
        shop.write("en/order.ready.owner.sms.j2", "Boss: {{ order.ref }}")
        assert shop.render(audience="owner").text == "Boss: B-1042"
        assert shop.render(audience="owner", medium="chat").text.startswith("Order B-1042 ready")

    def test_a_type_of_the_stores_own_has_a_line_too(self, shop: Shop) -> None:
        what = event("order.wrapped")
        assert (
            shop.render("order.wrapped", "chat", audience="team", event=what).text
            == "Order B-1042: order.wrapped · A. L."
        )


class TestOwnWords:
    def test_are_taken_literally(self, shop: Shop) -> None:
        assert shop.render("", text="{{ order.ref }} {% raw %} 50 % off").text == "{{ order.ref }} {% raw %} 50 % off"

    def test_have_a_subject_in_a_mail(self, shop: Shop) -> None:
        mail = shop.render("", "email", text="We found your balloon.\n\nCome by.")
        assert mail.subject == "About your order B-1042"
        assert mail.text.startswith("We found your balloon.\n\nCome by.\n\nKind regards,")

    def test_fill_the_place_in_a_named_text(self, shop: Shop) -> None:
        assert (
            "a question about your order B-1042: Gold or {{ silver }}?"
            in shop.render("staff.question", text="Gold or {{ silver }}?").text
        )

    def test_none_at_all_is_an_error(self, shop: Shop) -> None:
        with pytest.raises(RenderError, match="the text is empty"):
            shop.render("", text="  ")


class TestFirstSms:
    @pytest.mark.parametrize(
        ("country", "setting", "told"),
        [("GB", None, False), ("US", None, True), ("CA", None, True), ("US", False, False), ("GB", True, True)],
    )
    def test_the_opt_out_line_where_the_country_asks_for_it(
        self, tmp_path: Path, country: str, setting: bool | None, told: bool
    ) -> None:
        shop = Shop(tmp_path, store=Store(country=country, first_sms_notice=setting))
        assert shop.render(first_sms=True).text.endswith("\nReply STOP to opt out") is told
        assert "STOP" not in shop.render(first_sms=False).text
        assert "STOP" not in shop.render(first_sms=True, medium="chat").text

    def test_in_the_customers_language(self, tmp_path: Path) -> None:
        shop = Shop(tmp_path, store=Store(country="CA"))
        assert shop.render(first_sms=True, locale="fr-CA").text.endswith("Répondez STOP pour ne plus recevoir de SMS")


class TestCustomersWords:
    def test_are_never_a_template(self, shop: Shop) -> None:
        sly = order(
            customer=Customer(name="{{store|upper}}"), note="{% for x in range(9) %}", items=(Item("{{ 7 * 7 }}"),)
        )
        mail = shop.render(medium="email", order=sly)
        assert "{{store|upper}}" in mail.text
        assert "{{ 7 * 7 }}" in mail.text

    def test_are_escaped_in_html(self, shop: Shop) -> None:
        sly = order(
            ref="<b>1</b>",
            customer=Customer(name='Ada & Bob\'s "x"'),
            items=(Item("<script>alert(1)</script>"),),
            url="javascript:alert(1)",
        )
        html = shop.render(medium="email", order=sly).html or ""
        assert "<script>" not in html
        assert "&lt;script&gt;" in html
        assert "<b>1</b>" not in html
        assert "javascript:" not in html

    def test_a_link_is_only_what_is_nothing_but_a_link(self, shop: Shop) -> None:
        what = event("payment.failed", data={"pay_url": 'https://pay.example/1"onclick="x'})
        html = shop.render("payment.failed", "email", event=what).html or ""
        assert 'onclick="x' not in html
        what = event("payment.failed", data={"pay_url": "https://pay.example/1?a=1&b=2"})
        html = shop.render("payment.failed", "email", event=what).html or ""
        assert '<a href="https://pay.example/1?a=1&amp;b=2">' in html

    @pytest.mark.parametrize(
        "name", ["win at https://evil.example", "www.evil.example", "<i>Ada", "ada@example.com", "x" * 61]
    )
    def test_a_name_that_is_none_is_left_out(self, shop: Shop, name: str) -> None:
        assert shop.render(order=order(customer=Customer(name=name))).text.startswith("Hello, your balloons")

    @pytest.mark.parametrize("name", ["evil.example/claim", "Gift card: evil.com/x", "50 EUR at evil.co.uk"])
    def test_a_mail_greets_nobody_by_an_address(self, shop: Shop, name: str) -> None:
        """Whose order it is said to be gets the mail, and a mail program makes a link of it."""
        bait = order(customer=Customer(name=name))
        for locale in ("en", "de"):
            mail = shop.render(medium="email", order=bait, locale=locale)
            assert "evil" not in mail.text + (mail.html or "")

    @pytest.mark.parametrize("name", ["J.R.Smith", "Dr.Smith", "St.John"])
    def test_a_name_with_dots_is_one(self, shop: Shop, name: str) -> None:
        assert name in shop.render(medium="email", order=order(customer=Customer(name=name))).text

    @pytest.mark.parametrize(
        ("name", "first"),
        [
            ("Ada Lovelace", "Ada"),
            ("Lovelace, Ada", "Ada"),
            ("Dr. Ada Lovelace", "Ada"),
            ("Mrs Ada Lovelace", "Ada"),
            ("  Ada\t\n Lovelace ", "Ada"),
            ("Dr", "Dr"),
            ("Zoé\u202e", "Zoé"),
            ("李小龍", "李小龍"),
            ("Mr & Mrs Lovelace", "Lovelace"),
            ("Mr and Mrs Ada Lovelace", "Ada"),
            ("Herr und Frau Lovelace", "Lovelace"),
            ("M. et Mme Lovelace", "Lovelace"),
            ("Lovelace, Mrs.", "Lovelace"),
            ("Lovelace, Dr. Ada", "Ada"),
            ("🎈 Ada", "Ada"),
            ("Et Lovelace", "Et"),
            ("-", ""),
            ("0000", ""),
            ("{{ ''.__class__.__mro__ }}", ""),
            ("(new) Ada", "Ada"),
        ],
    )
    def test_first_names(self, shop: Shop, name: str, first: str) -> None:
        assert shop.says("[{{ customer.first_name }}]", order=order(customer=Customer(name=name))) == f"[{first}]"


class TestWalls:
    @pytest.mark.parametrize(
        "text",
        [
            "{{ order.__class__ }}",
            "{{ order._order }}",
            "{{ customer._customer.phone }}",
            "{{ ''.__class__.__mro__ }}",
            "{{ event.data._values }}",
            "{{ order.items.append(1) }}",
            "{{ order.total._locale }}",
            "{{ '{0.__class__}'.format(order) }}",
            "{{ self.__init__.__globals__ }}",
            "{% set order.ref = 1 %}",
            "{% include '/etc/passwd' %}",
            "{% include '../../outbox/model.py' %}",
        ],
    )
    def test_nothing_of_pythons_own(self, shop: Shop, text: str) -> None:
        with pytest.raises(RenderError):
            shop.says(text)

    @pytest.mark.parametrize(
        "text",
        [
            "{% for i in range(99999999) %}{% endfor %}",
            "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
            "{{ 'a' * 99999999 }}",
            "{{ 99999 ** 99999 }}",
            "{{ [1] * 99999999 }}",
            "{% for i in range(9000) %}{{ 'a' * 1000 }}{% endfor %}",
        ],
    )
    def test_it_comes_to_an_end(self, shop: Shop, text: str) -> None:
        with pytest.raises(RenderError):
            shop.says(text)

    def test_a_file_has_a_bound(self, shop: Shop) -> None:
        with pytest.raises(RenderError):
            shop.says("x" * 70_000)

    def test_ordinary_loops_and_sums_work(self, shop: Shop) -> None:
        text = "{% for i in order.items %}{{ loop.index }}/{{ loop.length }} {{ i.name * 2 }}{{ 1 + 1 }}{% endfor %}"
        assert shop.says(text, order=order(items=(Item("a"), Item("b")))) == "1/2 aa22/2 bb2"


class TestErrors:
    def failure(self, shop: Shop, text: str, **more: Any) -> RenderError:
        with pytest.raises(RenderError) as caught:
            shop.says(text, **more)
        return caught.value

    def test_an_unknown_name(self, shop: Shop) -> None:
        error = self.failure(shop, "Hello\n\n{{ custmer.name }}")
        assert (error.template, error.line, error.problem) == ("en/own.sms.j2", 3, "'custmer' is undefined")
        assert str(error) == "en/own.sms.j2, line 3: 'custmer' is undefined"

    def test_an_unknown_part_of_a_name(self, shop: Shop) -> None:
        assert self.failure(shop, "{{ order.totl }}").problem == "order has no attribute 'totl'"

    def test_bad_syntax(self, shop: Shop) -> None:
        error = self.failure(shop, "one\n{% if %}")
        assert (error.template, error.line) == ("en/own.sms.j2", 2)

    def test_an_unknown_filter(self, shop: Shop) -> None:
        assert "No filter named 'mony'" in self.failure(shop, "\n{{ 1|mony }}").problem

    def test_in_a_macro_it_names_the_macros_file(self, shop: Shop) -> None:
        shop.write("_macros/mine.j2", "{% macro a(x) %}\n{{ x.nothing }}\n{% endmacro %}")
        error = self.failure(shop, "{% from '_macros/mine.j2' import a %}{{ a(order) }}")
        assert (error.template, error.line) == ("_macros/mine.j2", 2)

    def test_a_missing_import(self, shop: Shop) -> None:
        assert (
            "there is no template _macros/gone.j2"
            in self.failure(shop, "{% from '_macros/gone.j2' import a %}").problem
        )

    def test_a_file_that_is_not_utf_8(self, shop: Shop) -> None:
        shop.write("en/own.sms.j2", "")
        (shop.folder / "en/own.sms.j2").write_bytes(b"gr\xfc\xdfe")
        with pytest.raises(RenderError, match="not UTF-8"):
            shop.render("own")

    def test_it_does_not_quote_the_customer(self, shop: Shop) -> None:
        error = self.failure(shop, "{{ [1].index(customer.name) }}")
        assert "Lovelace" not in str(error)

    def test_absent_things_print_as_nothing(self, shop: Shop) -> None:
        assert shop.says("[{{ order.total }}{{ order.url }}{{ event.data.nothing }}{{ event.amount }}]") == "[]"


def test_filters_in_a_text_of_the_stores_own(shop: Shop) -> None:
    text = (
        "{{ event.data.fee|money }} {{ event.data.words|listed }} {{ order.promised|date }} {{ order.promised|time }}"
    )
    what = event(data={"fee": "3.5", "words": ["gold", "red"]})
    assert (
        shop.says(text, event=what, order=order(promised_at=order().created_at))
        == "£3.50 gold or red 24 Nov 2026 10:15"
    )


def test_numbers_follow_the_language_of_the_text_in_the_recipients_country(shop: Shop) -> None:
    rich = order(total="1048.50", currency="EUR")
    for locale, printed in (("de-AT", "€ 1.048,50"), ("en-US", "€1,048.50"), ("pl", "€1,048.50")):
        shop.write(
            f"{locale.partition('-')[0]}/own.chat.j2" if locale != "pl" else "en/own.chat.j2", "{{ order.total }}"
        )
        assert shop.render("own", "chat", locale, order=rich).text.replace("\u00a0", " ") == printed
