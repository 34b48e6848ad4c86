"""What the handlers of headquarters' HTTP face use, pages and API alike."""

from collections.abc import Callable
from dataclasses import dataclass
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

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock.now() / 1000, UTC)
