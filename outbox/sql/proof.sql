-- reader: a connection that changes nothing, however the file is found.
PRAGMA query_only = ON;

-- quick: the structure of all pages, but not whether indexes and tables agree.
PRAGMA quick_check(5);

-- whole: the same, and whether indexes and tables agree.
PRAGMA integrity_check(5);

-- schema: by which release's tables it is.
PRAGMA user_version;

-- tables: what is counted.
SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name;

-- entries: the record in its order, each entry with its epoch.
SELECT (SELECT id FROM epoch WHERE first_seq <= a.seq ORDER BY first_seq DESC LIMIT 1),
    a.seq, a.at, a.kind, a.actor, a.order_ref, a.message_id, a.detail, a.hash
FROM audit AS a ORDER BY a.seq;

-- base: where the record begins (`outbox.audit_base`).
SELECT value FROM note WHERE key = 'audit.base';

-- texts: the columns of text of each table, the small tables first: without these no service starts.
SELECT t.name, group_concat('"' || c.name || '"') FROM sqlite_schema AS t CROSS JOIN pragma_table_info(t.name) AS c
WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND c.type = 'TEXT' GROUP BY t.name
ORDER BY t.name IN ('attempt', 'audit', 'event', 'message', 'orders', 'pseudonym'), t.name;

-- has_column: whether a table has it.
SELECT 1 FROM pragma_table_info(:table) WHERE name = :column;
