"""The hook's answer, written with less ado than aiohttp's own: its head is the same each time but for the date and the length."""

from aiohttp import web

Taken = web.Response
