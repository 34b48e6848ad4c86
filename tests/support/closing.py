"""The end of a server that a test made of aiohttp's parts."""

from aiohttp import web

from tests.support.fake_clock import settle


async def closed(runner: web.AppRunner) -> None:
    """With whoever was accepted in the last moment: aiohttp closes those whom it knows, and these become known a turn of the loop later."""
    for site in list(runner.sites):
        await site.stop()
    await settle()
    await runner.cleanup()
