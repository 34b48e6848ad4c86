-- What a sender may show once: the token of a signature that does not cover its body, with the body it came with.
CREATE TABLE used_once (
    key TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX used_until ON used_once (until);

PRAGMA user_version = 12;
