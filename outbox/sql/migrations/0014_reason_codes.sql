-- Why a message stands where it does, as a code and its parameters (JSON, '' for none), beside the English sentence.
ALTER TABLE message ADD COLUMN reason_code TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN reason_args TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 14;
