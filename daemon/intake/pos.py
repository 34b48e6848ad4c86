"""`pos`: a source that speaks our own event, signed as Standard Webhooks has it; one event, a list of them, or in its envelope.

The envelope is `{"type", "timestamp", "data"}` with `webhook-id` as the id, unless `data` has one: https://www.standardwebhooks.com.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from daemon.config import ConfigError, Store
from daemon.intake import signatures
from daemon.intake.base import Body, Heard, Hook, Reading, Source, SourceSettings, Unreadable
from daemon.intake.values import Place, json_of
from outbox.model import Event


class Pos(Source):
    kind = "pos"
    title = "Signed events"

    def __init__(self, name: str, settings: SourceSettings, secrets: Mapping[str, str], store: Store) -> None:
        super().__init__(name, settings, secrets, store)
        if settings.poll:
            raise ConfigError(f"sources.{name}: poll: a till posts its events; it can't be asked")

    def missing(self) -> Sequence[str]:
        return [] if self.secret("WEBHOOK_SECRET") else [self.secret_name("WEBHOOK_SECRET")]

    def verify(self, hook: Hook) -> None:
        signatures.standard(hook, self.webhook_secrets())

    def read(self, body: Body, *, now: int) -> Reading:
        value = json_of(body)
        heard, unread = [], []
        for index, one in enumerate(value if isinstance(value, list) else [value]):
            try:
                heard.append(Heard(_event(one, body.id)))
            except Unreadable as error:
                unread.append(f"event {index}: {error}")
        return Reading(events=tuple(heard), unread=tuple(unread))


def _event(value: Any, id: str) -> Event:
    if (
        isinstance(value, dict)
        and isinstance(value.get("data"), dict)
        and "order" in value["data"]
        and "order" not in value
    ):
        place = Place(value)
        named = {"id": id, "type": place["type"].need(), "occurred_at": value.get("timestamp")}
        value = named | value["data"]
    try:
        return msgspec.convert(value, Event)
    except msgspec.ValidationError as error:
        raise Unreadable(str(error).replace(" - at `$.", ": `").replace("`", "")) from error
