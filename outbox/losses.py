"""What a restore may lose of what was promised since the backup. A leaf, so that the command line's help can name it."""

from collections.abc import Mapping

OPTOUTS, FORGOTTEN, TOKENS, RECEIPTS = "optouts", "forgotten", "tokens", "receipts"
WORDS: Mapping[str, str] = {
    OPTOUTS: "who opted out since then is written to again",
    FORGOTTEN: "who was forgotten since then is remembered again",
    TOKENS: "a token that was revoked since then opens again, and a new one does not",
    RECEIPTS: "what was sent or received since then is not known to have been, and may be sent or taken again",
}
"""What may be lost, and what that means."""
