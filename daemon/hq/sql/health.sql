-- keep: how stores are, the newest word of each.
INSERT INTO health (store, arrived, at, body)
SELECT * FROM unnest(%(store)s::text[], %(arrived)s::timestamptz[], %(at)s::bigint[], %(body)s::jsonb[])
ON CONFLICT (store) DO UPDATE SET arrived = excluded.arrived, at = excluded.at, body = excluded.body
WHERE excluded.arrived > health.arrived;

-- heads: what each of these stores says of its newest entry, where the archive has that entry.
SELECT h.store, h.epoch, h.seq, a.hash
FROM unnest(%(store)s::text[], %(epoch)s::text[], %(seq)s::bigint[]) AS h (store, epoch, seq)
JOIN audit AS a ON a.store = h.store AND a.epoch = h.epoch AND a.seq = h.seq;

-- missed: stores that were acknowledged more than the archive has, though NATS has nothing more.
SELECT h.store FROM health AS h
LEFT JOIN chain AS c ON c.store = h.store AND c.epoch = h.body ->> 'epoch'
WHERE h.arrived < %(read_at)s AND (
    (h.body -> 'cursors' ->> 'audit')::bigint > coalesce(c.head_seq, 0)
    OR (h.body -> 'cursors' ->> 'messages')::bigint > coalesce(c.rev, 0)
);
