-- How much of its channel's limits an attempt takes: a long text by the modem is several SMS.
ALTER TABLE attempt ADD COLUMN units INTEGER NOT NULL DEFAULT 1;

PRAGMA user_version = 10;
