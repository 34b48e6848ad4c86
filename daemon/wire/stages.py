"""Where an order stands on the counter's board."""

from typing import Literal, TypeAlias

Stage: TypeAlias = Literal["to_confirm", "making", "ready", "out", "done"]
