-- How a row is read follows from what this release knows of it: each connection makes these views for itself.
DROP VIEW IF EXISTS message_row;
DROP VIEW IF EXISTS attempt_row;

PRAGMA user_version = 5;
