-- Words that may be a wish for silence and are none of the set ones: staff decide.
ALTER TABLE reply ADD COLUMN unclear INTEGER NOT NULL DEFAULT 0 CHECK (unclear IN (0, 1));

PRAGMA user_version = 8;
