"""What the handlers of headquarters' HTTP face use, pages and API alike."""

from asyncio import Lock
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from daemon.hq.archiver import Archive
from daemon.hq.config import HqSettings
from daemon.hq.database import Pool
from daemon.hq.stores import Stores
from outbox.clock import Clock


@dataclass
class Services:
    settings: HqSettings
    pool: Pool
    stores: Stores
    clock: Clock
    archive: Callable[[], Archive]
    release: str
    heavy: Lock = field(default_factory=Lock)
    """Held by what takes long: one at a time, whoever asks, on the page or by the API."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now() / 1000, UTC)
