-- A line is what connects the store to the world; where a message stands among those of its (order, recipient) is a place in a queue.
DROP VIEW IF EXISTS message_row;
DROP VIEW IF EXISTS attempt_row;
ALTER TABLE message RENAME COLUMN line TO queue_place;

PRAGMA user_version = 18;
