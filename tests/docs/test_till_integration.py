"""docs/till-integration.md and the README's call: every example is run as it stands, against a running service."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.shop import Shop, open_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "till-integration.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```(sh|python|php)\n(.*?)```", PAGE, re.DOTALL)
SECRET = "whsec_YmFsbG9vbi1zaG9wLXRlc3Qtc2VjcmV0LTAwMDE="
RUN = {"sh": ["sh", "-ec"], "python": [sys.executable, "-c"], "php": ["php", "-r"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path_factory.mktemp("shop")) as it:
        it.configure(["twilio", "sendgrid"])
        env = it.folder / ".env"
        env.write_text(env.read_text() + f"TETHER_WEBHOOK_SECRET={SECRET}\n")
        await it.start()
        yield it


def can_run(language: str) -> bool:
    if language == "php":
        loaded = "exit((int) !extension_loaded('curl'));"
        return shutil.which("php") is not None and subprocess.run(["php", "-r", loaded]).returncode == 0
    return language != "sh" or shutil.which("curl") is not None


async def run(shop: Shop, language: str, code: str, **more: str) -> str:
    if not can_run(language):
        pytest.skip(f"curl or PHP with its curl extension is not on this machine, for {language}: `make system-test`")
    process = await asyncio.create_subprocess_exec(
        *RUN[language],
        code.removeprefix("<?php\n"),
        env={**os.environ, "TETHER_CONFIG": str(shop.config), **more},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return said.decode()


async def event(shop: Shop, id: str) -> dict[str, Any]:
    return dict(await shop.get(f"/v1/events/{id}"))


async def test_page_has_an_example_in_each_language() -> None:
    assert {language for language, _ in EXAMPLES} == set(RUN)
    assert re.search(r"""["']ref["'][^\n]*["']customer["']""", PAGE), "one at least has a customer"


@pytest.mark.parametrize(
    ("language", "code"), EXAMPLES, ids=[f"{language}-{n}" for n, (language, _) in enumerate(EXAMPLES)]
)
async def test_example(shop: Shop, language: str, code: str) -> None:
    name = f"example-{EXAMPLES.index((language, code))}"
    token = (await asyncio.to_thread(shop.tether, "token", "new", name, "--scope", "events")).stdout.strip()
    await run(shop, language, code, TETHER_URL=shop.url, TETHER_TOKEN=token, TETHER_WEBHOOK_SECRET=SECRET)
    ids = re.findall(r"""["']id["'](?::| =>) ["']([^"']+)["']""", code)
    assert ids, "every example posts something"
    for each in ids:
        assert (await event(shop, each))["id"] == each
    await shop.until({"sent", "delivered", "suppressed", "superseded"})
    texts = " ".join(arrival.text for arrival in shop.sandbox.messages)
    for ref in re.findall(r"""["']ref["'](?::| =>) ["']([^"']+)["']\}?\]?, ["']customer["']""", code):
        assert ref in texts, "its customer hears of it"


async def test_the_readmes_call(shop: Shop) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [code] = [block for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL) if "curl" in block]
    for written, here in ((".venv/bin", str(Path(sys.executable).parent)), ("http://127.0.0.1:8787", shop.url)):
        assert written in code
        code = code.replace(written, here)
    said = await run(shop, "sh", code)
    assert "till-2-77811" in said
    assert (await event(shop, "till-2-77811"))["source"] == "till-2"
