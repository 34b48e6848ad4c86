-- begin_epoch: the database begins another history. One that has no entry yet names nothing, and gives way.
INSERT INTO epoch (first_seq, id, at, reason) VALUES (:first_seq, :id, :at, :reason)
ON CONFLICT (first_seq) DO UPDATE SET id = excluded.id, at = excluded.at, reason = excluded.reason;

-- list: entries, the newest first, as far as the filters let them through.
SELECT seq, at, kind, actor, order_ref, message_id, detail, hash
FROM audit
WHERE seq < :place AND (:kind IS NULL OR kind = :kind OR substr(kind, 1, length(:family)) = :family)
    AND (:order_ref IS NULL OR order_ref = :order_ref) AND (:message_id IS NULL OR message_id = :message_id)
    AND (:actor IS NULL OR actor = :actor) AND (:since IS NULL OR at >= :since)
    AND (:search IS NULL OR instr(lower(kind || ' ' || actor || ' ' || order_ref || ' ' || message_id || ' ' || detail), :search))
ORDER BY seq DESC LIMIT :limit;

-- list_oldest: the same, the oldest first.
SELECT seq, at, kind, actor, order_ref, message_id, detail, hash
FROM audit
WHERE seq > :place AND (:kind IS NULL OR kind = :kind OR substr(kind, 1, length(:family)) = :family)
    AND (:order_ref IS NULL OR order_ref = :order_ref) AND (:message_id IS NULL OR message_id = :message_id)
    AND (:actor IS NULL OR actor = :actor) AND (:since IS NULL OR at >= :since)
    AND (:search IS NULL OR instr(lower(kind || ' ' || actor || ' ' || order_ref || ' ' || message_id || ' ' || detail), :search))
ORDER BY seq LIMIT :limit;

-- entries: the record in its order, each entry with its epoch.
SELECT (SELECT id FROM epoch WHERE first_seq <= a.seq ORDER BY first_seq DESC LIMIT 1),
    a.seq, a.at, a.kind, a.actor, a.order_ref, a.message_id, a.detail, a.hash
FROM audit AS a WHERE a.seq > :after ORDER BY a.seq LIMIT :limit;

-- count: how many entries there are.
SELECT count(*) FROM audit;

-- acts: what people did to an order.
SELECT seq, at, kind, actor, order_ref, message_id, detail, hash
FROM audit WHERE order_ref = :order_ref AND actor <> '' ORDER BY seq;

-- since: what changed after an entry.
SELECT seq, kind, order_ref, message_id, detail FROM audit WHERE seq > :since ORDER BY seq LIMIT :limit;

-- epoch: the history that the newest entries belong to.
SELECT id FROM epoch ORDER BY first_seq DESC LIMIT 1;

-- newest: the number of the newest entry.
SELECT coalesce(max(seq), 0) FROM audit;

-- newest_at: when the newest entry was made.
SELECT at FROM audit WHERE seq = (SELECT max(seq) FROM audit);

-- base: the last entry that was taken out, with its hash; the record is proved from there on.
SELECT value FROM note WHERE key = 'audit.base';

-- keep_base: where the record begins now.
INSERT INTO note (key, value) VALUES ('audit.base', :value) ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- old_enough: the last of the next entries that are archived and old; none of the newest goes.
SELECT max(seq) FROM (
    SELECT seq, at FROM audit WHERE seq <= :archived AND seq < (SELECT max(seq) FROM audit) ORDER BY seq LIMIT :limit
) WHERE at < :before;

-- take_out: these entries are at headquarters.
DELETE FROM audit WHERE seq <= :seq;

-- hash_of: an entry's hash.
SELECT hash FROM audit WHERE seq = :seq;
