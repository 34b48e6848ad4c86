-- end: the newest entry of the record.
SELECT (SELECT id FROM epoch WHERE first_seq <= a.seq ORDER BY first_seq DESC LIMIT 1), a.seq, lower(hex(a.hash)), a.at
FROM audit AS a WHERE a.seq = (SELECT max(seq) FROM audit);

-- at: the epoch and hash of an entry.
SELECT (SELECT id FROM epoch WHERE first_seq <= a.seq ORDER BY first_seq DESC LIMIT 1), lower(hex(a.hash)) FROM audit AS a WHERE a.seq = :seq;

-- breaks: entries that tell of another history's beginning.
SELECT kind, detail FROM audit WHERE kind IN ('backup.restored', 'database.recovered', 'upgrade.undone') ORDER BY seq;
