"""What the screen reads, without what a terminal would obey: `outbox.harmless`, as far as the screen goes."""

from outbox.harmless import decode as decode
