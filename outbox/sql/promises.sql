-- columns: a table's columns.
SELECT name FROM pragma_table_info(:name);

-- root: the epoch in which a database began: two that share it are copies of one.
SELECT id FROM epoch ORDER BY first_seq LIMIT 1;

-- head: the newest entry of the record.
SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1;

-- entry: the hash of an entry.
SELECT hash FROM audit WHERE seq = :seq;

-- recovered: whether a damaged file was saved after that moment.
SELECT EXISTS (SELECT 1 FROM epoch WHERE at >= :since AND substr(reason, 1, 9) = 'recovered');

-- doubtful_by: the entry of the record, by its hash, with which the attempt began by which that message may have arrived, where nobody knows.
SELECT (SELECT hash FROM audit WHERE message_id = m.id AND kind = 'message.sending' ORDER BY seq DESC LIMIT 1)
FROM message AS m WHERE m.id = :id AND m.state IN ('sending', 'unknown');

-- words: every word on consent.
SELECT seq, at, medium, digest, stopped, actor, reason, address FROM consent ORDER BY seq;

-- say: a word on consent, as it was said.
INSERT INTO consent (at, medium, digest, stopped, actor, reason, address)
VALUES (:at, :medium, :digest, :stopped, :actor, :reason, :address);

-- tokens: what is known of every token.
SELECT * FROM token;

-- drop_token: it opens nothing any more.
DELETE FROM token WHERE name = :name;

-- is_over: whether a message is known and nothing works on it any more.
SELECT EXISTS (SELECT 1 FROM message WHERE id = :id AND open = 0);

-- keep_told: it left.
INSERT OR IGNORE INTO told (id, at) VALUES (:id, :at);

-- open_told: messages that wait here and have left meanwhile, as one JSON array.
SELECT '[' || group_concat(r.row) || ']'
FROM told AS t CROSS JOIN message AS m ON m.id = t.id AND m.open = 1 CROSS JOIN message_row AS r ON r.seq = m.seq;
