-- What was known when a word on consent was said: an opt-in counts only against opt-outs that its sayer had heard of.

-- Of our newest word: the fleet's number of what we knew of its own subject, and how far we had heard the fleet at all.
ALTER TABLE fleet_consent ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
ALTER TABLE fleet_consent ADD COLUMN knew INTEGER NOT NULL DEFAULT 0;
-- The fleet's number of the last word of ours that it took.
ALTER TABLE fleet_consent ADD COLUMN told_seq INTEGER NOT NULL DEFAULT 0;
-- How far the sayer of the fleet's word had heard it.
ALTER TABLE fleet_consent ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;

PRAGMA user_version = 13;
