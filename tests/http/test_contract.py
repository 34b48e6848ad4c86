"""/openapi.json says what is served: it is valid, complete, and what it documents is what is seen."""

import re
from importlib.metadata import version
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from daemon.api.app import make_app
from daemon.api.plumbing.gate import TokenGate
from daemon.api.plumbing.guards import Guards
from daemon.api.plumbing.services import Vitals
from tests.support.face import Face, opened
from tests.support.small_store import SmallStore


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def document() -> Any:
    """Read once: no test changes it."""
    async with opened() as face:
        return (await face.get("/openapi.json", as_=None)).json


def test_document_is_valid(document: Any) -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator

    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_document_has_every_route_that_is_served(document: Any, store: SmallStore) -> None:
    services = store.services
    served = {
        (route.method, route.resource.canonical)
        for route in make_app(TokenGate(services, Guards(services.clock))).router.routes()
        if route.resource is not None and route.method not in ("HEAD", "OPTIONS", "*")
    }
    documented = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert served == documented


PROMISED = """
POST /v1/events
POST /v1/hooks/{source}
GET /v1/events/{id}
GET /v1/orders
GET /v1/orders/{ref}
POST /v1/orders/{ref}/status
POST /v1/orders/{ref}/messages
POST /v1/orders/{ref}/hold
POST /v1/orders/{ref}/release
GET /v1/messages
GET /v1/messages/{id}
POST /v1/messages/{id}/retry
POST /v1/messages/{id}/cancel
POST /v1/messages/preview
GET /v1/channels
POST /v1/channels/{name}/pause
POST /v1/channels/{name}/resume
POST /v1/channels/{name}/test
GET /v1/optouts
PUT /v1/optouts
DELETE /v1/optouts
GET /v1/audit
GET /v1/audit/verify
POST /v1/receipts/{channel}
GET /v1/stream
GET /healthz
GET /readyz
GET /metrics
GET /openapi.json
GET /docs
"""


@pytest.mark.parametrize("line", PROMISED.strip().splitlines())
def test_document_has_every_call_of_the_design(document: Any, line: str) -> None:
    method, path = line.split()
    assert method.lower() in document["paths"][path]


def test_answers_are_named_as_people_call_them_and_have_all_their_fields(document: Any) -> None:
    """The structs' defaults are for readers of other releases: a program may rely on all that this one gives."""
    schemas = document["components"]["schemas"]
    assert [name for name in schemas if not name.isidentifier()] == []
    assert set(schemas["Order"]["required"]) == set(schemas["Order"]["properties"])
    assert set(schemas["Entry"]["required"]) == {"at", "kind"}
    assert set(schemas["ProblemBody"]["required"]) == {"type", "title", "status", "detail"}
    assert "default" not in schemas["Order"]["properties"]["held"]
    assert schemas["Order"]["properties"]["updated_at"] == {"type": "string", "format": "date-time"}
    assert "superseded" in schemas["Message"]["properties"]["state"]["enum"]


def test_statuses_of_the_hook(document: Any) -> None:
    statuses = set(document["paths"]["/v1/events"]["post"]["responses"])
    assert statuses >= {"200", "202", "207", "400", "401", "403", "409", "413", "415", "422", "429", "507"}


def test_operations_have_names_summaries_and_security(document: Any) -> None:
    seen: list[str] = []
    for path, item in document["paths"].items():
        for operation in item.values():
            seen.append(operation["operationId"])
            assert operation["summary"]
            assert operation["tags"][0] in {tag["name"] for tag in document["tags"]}
            open_door = not path.startswith("/v1") or path.startswith(("/v1/hooks", "/v1/receipts"))
            assert bool(operation["security"]) is not open_door, path
    assert len(seen) == len(set(seen))


def test_examples_fit_their_schemas(document: Any) -> None:
    from openapi_schema_validator import OAS31Validator

    for item in document["paths"].values():
        for operation in item.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for example in content.get("examples", {}).values():
                    schema = {**content["schema"], "components": document["components"]}
                    assert list(OAS31Validator(schema).iter_errors(example["value"])) == []


async def test_docs_page_is_whole_and_alone(face: Face, document: Any) -> None:
    page = await face.get("/docs", as_=None)
    assert f"curl http://127.0.0.1:{face.port}/v1/orders" in page.body.decode(), "its examples post to this very door"
    assert "8787" not in page.body.decode()
    text = page.body.decode()
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "script" not in page.headers["Content-Security-Policy"]
    assert "<script" not in text
    fetched = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert all(each.startswith(("#", "/", "data:")) for each in fetched)
    anchors = set(re.findall(r'id="([^"]+)"', text))
    assert {each[1:] for each in fetched if each.startswith("#")} <= anchors
    for path in document["paths"]:
        assert path in text
    assert "problem-422" in anchors


async def test_machines_calls(face: Face) -> None:
    assert (await face.get("/healthz", as_=None)).json == {"status": "alive", "version": version("tether-box")}
    assert (await face.get("/readyz", as_=None)).json["status"] == "ready"
    assert (await face.get("/healthz", as_=None)).status == 200


async def test_unready_while_nothing_can_be_taken() -> None:
    async with opened(reserve=2**62) as face:
        unready = await face.get("/readyz", as_=None)
        assert unready.status == 503
        assert "make room" in unready.problem["detail"]
        assert (await face.get("/healthz", as_=None)).status == 200


async def test_ready_whatever_the_line(face: Face) -> None:
    assert (await face.post("/v1/uplink", {"state": "down"})).json["state"] == "down"
    assert (await face.get("/readyz", as_=None)).status == 200


async def box_in_trouble() -> Vitals:
    return Vitals(
        trouble={"disk": "the disk is full"},
        disk_free=1024,
        disk_reserve=2048,
        clock_right=False,
        clocks_ahead={"till-2": 7_200_000},
        unrouted={"order.redy": 3},
        backup_at=1_795_515_300_000,
    )


async def test_status_says_what_needs_a_person(face: Face) -> None:
    face.store.services.vitals = box_in_trouble
    glance = (await face.get("/v1/status")).json
    assert glance["trouble"] == [{"what": "disk", "why": "the disk is full"}]
    assert glance["unrouted"] == {"order.redy": 3}


@pytest.mark.parametrize(("caller", "scopes"), [("screen", ["read"]), ("desk", ["staff"]), ("owner", ["admin"])])
async def test_status_says_what_who_asks_may_do(face: Face, caller: str, scopes: list[str]) -> None:
    """A screen offers no key that is refused."""
    assert (await face.get("/v1/status", as_=caller)).json["scopes"] == scopes


async def test_staff_say_that_they_have_seen_what_was_saved(face: Face) -> None:
    assert (await face.post("/v1/status/seen", {}, as_="screen")).status == 403
    answer = await face.post("/v1/status/seen", {}, as_="desk")
    assert (answer.status, answer.json) == (200, {"seen": False})


async def test_metrics(face: Face) -> None:
    from tests.support.face import event

    await face.post("/v1/events", event())
    await face.post("/v1/channels/twilio/pause", {"reason": "out of credit"})
    face.store.services.vitals = box_in_trouble
    text = (await face.get("/metrics", as_=None)).body.decode()
    assert text.endswith("\n")
    assert list(text_string_to_metric_families(text)), "as Prometheus' own reader takes it"
    for line in [
        "tether_events 1",
        'tether_messages{state="queued"} 1',
        'tether_channel_state{channel="twilio",state="paused"} 1',
        'tether_channel_state{channel="sendgrid",state="ready"} 1',
        "tether_uplink_up 1",
        'tether_accept_seconds_bucket{le="+Inf"} 1',
        "tether_accept_seconds_count 1",
        "tether_disk_free_bytes 1024",
        "tether_disk_reserve_bytes 2048",
        "tether_clock_right 0",
        'tether_source_clock_ahead_seconds{source="till-2"} 7200',
        'tether_unrouted_events{type="order.redy"} 3',
        "tether_backup_success_seconds 1795515300",
        "tether_trouble 1",
    ]:
        assert line in text.splitlines(), line
    assert re.search(r"^tether_database_bytes [1-9]\d{4,}$", text, re.M)
    families = re.findall(r"# TYPE (\S+)", text)
    assert len(families) == len(set(families))


def test_problem_advice_covers_all_titles() -> None:
    from daemon.api.plumbing.docs_page import ADVICE
    from daemon.api.schema.problem import TITLES

    assert set(ADVICE) <= set(TITLES)


def test_schema_of_the_event_says_what_is_checked(document: Any) -> None:
    event = document["components"]["schemas"]["Event"]
    assert set(event["required"]) == {"id", "type", "order"}
    assert event["properties"]["id"]["maxLength"] == 200
    assert event["properties"]["type"]["pattern"]
    assert msgspec.json.encode(document)
