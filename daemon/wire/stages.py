"""Where an order stands on the counter's board."""

from typing import Literal, TypeAlias, get_args

Stage: TypeAlias = Literal["to_confirm", "making", "ready", "out", "done"]
STAGES: tuple[Stage, ...] = get_args(Stage)
"""In the order in which an order goes through them."""


def standing(named: str) -> Stage:
    """The stage of that name, as a reader of any release takes it: one that it does not know stands with what is made, since it is not done."""
    return named if named in STAGES else "making"
