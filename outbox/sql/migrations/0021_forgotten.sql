-- Which addresses a forgetting was asked for by and which were followed from those, and of which kind they are: forgotten again in a copy,
-- nobody goes who was left out. What earlier releases wrote down is taken for given.
ALTER TABLE forgotten RENAME TO forgotten_before;
CREATE TABLE forgotten (
    digest TEXT NOT NULL,
    at INTEGER NOT NULL,
    -- As in `person`; '' where it was not known.
    kind TEXT NOT NULL,
    given INTEGER NOT NULL CHECK (given IN (0, 1)),
    PRIMARY KEY (digest, at)
) STRICT, WITHOUT ROWID;
INSERT INTO forgotten (digest, at, kind, given) SELECT digest, at, '', 1 FROM forgotten_before;
DROP TABLE forgotten_before;

PRAGMA user_version = 21;
