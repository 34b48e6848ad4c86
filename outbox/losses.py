"""What a restore may lose of what was promised since the backup, and a repair of what ever was. A leaf, so that the command line's help can
name it.
"""

from collections.abc import Iterable, Mapping

OPTOUTS, FORGOTTEN, TOKENS, RECEIPTS = "optouts", "forgotten", "tokens", "receipts"
WORDS: Mapping[str, str] = {
    OPTOUTS: "who opted out since then is written to again",
    FORGOTTEN: "who was forgotten since then is remembered again",
    TOKENS: "a token that was revoked since then opens again, and a new one does not",
    RECEIPTS: "what was sent or received since then is not known to have been, and may be sent or taken again",
}
"""What a restore may lose, and what that means."""
OF_TABLE: Mapping[str, str] = {
    "consent": OPTOUTS,
    "fleet_consent": OPTOUTS,
    "note": OPTOUTS,
    "forgotten": FORGOTTEN,
    "token": TOKENS,
    "message": RECEIPTS,
    "reply": RECEIPTS,
    "told": RECEIPTS,
    "used_once": RECEIPTS,
}
"""What is kept in which table of the database. That texts wait, since opt-outs may have been lost before, is a note."""


def lost_with(tables: Iterable[str]) -> frozenset[str]:
    """What may be lost where these tables of the database could not be read whole."""
    return frozenset(OF_TABLE[table] for table in tables if table in OF_TABLE)
