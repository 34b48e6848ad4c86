"""Where an order stands on the counter's board."""

from typing import Literal, TypeAlias, get_args

Stage: TypeAlias = Literal["to_confirm", "making", "ready", "out", "done"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""In the order in which an order goes through them."""
