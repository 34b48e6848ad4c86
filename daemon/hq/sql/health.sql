-- words: by its moment the newest word of each of these stores, held until the commit.
SELECT store, at FROM health WHERE store = ANY(%(store)s) ORDER BY store FOR UPDATE;

-- keep: how stores are, the newest word of each; one that came while our clock was ahead is none.
INSERT INTO health (store, arrived, at, body)
SELECT * FROM unnest(%(store)s::text[], %(arrived)s::timestamptz[], %(at)s::bigint[], %(body)s::jsonb[])
ON CONFLICT (store) DO UPDATE SET arrived = excluded.arrived, at = excluded.at, body = excluded.body
WHERE excluded.arrived > health.arrived OR health.arrived > %(now)s;

-- heads: what each of these stores says of its newest entry, where the archive has that entry.
SELECT h.store, h.epoch, h.seq, a.hash
FROM unnest(%(store)s::text[], %(epoch)s::text[], %(seq)s::bigint[]) AS h (store, epoch, seq)
JOIN audit AS a ON a.store = h.store AND a.epoch = h.epoch AND a.seq = h.seq;

-- missed: stores that were acknowledged more than the archive has, though NATS has nothing more; those that are there to hear of it.
SELECT h.store FROM health AS h
JOIN store AS s ON s.name = h.store AND s.revoked_at IS NULL
LEFT JOIN chain AS c ON c.store = h.store AND c.epoch = h.body ->> 'epoch'
WHERE h.arrived < %(read_at)s AND h.arrived > %(heard_since)s AND (
    (h.body -> 'cursors' ->> 'audit')::bigint > coalesce(c.head_seq, 0)
    OR (h.body -> 'cursors' ->> 'messages')::bigint > coalesce(c.rev, 0)
);

-- keep_hours: how stores were in this hour, the worst of it; what was written is counted on from one word to the next.
INSERT INTO health_hour (store, hour, heard, line_down, queued, waited, disk_free, written, written_at)
SELECT store, %(hour)s, 1, line_down, queued, waited, disk_free, 0, written_at FROM unnest(
    %(store)s::text[], %(line_down)s::int[], %(queued)s::int[], %(waited)s::bigint[], %(disk_free)s::bigint[], %(written_at)s::bigint[]
) AS w (store, line_down, queued, waited, disk_free, written_at)
ON CONFLICT (store, hour) DO UPDATE SET heard = health_hour.heard + 1, line_down = health_hour.line_down + excluded.line_down,
    queued = greatest(health_hour.queued, excluded.queued), waited = greatest(health_hour.waited, excluded.waited),
    disk_free = least(health_hour.disk_free, excluded.disk_free), written_at = excluded.written_at,
    written = health_hour.written + CASE WHEN excluded.written_at >= health_hour.written_at
        THEN excluded.written_at - health_hour.written_at ELSE excluded.written_at END;

-- forget_hours: of which no chart is drawn any more.
DELETE FROM health_hour WHERE hour < %(oldest)s;

-- forget_troubles: that ended so long ago that nobody asks any more.
DELETE FROM trouble WHERE ended < %(oldest)s;

-- end_troubles: what stores that were heard do not say any more.
UPDATE trouble AS t SET ended = w.at FROM unnest(%(heard)s::text[], %(heard_at)s::timestamptz[]) AS w (store, at)
WHERE t.store = w.store AND t.ended IS NULL AND NOT EXISTS (
    SELECT 1 FROM unnest(%(store)s::text[], %(kind)s::text[], %(about)s::text[]) AS n (store, kind, about)
    WHERE n.store = t.store AND n.kind = t.kind AND n.about = t.about
);

-- begin_troubles: what they say now and did not before.
INSERT INTO trouble (store, kind, about, since)
SELECT * FROM unnest(%(store)s::text[], %(kind)s::text[], %(about)s::text[], %(since)s::timestamptz[])
ON CONFLICT (store, kind, about) WHERE ended IS NULL DO NOTHING;
