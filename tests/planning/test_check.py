"""`tether templates check` finds what is wrong with a store's texts before a customer does."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from daemon.config import RouteTable, Settings, Templates
from daemon.planner.check import Finding, check_templates
from daemon.planner.template_files import shipped_templates
from tests.support.planning import SHOP


class Folder:
    """A store's own texts, beside the English ones that ship."""

    def __init__(self, path: Path, shipped: Path) -> None:
        self.path = path
        self.shipped = shipped

    def write(self, name: str, text: str | bytes) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def findings(self, **changes: Any) -> list[Finding]:
        given: dict[str, Any] = {"store": SHOP, "templates": Templates(path=self.path), **changes}
        return check_templates(Settings(**given), shipped=self.shipped)

    def only(self, **changes: Any) -> Finding:
        [finding] = self.findings(**changes)
        return finding


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shipped")
    for name in ("en", "_macros"):
        shutil.copytree(shipped_templates() / name, folder / name)
    return folder


@pytest.fixture
def folder(tmp_path: Path, english: Path) -> Folder:
    return Folder(tmp_path / "texts", english)


def test_a_folder_that_is_not_there_is_fine(folder: Folder) -> None:
    assert folder.findings() == []


def test_a_good_text_is_fine(folder: Folder) -> None:
    folder.write(
        "en/order.ready.sms.j2", "{% set at = order.promised %}{% if at %}{{ at|time }}{% endif %} {{ order.ref }}"
    )
    folder.write("en/order.ready.team.chat.j2", "{{ customer.name }} {{ order.ref }}")
    folder.write("de-AT/order.ready.sms.j2", "Servus {{ order.ref }}")
    assert folder.findings() == []


@pytest.mark.parametrize(
    ("text", "line", "problem", "remedy"),
    [
        ("a\n{{ custmer.name }}", 2, "'custmer' is not known", "did you mean 'customer'?"),
        ("{{ order.ref }}\n\n{{ order.totl }}", 3, "order has no 'totl'", "did you mean 'total'?"),
        ("{% if false %}{{ store.fone }}{% endif %}x", 1, "store has no 'fone'", "did you mean 'phone'?"),
        ("{% if order.ref %}\nno end", 2, "Unexpected end of template", "correct the line"),
        ("{{ order.ref|mony }}", 1, "No filter named 'mony'", "correct the line"),
        ("{{ order.ref is lonk }}", 1, "No test named 'lonk'", "correct the line"),
    ],
)
def test_mistakes_have_a_place_and_a_remedy(folder: Folder, text: str, line: int, problem: str, remedy: str) -> None:
    folder.write("en/order.ready.sms.j2", text)
    findings = [found for found in folder.findings() if problem in found.problem]
    assert findings
    assert findings[0].severity == "error"
    assert (findings[0].file, findings[0].line) == (str(folder.path / "en/order.ready.sms.j2"), line)
    assert remedy in findings[0].remedy


def test_what_only_shows_in_rendering(folder: Folder) -> None:
    folder.write("en/order.ready.sms.j2", "{{ order.total + order.ref }}")
    found = folder.only()
    assert (found.severity, found.line) == ("error", 1)


def test_what_only_shows_for_an_order_of_which_little_is_known(folder: Folder) -> None:
    folder.write("en/order.ready.sms.j2", "{{ order.items[0].name }}")
    assert "has no element 0" in folder.only().problem


def test_a_mail_without_subject(folder: Folder) -> None:
    folder.write("en/order.ready.email.txt.j2", "Hello")
    assert 'write "Subject: ..."' in folder.only().problem


def test_html_of_ones_own(folder: Folder) -> None:
    folder.write("en/order.ready.email.html.j2", "{{ paragraphs|length }} {{ boody }}")
    assert folder.only().problem == "'boody' is not known"


def test_what_makes_a_text_dear_is_named(folder: Folder) -> None:
    folder.write("en/order.ready.sms.j2", "{{ customer.name }} {{ order.ref }} – “now” \u2764\ufe0f🎈 " + "x" * 60)
    found = folder.only()
    assert "UCS-2" in found.problem
    assert found.remedy.startswith("leave out \u2764 🎈:")


def test_a_condition_that_can_never_be_decided(folder: Folder) -> None:
    found = folder.only(
        route=(RouteTable(on="order.ready", to="customer", via=("twilio",), when="order.totl > 3"),),
    )
    assert found.severity == "error"
    assert "route[0] (on 'order.ready')" in found.problem
    assert "order has no 'totl'" in found.problem
    assert found.remedy == "did you mean 'total'?"


def test_a_condition_that_can_not_be_read(folder: Folder) -> None:
    found = folder.only(route=(RouteTable(on="order.ready", to="customer", via=("twilio",), when="order.total >"),))
    assert found.problem.startswith("route[0] (on 'order.ready') can't be read: when = 'order.total >': ")


@pytest.mark.parametrize(
    ("on", "template", "meant"),
    [
        ("order.redy", None, "'order.ready'"),
        ("order.wrapped", None, None),
        ("order.ready", "order.collect", None),
    ],
)
def test_a_route_whose_type_nearly_is_one(folder: Folder, on: str, template: str | None, meant: str | None) -> None:
    found = folder.only(route=(RouteTable(on=on, to="customer", via=("twilio",), template=template),))
    assert "of which there is no text" in found.problem
    assert found.remedy.partition("; did you mean ")[2].removesuffix("?") == (meant or "")


def test_a_text_over_one_sms(folder: Folder) -> None:
    folder.write("en/order.ready.sms.j2", "{{ customer.name }} {{ order.ref }} " + "x" * 130)
    found = folder.only()
    assert (found.severity, found.problem) == (
        "warning",
        "takes 2 SMS (162 units of GSM-7) for a name of 20 characters",
    )


def test_an_emoji_makes_it_dear(folder: Folder) -> None:
    folder.write(
        "en/order.ready.sms.j2", "🎈 {{ order.ref }} is ready to collect, and we are looking forward to seeing you"
    )
    assert "UCS-2" in folder.only().problem


@pytest.mark.parametrize(
    ("name", "severity", "problem", "remedy"),
    [
        (
            "en/order.redy.sms.j2",
            "warning",
            "no event type or route has the name 'order.redy'",
            "did you mean 'order.ready'?",
        ),
        (
            "en/order.ready.smss.j2",
            "error",
            "'order.ready.smss.j2' names no medium",
            "the medium one of sms, email.txt",
        ),
        ("english/order.ready.sms.j2", "error", "'english' is no locale", "like en or fr-CA"),
        ("en_gb/order.ready.sms.j2", "error", "'en_gb' is no locale", "like en or fr-CA"),
    ],
)
def test_names_of_files(folder: Folder, name: str, severity: str, problem: str, remedy: str) -> None:
    folder.write(name, "{{ order.ref }}")
    found = folder.only()
    assert found.severity == severity
    assert problem in found.problem
    assert remedy in found.remedy


def test_names_that_routes_and_audiences_bring_are_known(folder: Folder) -> None:
    folder.write("en/order.collect.sms.j2", "{{ order.ref }}")
    folder.write("en/order.ready.owner.sms.j2", "{{ order.ref }}")
    route = RouteTable(on="order.ready", to="customer", via=("twilio",), template="order.collect")
    assert folder.findings(route=(route,), audiences={"owner": {"phone": "+447400123456"}}) == []


def test_a_file_that_is_not_text(folder: Folder) -> None:
    folder.write("en/order.ready.sms.j2", b"\xff\xfe")
    assert "save the file as UTF-8" in folder.only().remedy


def test_a_language_that_is_begun_but_not_complete(folder: Folder) -> None:
    folder.write("pl/order.ready.sms.j2", "{{ order.ref }}")
    found = folder.only()
    assert found.severity == "warning"
    assert found.problem.startswith(
        "54 texts are not there in 'pl'; the store's language (en) is sent instead: order.placed.sms.j2"
    )


def test_a_store_in_a_language_that_does_not_ship(folder: Folder) -> None:
    polish = type(SHOP)(name="Balony", locale="pl-PL", country="PL")
    assert "English is sent instead" in folder.only(store=polish).problem


def test_a_route_whose_text_is_not_there(folder: Folder) -> None:
    routes = (
        RouteTable(on="order.wrapped", to="customer", via=("twilio",)),
        RouteTable(on="order.*", to="customer", via=("twilio",)),
        RouteTable(on="order.folded", to="team", via=("slack",)),
    )
    found = folder.only(route=routes)
    assert found.severity == "error"
    assert found.problem == "route[0] (on 'order.wrapped') sends 'order.wrapped', of which there is no text"
    assert found.remedy.startswith(f"write {folder.path}/en/order.wrapped.sms.j2")


def test_errors_come_first(folder: Folder) -> None:
    folder.write("en/order.placed.sms.j2", "x" * 200)
    folder.write("en/order.ready.sms.j2", "{{ nope }}")
    assert [found.severity for found in folder.findings()] == ["error", "warning"]
