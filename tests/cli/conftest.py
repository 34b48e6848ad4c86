"""A running and a stopped shop, each kept for a whole module: a process a command is slow enough."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import msgspec
import pytest
import pytest_asyncio

from tests.support.shop import Shop, open_shop


class Done:
    """What a command left behind."""

    def __init__(self, process: "subprocess.CompletedProcess[str]") -> None:
        self.code = process.returncode
        self.out = process.stdout
        self.err = process.stderr

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


Tether: TypeAlias = Callable[..., Awaitable[Done]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stopped_shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """Configured, never started: commands open its database themselves."""
    async with open_shop(tmp_path_factory.mktemp("shop")) as shop:
        shop.configure(["twilio", "sendgrid", "slack"], extra='[audiences.owner]\nphone = "+447400123456"\n')
        yield shop


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(stopped_shop: Shop) -> Shop:
    """The same, with its service running."""
    await stopped_shop.start()
    return stopped_shop


def of(shop: Shop) -> Tether:
    """Run a command as a process, while the sandbox goes on answering in this one."""

    async def run(*arguments: str, stdin: str | None = None) -> Done:
        return Done(await asyncio.to_thread(shop.tether, *arguments, check=False, stdin=stdin))

    return run


@pytest.fixture
def tether(shop: Shop) -> Tether:
    """`await tether("orders", "show", "B-1")` with the service running."""
    return of(shop)


@pytest.fixture
def tether_alone(stopped_shop: Shop) -> Tether:
    """The same with the service stopped."""
    return of(stopped_shop)
