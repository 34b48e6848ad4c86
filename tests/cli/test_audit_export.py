"""An export is whole or not there."""

import asyncio
import sys
from pathlib import Path

from aiohttp import web

ROOT = Path(__file__).resolve().parents[2]


async def _alive(request: web.Request) -> web.Response:
    return web.json_response({})


async def _break_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"the first entry\n")
    assert request.transport is not None
    request.transport.abort()
    return response


async def export(folder: Path, output: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "daemon", "audit", "export", "--output", output),
        *("--config", str(folder / "tether.toml")),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_one_that_breaks_off_leaves_the_older_one(tmp_path: Path) -> None:
    app = web.Application()
    app.add_routes([web.get("/healthz", _alive), web.get("/v1/audit/export", _break_off)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "tether.sock")).start()
    (tmp_path / "tether.toml").write_text("")
    older = tmp_path / "audit.jsonl"
    older.write_text("the older one")
    try:
        code, said = await export(tmp_path, str(older))
    finally:
        await runner.cleanup()
    assert (code, "the service broke off" in said) == (1, True), said
    assert older.read_text() == "the older one"
    assert list(tmp_path.glob("*.part")) == []


async def test_it_may_go_to_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "tether.toml").write_text("")
    code, said = await export(tmp_path, "/dev/stdout")
    assert (code, said.strip()) == (0, "0 entries are in /dev/stdout")
