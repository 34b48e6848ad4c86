-- With which of its tries a message began: 1, or the first since staff had it tried again.
ALTER TABLE message ADD COLUMN first_try INTEGER NOT NULL DEFAULT 1;

PRAGMA user_version = 23;
