"""The pages for who writes routes and texts: their examples work, and their tables say what is there."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from daemon.config import RouteTable, Settings, Templates, decode
from daemon.planner.check import check_templates
from daemon.planner.defaults import OPTIONAL
from daemon.planner.formats import Formats
from daemon.planner.plan import make_planner
from daemon.planner.render import Renderer
from daemon.planner.render_context import ItemView, attributes
from daemon.planner.routes import compile_routes
from daemon.wire.event_types import EVENT_TYPES
from outbox.model import Item
from tests.support.planning import REACH, SHOP, event, order

DOCS = Path(__file__).resolve().parents[2] / "docs"


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", blocks("routes.md", "toml"))
def test_examples_of_routes(example: str) -> None:
    table = tomllib.loads(example) | {"channels": {name: {} for name in REACH}}
    settings = decode(table, Settings, where="docs/routes.md")
    assert make_planner(compile_routes(settings, REACH), settings, REACH)


def test_the_keys_of_a_route() -> None:
    listed = re.findall(
        r"^\| `([a-z_]+)` \| .* \| .* \|$", (DOCS / "routes.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(listed) == {field.encode_name for field in msgspec.structs.fields(RouteTable)}


def test_the_shipped_routes_are_listed() -> None:
    text = (DOCS / "routes.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", text, re.MULTILINE) == [
        *EVENT_TYPES,
        *(shipped.route.on for shipped in OPTIONAL),
    ]


def test_examples_of_texts(tmp_path: Path) -> None:
    examples = blocks("templates.md", "jinja")
    names = [re.match(r"\{# (\S+) #\}", example) for example in examples]
    for example, name in zip(examples, names, strict=True):
        assert name
        (tmp_path / name[1]).parent.mkdir(exist_ok=True)
        (tmp_path / name[1]).write_text(example, encoding="utf-8")
    settings = Settings(store=SHOP, templates=Templates(path=tmp_path))
    assert check_templates(settings) == []
    renderer = Renderer(settings)
    text = renderer.render("order.ready", "sms", "en", event=event(), order=order(promised_at=order().created_at)).text
    assert text == "Hi Ada, your balloons (order B-1042) are ready.\nWe expect you at 10:15. Balloon Loft"
    assert renderer.render("order.ready", "email", "en", event=event(), order=order()).subject == "Ready: order B-1042"


def test_the_names_that_a_text_may_use() -> None:
    text = (DOCS / "templates.md").read_text(encoding="utf-8")
    section = text.split("## What you may name", 1)[1].split("\n## ", 1)[0]
    table = "\n".join(row.split("|")[1] for row in section.splitlines() if row.startswith("|"))
    for view, names in attributes().items():
        assert set(re.findall(rf"`{view}\.([a-z_]+)`", table)) == names
    item = ItemView(Item("Bouquet"), None, Formats(SHOP, "en"))
    assert all(f"`{name}`" in section for name in dir(item) if not name.startswith("_"))
