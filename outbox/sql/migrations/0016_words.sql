-- One word a thing: which of its ways a message is at, what it becomes once its attempt has ended, and what made it.
DROP VIEW IF EXISTS message_row;
DROP VIEW IF EXISTS attempt_row;
ALTER TABLE message RENAME COLUMN hop TO via_index;
ALTER TABLE message RENAME COLUMN verdict TO pending_state;
ALTER TABLE message RENAME COLUMN kind TO trigger;

PRAGMA user_version = 16;
