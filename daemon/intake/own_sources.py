"""Sources of events that no table of `[sources]` speaks for: what they tell came by another door of the service, or from the service itself."""

from outbox.answers import SOURCE as ANSWERING

COUNTER = "counter"
COMMAND_LINE = "cli"
SIGNED = "pos"
"""The source of an event that a Standard Webhooks signature vouches for."""
SIGNING_SECRET = "TETHER_WEBHOOK_SECRET"  # noqa: S105 - the name of a variable
"""What such a signature is checked by."""
AT_THE_DOOR = frozenset({COUNTER, COMMAND_LINE, "command-line"})
OWN = AT_THE_DOOR | {SIGNED, ANSWERING}
