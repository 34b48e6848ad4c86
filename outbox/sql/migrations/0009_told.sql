-- Messages that left after the backup was made that this database was restored from: they do not leave again when their event is taken
-- once more.

CREATE TABLE told (
    id TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 9;
