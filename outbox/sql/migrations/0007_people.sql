-- What is kept of whom, by the keyed digest of each form of each address: filled when it comes in, and for what came before by
-- `outbox.people`. No plain address stands in it.

CREATE TABLE person (
    digest TEXT NOT NULL,
    what TEXT NOT NULL CHECK (what IN ('order', 'reply', 'quarantine')),
    seq INTEGER NOT NULL,
    -- 'phone', 'email', or what a channel calls its own addresses.
    kind TEXT NOT NULL,
    PRIMARY KEY (digest, what, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX person_of ON person (what, seq);

-- What is gone is nobody's: its number may be given out again.
CREATE TRIGGER order_gone AFTER DELETE ON orders BEGIN
    DELETE FROM person WHERE what = 'order' AND seq = old.seq;
END;
CREATE TRIGGER reply_gone AFTER DELETE ON reply BEGIN
    DELETE FROM person WHERE what = 'reply' AND seq = old.seq;
END;
CREATE TRIGGER quarantine_gone AFTER DELETE ON quarantine BEGIN
    DELETE FROM person WHERE what = 'quarantine' AND seq = old.seq;
END;

DROP TABLE contact;

-- The name under which an address stands in the record: chance, and nothing leads from it to the address once this row is gone.
CREATE TABLE pseudonym (
    digest TEXT PRIMARY KEY,
    name TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Who was forgotten lately: to be forgotten again in what a copy from before brings back, and no longer than such copies live.
CREATE TABLE forgotten (
    digest TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 7;
