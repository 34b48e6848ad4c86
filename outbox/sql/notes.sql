-- get: a note.
SELECT value FROM note WHERE key = :key;

-- set: keep a note in place of the one before; the same again writes nothing.
INSERT INTO note (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value;

-- all: the notes whose keys begin with that.
SELECT key, value FROM note WHERE substr(key, 1, length(:prefix)) = :prefix ORDER BY key;
