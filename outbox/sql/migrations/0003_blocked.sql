-- Messages that wait for an earlier one of their line: few, and counted with what waits at their channel.
CREATE INDEX message_blocked ON message (channel) WHERE state = 'queued' AND ready = 0;

PRAGMA user_version = 3;
