-- What a channel that works without the internet may take out of turn is said of any such channel, not of one by its name.
DROP VIEW IF EXISTS message_row;
DROP VIEW IF EXISTS attempt_row;
DROP INDEX message_for_modem;
ALTER TABLE message RENAME COLUMN modem_after TO offline_after;
CREATE INDEX message_offline ON message (priority, due_at, seq) WHERE ready = 1 AND state = 'queued' AND offline_after IS NOT NULL;

PRAGMA user_version = 17;
