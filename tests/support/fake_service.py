"""A small service that speaks the API as the screen knows it, on loopback: a shop in memory, a real stream, and faults at will.

It is an oracle of its own: it shares no code with `daemon/`. tests/screens also run against the real service where that is there.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from daemon.planner.rules.stages import stage_of
from tests.support.closing import closed
from tests.support.fake_answers import frame, problem
from tests.support.fake_clock import FakeClock
from tests.support.ports import HeldPort
from tests.support.sample_shop import SampleShop, moment, reasoned, shown, usable_contact

Json = dict[str, Any]


class FakeService:
    """`shop` is what it knows. `stop` and `start` take it away and bring it back, with all that it knew, at the same address."""

    def __init__(self, shop: SampleShop, clock: FakeClock) -> None:
        self.shop = shop
        self.clock = clock
        self.posts: list[tuple[str, str, Json, Mapping[str, str]]] = []
        """What was asked to be done: method, path, body, headers."""
        self.lose = 0
        """So many of the next actions are done, but their answers are lost."""
        self.epoch = "first"
        self.refuse: dict[str, tuple[int, str]] = {}
        """Path -> status and detail it is answered with."""
        self.without: set[str] = set()
        """Paths' last parts that this (older) service does not have."""
        self.token = ""
        self.delay: Callable[[], Awaitable[None]] = partial(asyncio.sleep, 0)
        """What passes before a call is answered."""
        self.log: list[tuple[int, str, Json]] = []
        self.first_kept = 0
        self._taken: dict[str, Json] = {}
        self._streams: set[asyncio.Queue[bytes | None]] = set()
        self._runner: web.AppRunner | None = None
        self._address: tuple[str, int] | Path = ("127.0.0.1", 0)
        self._held = HeldPort()  # its own, while it is away

    # ------------------------------------------------------------ life

    @classmethod
    @asynccontextmanager
    async def serving(
        cls, shop: SampleShop, clock: FakeClock, socket: Path | None = None
    ) -> AsyncIterator["FakeService"]:
        service = cls(shop, clock)
        if socket is not None:
            service._address = socket
        await service.start()
        try:
            yield service
        finally:
            await service.stop()
            service._held.let_go()

    @property
    def where(self) -> str:
        address = self._address
        return str(address) if isinstance(address, Path) else f"http://{address[0]}:{address[1]}"

    @property
    def streams(self) -> int:
        return len(self._streams)

    async def start(self) -> None:
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        if isinstance(self._address, Path):
            await web.UnixSite(self._runner, str(self._address)).start()
            return
        self._held.let_go()
        site = web.TCPSite(self._runner, *self._address, reuse_address=True)
        await site.start()
        self._address = self._runner.addresses[0][:2]

    async def stop(self) -> None:
        for queue in self._streams:
            queue.put_nowait(None)
        if self._runner is not None:
            await closed(self._runner)
        self._runner = None
        if isinstance(self._address, Path):
            self._address.unlink(missing_ok=True)
        else:
            self._held.hold(self._address)

    def _app(self) -> web.Application:
        app = web.Application(middlewares=[self._face])
        app.on_response_prepare.append(self._date)
        app.add_routes(
            [
                web.get("/v1/status", self._status),
                web.get("/v1/stream", self._stream),
                web.get("/v1/orders", self._list(lambda: self._newest_orders())),
                web.get("/v1/orders/{ref}", self._order),
                web.get("/v1/messages", self._list(lambda: self._newest_messages())),
                web.get("/v1/messages/{id}", self._message),
                web.get("/v1/channels", self._list(lambda: list(self.shop.channels.values()))),
                web.get("/v1/templates", self._list(lambda: self.shop.templates)),
                web.get("/v1/replies", self._list(lambda: list(self.shop.replies.values()))),
                web.get("/v1/call-list", self._list(lambda: list(self.shop.calls.values()))),
                web.get("/v1/optouts", self._list(lambda: list(self.shop.optouts.values()))),
                web.get("/v1/audit", self._list(lambda: self.shop.audit[::-1])),
                web.get("/v1/audit/verify", self._verify),
                web.get("/v1/orders/{ref}/ways", self._ways),
                web.get("/v1/quarantine", self._list(lambda: list(self.shop.kept.values()))),
                web.post("/v1/orders/{ref}/contact/preview", self._contact_preview),
                web.post("/v1/orders/preview", self._new_preview),
                web.post("/v1/orders/{ref}/preview", self._preview),
                web.post("/v1/messages/preview", self._render),
                web.route("*", "/{rest:.*}", self._act),
            ]
        )
        return app

    async def _date(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = format_datetime(datetime.fromtimestamp(self.clock.now() / 1000, UTC), usegmt=True)

    @web.middleware
    async def _face(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return problem(401, "no token, or an unknown one")
        if request.path in self.refuse:
            return problem(*self.refuse[request.path])
        if request.path.rsplit("/", 1)[-1] in self.without:
            return problem(404, "no such call")
        await self.delay()
        answer: web.StreamResponse = await handler(request)
        return answer

    # ------------------------------------------------------------ reads

    async def _status(self, request: web.Request) -> web.Response:
        return web.json_response(self.shop.glance())

    def _list(self, things: Callable[[], list[Json]]) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def page(request: web.Request) -> web.Response:
            return self._page(request, things())

        return page

    def _page(self, request: web.Request, things: list[Json]) -> web.Response:
        start, limit = int(request.query.get("cursor", 0)), int(request.query.get("limit", 50))
        if stages := request.query.getall("stage", []):
            things = [each for each in things if each["stage"] in stages]
        things = [each for each in things if not (request.query.get("unread") == "true" and each["read"])]
        following = str(start + limit) if start + limit < len(things) else None
        return web.json_response({"items": things[start : start + limit], "next": following})

    def _newest_orders(self) -> list[Json]:
        newest = sorted(self.shop.orders.values(), key=lambda order: order["updated_at"], reverse=True)
        return [shown(order) for order in newest]

    def _newest_messages(self) -> list[Json]:
        return sorted(self.shop.messages.values(), key=lambda message: message["created_at"], reverse=True)

    async def _order(self, request: web.Request) -> web.Response:
        order = self.shop.orders.get(request.match_info["ref"])
        return problem(404, "no such order") if order is None else web.json_response(shown(self.shop.story(order)))

    async def _message(self, request: web.Request) -> web.Response:
        message = self.shop.messages.get(request.match_info["id"])
        if message is None:
            return problem(404, "no such message")
        return web.json_response({**message, "attempts": self.shop.attempts.get(message["id"], [])})

    async def _verify(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True, "entries": len(self.shop.audit), "first_bad": None})

    async def _preview(self, request: web.Request) -> web.Response:
        order = self.shop.orders[request.match_info["ref"]]
        return web.json_response({"messages": self.shop.prospect(order, await request.json())})

    async def _new_preview(self, request: web.Request) -> web.Response:
        event = await request.json()
        return web.json_response({"messages": self.shop.prospect_of_new(event)})

    async def _ways(self, request: web.Request) -> web.Response:
        return web.json_response(self.shop.ways(request.match_info["ref"], request.query.get("message_id", "")))

    async def _contact_preview(self, request: web.Request) -> web.Response:
        order, body = self.shop.orders[request.match_info["ref"]], await request.json()
        if (usable := usable_contact(body)) is None:
            return problem(422, "this can't be a usable phone number (GB)")
        if body.get("tell") is False:
            return web.json_response({"messages": []})
        return web.json_response(
            {
                "messages": self.shop.prospect(
                    {**order, "customer": {**order["customer"], **usable}},
                    {"template": order["status"]} | ({"text": body["text"]} if "text" in body else {}),
                )
            }
        )

    async def _render(self, request: web.Request) -> web.Response:
        body = await request.json()
        text = body.get("text") or self.shop.text(self.shop.orders[body["order_ref"]], body["template"])
        return web.json_response({"subject": None, "text": text, "html": None, "sms": self.shop.sms(text)})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Tether-Epoch": self.epoch})
        await response.prepare(request)
        last = request.headers.get("Last-Event-ID")
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        if last is not None and int(last) < self.first_kept:
            await response.write(b"id: %d\nevent: reset\ndata: {}\n\n" % len(self.log))
        elif last is not None:
            for number, name, data in self.log[int(last) :]:
                await response.write(frame(number, name, data))
        await response.write(b": hello\n\n")
        self._streams.add(queue)
        try:
            while (data := await queue.get()) is not None:
                await response.write(data)
        finally:
            self._streams.discard(queue)
        return response

    def tell(self, name: str, data: Json) -> None:
        """Put a change on the record and the stream."""
        number = len(self.log) + 1
        self.log.append((number, name, json.loads(json.dumps(data))))
        for queue in self._streams:
            queue.put_nowait(frame(number, name, data))

    # ------------------------------------------------------------ actions

    async def _act(self, request: web.Request) -> web.StreamResponse:
        body: Json = await request.json() if request.can_read_body else {}
        self.posts.append((request.method, request.path, body, dict(request.headers)))
        key = body.get("id") or request.headers["Idempotency-Key"]
        if key not in self._taken:
            answer = self._do(request.method, request.path.removeprefix("/v1/").split("/"), body)
            if isinstance(answer, web.Response):
                return answer
            self._taken[key] = answer
        if self.lose > 0:
            self.lose -= 1
            assert request.transport is not None
            request.transport.close()
        return web.json_response(self._taken[key])

    def _do(self, method: str, path: list[str], body: Json) -> Json | web.Response:
        match [method, *path]:
            case ["POST", "orders", ref, "status"] if body["status"] == "order.changed":
                self.change_order(ref, promised_at=body["promised_at"])
            case ["POST", "orders", ref, "status"]:
                return self.set_status(ref, body["status"], silent=body.get("silent", False), text=body.get("text", ""))
            case ["POST", "orders", ref, "messages"]:
                return self._manual(ref, body)
            case ["POST", "orders", ref, "undo"]:
                return self._undo(ref, body["event_id"])
            case ["POST", "orders", ref, "contact"]:
                return self._contact(ref, body)
            case ["POST", "orders", _, "told"] if self.shop.is_past(body.get("message_id", "")):
                self.change_message(body["message_id"], state="delivered", reason="by Kim")
            case ["POST", "orders", ref, "told"]:
                return self._told(ref, body["how"])
            case ["POST", "quarantine", kept_id, "replay" | "drop"]:
                self.shop.kept.pop(kept_id)
            case ["POST", "orders", ref, "hold" | "release" as verb]:
                self.change_order(ref, held=verb == "hold")
            case ["POST", "messages", message_id, "retry"]:
                channel = body.get("channel") or self.shop.messages[message_id]["channel"]
                self.change_message(message_id, state="queued", reason="", channel=channel)
            case ["POST", "messages", message_id, "cancel"]:
                self.change_message(message_id, state="cancelled", reason=body["reason"])
            case ["POST", "channels", name, "pause" | "resume" as verb]:
                self.shop.channels[name] |= {
                    "state": "paused" if verb == "pause" else "ready",
                    "reason": body.get("reason", ""),
                }
                self.tell("channel", self.shop.channels[name])
            case ["POST", "channels", name, "test"]:
                return {"ok": True, "summary": f"{self.shop.channels[name]['title']} lets us in"}
            case ["POST", "replies", reply_id, "read"]:
                self.shop.replies[reply_id] |= {"read": True}
                self.tell("reply", self.shop.replies[reply_id])
            case ["POST", "call-list", message_id, "done"]:
                self.shop.calls[message_id] |= {"done_at": moment(self.clock.now())}
                return self._told(self.shop.calls[message_id]["order_ref"], "phone")
            case ["PUT", "optouts"]:
                entry_id = f"o{len(self.shop.optouts) + 1}"
                stamp = {"id": entry_id, "actor": "till-2", "at": moment(self.clock.now())}
                self.shop.optouts[entry_id] = {**body, "address": "+44…0123", **stamp}
            case ["DELETE", "optouts"]:
                which = body.get("id") or f"{body['order_ref']} {body['medium']}"
                if not (self.shop.optouts.pop(which, None) or self.shop.silent.pop(which, None)):
                    return problem(404, "there is no such opt-out")
            case ["POST", "status", "seen"]:
                self.shop.trouble = []
            case ["POST", "orders"]:
                return self._take(body)
            case _:
                return problem(404, "no such call")
        return {}

    def set_status(self, ref: str, status: str, *, silent: bool = False, text: str = "") -> Json:
        """As staff or the till would: the order moves, its customer's message waits out the grace period."""
        event_id = f"e{len(self.log)}"
        before = self.shop.orders[ref]["status"]
        self.change_order(ref, status=status, stage=stage_of(status), told=None)
        who, messages = self.shop.orders[ref]["customer"], list[Json]()
        if not silent:
            now, state = self.clock.now(), "queued" if who["phone"] or who["email"] else "suppressed"
            message = self.shop.add_message(ref, status, due_at=now + 8000, text=text, now=now, state=state)
            messages, message["event_id"] = [message], event_id
            self.tell("message", message)
            self.change_order(ref, told=self.shop.told(message))
        self.shop.undo[event_id] = before
        return {"event_id": event_id, "undo_until": moment(self.clock.now() + 8000), "messages": messages}

    def _manual(self, ref: str, body: Json) -> Json:
        event_id = f"e{len(self.log)}"
        message = self.shop.add_message(
            ref, body.get("template", ""), due_at=self.clock.now() + 8000, now=self.clock.now()
        )
        message["event_id"] = event_id
        self.tell("message", message)
        return {"event_id": event_id, "undo_until": moment(self.clock.now() + 8000), "messages": [message]}

    def _contact(self, ref: str, body: Json) -> Json | web.Response:
        """The address is kept, and what did not arrive goes out to it."""
        if (usable := usable_contact(body)) is None:
            return problem(422, "this can't be a usable phone number (GB)")
        order = self.shop.orders[ref]
        order["customer"] |= usable
        if body.get("tell") is False:
            self.change_order(ref)
            return {"event_id": f"e{len(self.log)}", "undo_until": None}
        return self.set_status(ref, order["status"])

    def _told(self, ref: str, how: str) -> Json:
        event_id = f"e{len(self.log)}"
        message = self.shop.add_message(
            ref, self.shop.orders[ref]["status"], state="delivered", channel="", now=self.clock.now()
        )
        code = "phoned" if how == "phone" else "told_in_person"
        message |= {"event_id": event_id, "reason": "by Kim", "reason_code": code, "reason_args": {"who": "Kim"}}
        self.shop.untold[event_id] = self.shop.orders[ref]["told"]
        self.tell("message", message)
        self.change_order(ref, told=self.shop.told(message))
        return {"event_id": event_id, "undo_until": moment(self.clock.now() + 8000)}

    def _undo(self, ref: str, event_id: str) -> Json | web.Response:
        if event_id in self.shop.untold:
            self.change_order(ref, told=self.shop.untold.pop(event_id))
            return {"event_id": event_id, "cancelled": 0, "status": self.shop.orders[ref]["status"]}
        if event_id not in self.shop.undo:
            return problem(409, "it is too late to undo that")
        status = self.shop.undo.pop(event_id)
        for message in [each for each in self.shop.messages.values() if each["event_id"] == event_id]:
            self.change_message(message["id"], state="cancelled", reason="undone")
        self.change_order(ref, status=status, stage=stage_of(status), told=None)
        return {"event_id": event_id, "cancelled": 1, "status": status}

    def _take(self, event: Json) -> Json:
        order = self.shop.order_of(event, self.clock.now())
        self.tell("order", shown(order))
        self.shop.undo[event["id"]] = "order.deleted"
        first = {"id": "m", "recipient": "customer", "state": "queued"}
        return {"event_id": event["id"], "undo_until": moment(self.clock.now() + 8000), "messages": [first]}

    # ------------------------------------------------------------ what happens by itself

    def change_order(self, ref: str, **changes: Any) -> None:
        self.shop.orders[ref] |= {**changes, "updated_at": moment(self.clock.now())}
        self.tell("order", shown(self.shop.orders[ref]))

    def change_message(self, message_id: str, **changes: Any) -> None:
        """A message moves; its order's "told" with it."""
        message = self.shop.messages[message_id]
        if "reason" in changes:
            changes |= reasoned(changes["reason"])
        message |= {**changes, "updated_at": moment(self.clock.now())}
        self.shop.tell_order(message)
        self.tell("message", message)

    def change_uplink(self, state: str) -> None:
        self.shop.uplink = {"state": state, "since": moment(self.clock.now())}
        self.tell("uplink", self.shop.uplink)

    def reply(self, ref: str, text: str, *, consent: str | None = None, action: str | None = None) -> None:
        self.tell("reply", self.shop.add_reply(ref, text, now=self.clock.now(), consent=consent, action=action))
