-- What sources told and nobody understood yet, and what other systems call our orders.

CREATE TABLE quarantine (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    source TEXT NOT NULL,
    -- waiting: to be read again; done: it was; dropped: somebody said it means nothing.
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'dropped')),
    reason TEXT NOT NULL,
    -- 1: to be read again by itself (what it names could not be fetched yet).
    retry INTEGER NOT NULL CHECK (retry IN (0, 1)),
    -- How often the same came while it waited.
    times INTEGER NOT NULL,
    -- 1: the body is cut, and can't be read again.
    cut INTEGER NOT NULL CHECK (cut IN (0, 1)),
    digest BLOB NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX quarantine_waiting ON quarantine (source, digest) WHERE state = 'waiting';

-- An order's ref by the id under which a source knows it.
CREATE TABLE alias (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    ref TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (source, id)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 2;
