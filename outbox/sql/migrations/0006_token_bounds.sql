-- What a token's events may be about, beyond its scope. Tokens from before tell of any type and order, and write no words of their own.

-- Event types as globs, joined by spaces; empty: all.
ALTER TABLE token ADD COLUMN types TEXT NOT NULL DEFAULT '';
ALTER TABLE token ADD COLUMN own_orders INTEGER NOT NULL DEFAULT 0 CHECK (own_orders IN (0, 1));
ALTER TABLE token ADD COLUMN own_words INTEGER NOT NULL DEFAULT 0 CHECK (own_words IN (0, 1));

PRAGMA user_version = 6;
