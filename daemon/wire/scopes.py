"""What a token may do."""

from enum import StrEnum


class Scope(StrEnum):
    """What a token may do. `ADMIN` may do all, `STAFF` also what `READ` may."""

    EVENTS = "events"
    READ = "read"
    STAFF = "staff"
    ADMIN = "admin"
