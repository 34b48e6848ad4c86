-- What a reply's exact words did: arrived, yes, no; '' for nothing.
ALTER TABLE reply ADD COLUMN action TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 15;
