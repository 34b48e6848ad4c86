-- before_anything: what must be set before the first table is made; without effect on a file that has some.
PRAGMA page_size = 1024;
PRAGMA journal_mode = WAL;
PRAGMA secure_delete = ON;

-- writer: the writer's connection. `outbox.checkpoint` empties the log long before it has 64 MiB.
PRAGMA synchronous = FULL;
PRAGMA cache_size = -2048;
PRAGMA temp_store = MEMORY;
PRAGMA wal_autocheckpoint = 65536;

-- row_views: messages and attempts as JSON arrays, in the order of outbox/rows.py; each connection has views of its own.
CREATE TEMP VIEW message_row AS
SELECT m.seq AS seq, json_array({message.row}) AS row, CAST(e.raw AS TEXT) AS event, CAST(o.body AS TEXT) AS order_body
FROM message AS m CROSS JOIN event AS e ON e.seq = m.event_seq CROSS JOIN orders AS o ON o.seq = m.order_seq;
CREATE TEMP VIEW attempt_row AS
SELECT a.seq AS seq, a.message_seq AS message_seq, json_array({attempt.row}) AS row
FROM attempt AS a CROSS JOIN message AS m ON m.seq = a.message_seq;

-- checkpointer: a connection that only brings the log into the database, as durably as the writer.
PRAGMA synchronous = FULL;
PRAGMA wal_autocheckpoint = 0;
PRAGMA cache_size = -256;

-- checkpoint: bring into the database what no reader needs in the log; it waits for nobody.
PRAGMA wal_checkpoint(PASSIVE);

-- reader: a connection that only reads.
PRAGMA query_only = ON;
PRAGMA cache_size = -256;

-- first_epoch: a new database begins its first epoch.
INSERT INTO epoch (first_seq, id, at, reason) SELECT 1, :id, :at, 'created' WHERE NOT EXISTS (SELECT 1 FROM epoch);
