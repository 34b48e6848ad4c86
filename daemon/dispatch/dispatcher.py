"""Sees to it that every message that is due is tried: one pump a channel, each asleep until it has something to do.

due -> prepare (wanted? allowed? rendered) -> begin (on the disk) -> send -> settle (on the disk). The decisions are elsewhere:
`prepare` (may it go), `fallback` (what follows an outcome), `lane` (how fast), `uplink` (is there a line).
"""

import asyncio
import random
from collections import deque
from collections.abc import Mapping, Sequence

import msgspec
import structlog

from daemon.channels.base import Channel, Sent
from daemon.config import Settings
from daemon.dispatch.fallback import Situation, after_unknown, decide, next_hop, pass_over
from daemon.dispatch.lane import Lane, Trouble
from daemon.dispatch.prepare import PassOver, Preparer, Ready
from daemon.dispatch.uplink import LineState, Uplink
from outbox import Outbox
from outbox.backoff import full_jitter
from outbox.clock import Clock
from outbox.model import Attempt, Due, Message, State, Transition
from outbox.outcome import Absent, Accepted, CannotTell, Deferred, Found, Outcome, Rejected, Scope, Unknown

log = structlog.get_logger(__name__)

DRAIN_SECONDS = 20.0
"""How long a stopping service waits for attempts under way."""
