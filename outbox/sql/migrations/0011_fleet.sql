-- What a fleet's stores said of an address, by the fleet's keyed digest of medium and address: our own newest word and the fleet's.

CREATE TABLE fleet_consent (
    -- Which of the fleet's keys made the digest.
    kid TEXT NOT NULL,
    digest TEXT NOT NULL,
    medium TEXT NOT NULL,
    -- Ours: the address's digest in `consent`, the number of our newest word there (0: none), and up to which the fleet has been told.
    local TEXT NOT NULL,
    said INTEGER NOT NULL,
    told INTEGER NOT NULL,
    -- The fleet's: its number in the fleet's own order (0: none), and who said it, where, when and how.
    seq INTEGER NOT NULL,
    stopped INTEGER NOT NULL CHECK (stopped IN (0, 1)),
    at INTEGER NOT NULL,
    store TEXT NOT NULL,
    how TEXT NOT NULL,
    PRIMARY KEY (kid, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX fleet_consent_untold ON fleet_consent (said) WHERE said > told;
CREATE INDEX fleet_consent_local ON fleet_consent (local) WHERE local <> '';
CREATE INDEX fleet_consent_newest ON fleet_consent (seq);

PRAGMA user_version = 11;
