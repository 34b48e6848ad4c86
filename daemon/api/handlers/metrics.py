"""GET /metrics: Prometheus' text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats/), by hand. Looked up when
asked; nothing is counted meanwhile but how long the hook took.
"""

from collections.abc import Iterable, Iterator, Mapping

from aiohttp import web

from daemon.api.plumbing.guards import Guards
from daemon.api.plumbing.latency import BOUNDS
from daemon.api.plumbing.reply import answer
from daemon.api.plumbing.route import Call, NoQuery
from daemon.api.plumbing.services import Services
from daemon.dispatch.board import ChannelStatus
from daemon.dispatch.sms.guard import SmsStatus
from daemon.wire.link import FleetStatus
from outbox.model import State

TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"
CHANNEL_STATES = ("ready", "open", "paused", "misconfigured")

Sample = tuple[Mapping[str, str], float]


class Metrics:
    """What /metrics tells, the same at every door."""

    def __init__(self, guards: Guards) -> None:
        self._guards = guards

    async def show(self, call: Call[NoQuery, None]) -> web.StreamResponse:
        services = call.services
        lines = [
            *await _of_the_outbox(services),
            *await _of_the_channels(services),
            *_of_the_sources(services),
            *self._of_the_doors(),
            *await _of_the_box(services),
            *self._of_the_hook(),
        ]
        if services.fleet is not None:
            lines += _of_the_fleet(await services.fleet(), services.clock.now())
        return answer(("\n".join(lines) + "\n").encode(), content_type=TEXT_FORMAT)

    def _of_the_doors(self) -> Iterator[str]:
        guards = self._guards
        places = guards.places.items()
        yield from _family(
            "tether_connections",
            "gauge",
            "Connections that are open, by door.",
            [({"door": door}, each.taken) for door, each in places],
        )
        yield from _family(
            "tether_connections_limit",
            "gauge",
            "Connections that a door has places for.",
            [({"door": door}, each.room.total) for door, each in places],
        )
        yield from _family(
            "tether_unvouched_bodies",
            "gauge",
            "Bodies being read that no token or checked signature vouches for yet.",
            [({}, guards.bodies.reading)],
        )
        yield from _family(
            "tether_turned_away_total",
            "counter",
            "What was turned away, by the cap it met.",
            [({"cap": cap}, count) for cap, count in guards.tally.counts.items()],
        )

    def _of_the_hook(self) -> Iterator[str]:
        accepts = self._guards.accepts
        name = "tether_accept_seconds"
        yield f"# HELP {name} Time from an event's arrival at the hook to its answer."
        yield f"# TYPE {name} histogram"
        reached = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), accepts.counts, strict=True):
            reached += count
            yield f'{name}_bucket{{le="{bound}"}} {reached}'
        yield f"{name}_sum {accepts.total:.6f}"
        yield f"{name}_count {reached}"


def _of_the_fleet(row: FleetStatus, now: int) -> list[str]:
    age = 0.0 if row.behind_since is None else max(0.0, (now - row.behind_since) / 1000)
    figures = (
        ("tether_fleet_connected", "1 while the line to headquarters is up.", float(row.state == "connected")),
        (
            "tether_fleet_refused",
            "1 while headquarters refuses this store: somebody must act.",
            float(row.state == "refused"),
        ),
        ("tether_fleet_behind_entries", "Entries of the record that headquarters does not have.", row.behind),
        ("tether_fleet_behind_seconds", "Age of the oldest of them.", age),
        ("tether_fleet_optouts_untold", "Words on consent that the fleet does not know yet.", row.untold),
        (
            "tether_fleet_optouts_elsewhere",
            "Opt-outs that hold because another store told of them.",
            row.from_elsewhere,
        ),
        ("tether_fleet_bytes_sent", "Bytes told to headquarters since the start.", row.bytes_out),
        ("tether_fleet_errors", "Failures of the line since the start.", row.errors),
    )
    return [line for name, text, value in figures for line in _family(name, "gauge", text, [({}, value)])]


async def _of_the_outbox(services: Services) -> list[str]:
    figures = await services.box.views.figures()
    now = services.clock.now()
    oldest = 0.0 if figures.oldest_due_at is None else max(0.0, (now - figures.oldest_due_at) / 1000)
    return [
        *_family("tether_info", "gauge", "The release.", [({"version": services.version}, 1)]),
        *_family("tether_events", "gauge", "Events on record.", [({}, figures.events)]),
        *_family(
            "tether_messages",
            "gauge",
            "Messages on record by state.",
            [({"state": state.value}, figures.messages.get(state, 0)) for state in State],
        ),
        *_family(
            "tether_attempts",
            "gauge",
            "Attempts on record by channel and outcome.",
            [
                ({"channel": channel, "outcome": outcome}, n)
                for (channel, outcome), n in sorted(figures.attempts.items())
            ],
        ),
        *_family("tether_queue_age_seconds", "gauge", "How long the oldest due message has waited.", [({}, oldest)]),
        *_family(
            "tether_unread_replies",
            "gauge",
            "Replies of customers that nobody read yet.",
            [({}, figures.unread_replies)],
        ),
        *_family("tether_database_bytes", "gauge", "Size of the database.", [({}, figures.database_bytes)]),
    ]


def _of_texts(sms: SmsStatus) -> Iterator[str]:
    for name, words, value in (
        (
            "tether_sms_parts_today",
            "Parts of text messages sent in the store's day, over all channels.",
            sms.parts_today,
        ),
        ("tether_sms_parts_limit", "Parts of text messages that a day may have.", sms.daily_parts),
        ("tether_sms_cost_today", "What they cost, estimated, in the store's currency.", sms.cost_today),
        ("tether_sms_cost_limit", "What a day's text messages may cost.", sms.daily_cost),
        ("tether_sms_held_blocks", "Blocks of numbers whose new ones are held as fraud.", len(sms.held_blocks)),
    ):
        yield from _family(name, "gauge", words, [({}, float(value))])


async def _of_the_channels(services: Services) -> list[str]:
    rows = await services.engine.board.board()
    uplink = await services.engine.board.uplink()
    return [
        *_family(
            "tether_uplink_up", "gauge", "1 while the line to the internet is up.", [({}, float(uplink.state == "up"))]
        ),
        *_family(
            "tether_uplink_since_seconds", "gauge", "Unix time of the line's last change.", [({}, uplink.since / 1000)]
        ),
        *_family(
            "tether_channel_state",
            "gauge",
            "1 for the state that each channel is in.",
            [
                ({"channel": row.name, "state": state}, float(row.state == state))
                for row in rows
                for state in CHANNEL_STATES
            ],
        ),
        *_family(
            "tether_channel_queued",
            "gauge",
            "Messages that wait at each channel.",
            [({"channel": row.name}, row.queued) for row in rows],
        ),
        *_of_texts(await services.engine.board.sms()),
        *_family(
            "tether_channel_sent_today",
            "gauge",
            "Messages that each channel sent since the store's midnight.",
            [({"channel": row.name}, row.sent_today) for row in rows],
        ),
        *_family("tether_modem_bars", "gauge", "Signal as a telephone shows it, 0 to 4.", _detail(rows, "bars")),
        *_family("tether_modem_signal_dbm", "gauge", "Signal as the modem measures it.", _detail(rows, "signal_dbm")),
    ]


def _of_the_sources(services: Services) -> list[str]:
    rows = [row for row in services.engine.intake.rows() if row.poll is not None]
    return [
        *_family(
            "tether_source_up",
            "gauge",
            "1 while a source that is asked answers.",
            [({"source": row.name}, float(row.state == "ready")) for row in rows],
        ),
        *_family(
            "tether_source_behind_seconds",
            "gauge",
            "How long ago all that a source told was on record.",
            [({"source": row.name}, row.behind) for row in rows if row.behind is not None],
        ),
        *_family(
            "tether_source_asked_seconds",
            "gauge",
            "Unix time of the last question.",
            [({"source": row.name}, row.last_asked / 1000) for row in rows if row.last_asked is not None],
        ),
    ]


async def _of_the_box(services: Services) -> list[str]:
    vitals = await services.vitals()
    backup: list[Sample] = [] if vitals.backup_at is None else [({}, vitals.backup_at / 1000)]
    return [
        *_family("tether_disk_free_bytes", "gauge", "Room where the database lies.", [({}, vitals.disk_free)]),
        *_family(
            "tether_disk_reserve_bytes",
            "gauge",
            "Below this much room events are refused.",
            [({}, vitals.disk_reserve)],
        ),
        *_family(
            "tether_clock_right", "gauge", "1 while the clock can be believed.", [({}, float(vitals.clock_right))]
        ),
        *_family(
            "tether_unrouted_events",
            "gauge",
            "Events since the start of types that no route names.",
            [({"type": event_type}, count) for event_type, count in sorted(vitals.unrouted.items())],
        ),
        *_family(
            "tether_source_clock_ahead_seconds",
            "gauge",
            "How far the clock of a source is ahead.",
            [({"source": source}, ahead / 1000) for source, ahead in sorted(vitals.clocks_ahead.items())],
        ),
        *_family("tether_backup_success_seconds", "gauge", "Unix time of the newest backup.", backup),
        *_family("tether_trouble", "gauge", "Things that need a person.", [({}, len(vitals.trouble))]),
    ]


def _detail(rows: Iterable[ChannelStatus], name: str) -> Iterator[Sample]:
    """What some channels measure and others don't have."""
    for row in rows:
        value = row.detail.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield {"channel": row.name}, float(value)


def _family(name: str, kind: str, help_text: str, samples: Iterable[Sample]) -> Iterator[str]:
    rows = list(samples)
    if not rows:
        return
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"
    for labels, value in rows:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        number = str(int(value)) if value == int(value) else f"{value:.3f}"
        yield f"{name}{{{inside}}} {number}" if inside else f"{name} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
