"""What a restore takes only when it is named (`--accept`), and what each name takes."""

from collections.abc import Mapping

from outbox.losses import WORDS

UNSIGNED, OLDER, LOST_WORDS = "unsigned", "older", "lost-words"
ACCEPTABLE: Mapping[str, str] = {
    UNSIGNED: "a backup of an earlier release, which nobody signed",
    OLDER: "the newest backup in the store, though a newer one was made",
    LOST_WORDS: "that opt-outs are lost which nothing but the words of the box that made it could find",
    **WORDS,
}
