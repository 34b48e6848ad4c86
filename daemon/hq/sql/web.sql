-- stores: every store with what matters first to who looks: its health, how far the epoch is archived that it says it is in, and what is wrong
-- with its record.
SELECT s.name, s.grp, s.joined_at, s.revoked_at, h.arrived, h.body, c.epoch, c.head_seq, c.head_at,
    (SELECT count(*) FROM open_fork AS f WHERE f.store = s.name) AS forks,
    (SELECT count(*) FROM gap AS g WHERE g.store = s.name AND g.closed_at IS NULL AND g.why <> 'not kept at the store') AS gaps
FROM store AS s
LEFT JOIN health AS h ON h.store = s.name
LEFT JOIN LATERAL (
    SELECT epoch, head_seq, head_at FROM chain WHERE chain.store = s.name ORDER BY (epoch = h.body ->> 'epoch') IS TRUE DESC, n DESC LIMIT 1
) AS c ON true
WHERE (%(name)s::text IS NULL OR s.name = %(name)s) ORDER BY s.name;

-- chains: a store's epochs.
SELECT epoch, n, first_seq, head_seq, head_hash, head_at FROM chain WHERE store = %(store)s ORDER BY n;

-- forks: of a store, the newest first.
SELECT epoch, seq, seen_in, first_seen, last_seen, times FROM fork WHERE store = %(store)s ORDER BY last_seen DESC LIMIT 100;

-- gaps: of a store, the newest first.
SELECT epoch, from_seq, to_seq, why, seen_at, closed_at FROM gap WHERE store = %(store)s ORDER BY seen_at DESC LIMIT 100;

-- messages: the newest first, as far as the filters let them through.
SELECT store, id, order_ref, state, channel, reason_code, type, recipient, address, attempts, created_at, updated_at, parts, price, reason_args
FROM message
WHERE (%(store)s::text IS NULL OR store = %(store)s) AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(order_ref)s::text IS NULL OR order_ref = %(order_ref)s)
    AND (created_at, store, id) < (%(at)s, %(after_store)s, %(after_id)s)
ORDER BY created_at DESC, store DESC, id DESC LIMIT %(limit)s;

-- messages_of_order: of an order, over all stores or at one, the newest of them.
SELECT * FROM (
    SELECT store, id, order_ref, state, channel, reason_code, type, recipient, address, attempts, created_at, updated_at, parts, price, reason_args
    FROM message WHERE order_ref = %(ref)s AND (%(store)s::text IS NULL OR store = %(store)s) ORDER BY created_at DESC LIMIT %(messages)s
) AS newest ORDER BY store, created_at, id;

-- entries_of_order: the record of an order, over all stores or at one, the newest of it, of each by epoch and number.
SELECT store, epoch, seq, at, kind, actor, message_id, detail FROM (
    SELECT a.*, c.n FROM audit AS a JOIN chain AS c ON c.store = a.store AND c.epoch = a.epoch
    WHERE a.order_ref = %(ref)s AND a.order_ref <> '' AND (%(store)s::text IS NULL OR a.store = %(store)s)
    ORDER BY a.arrived DESC, c.n DESC, a.seq DESC LIMIT %(entries)s
) AS newest ORDER BY store, n, seq;

-- record: a store's epoch in its order up to its head, for computing its chain anew. What comes meanwhile lies beyond.
SELECT seq, at, kind, actor, order_ref, message_id, detail, hash FROM audit
WHERE store = %(store)s AND epoch = %(epoch)s AND seq > %(after)s AND seq <= %(head_seq)s ORDER BY seq LIMIT %(limit)s;

-- hash_before: the entry before an epoch's first, under each other epoch that has one of that number.
SELECT hash FROM audit WHERE store = %(store)s AND seq = %(seq)s AND epoch <> %(epoch)s;

-- all_chains: what is to be verified.
SELECT store, epoch, first_seq, head_seq, head_hash FROM chain
WHERE first_seq IS NOT NULL AND (%(store)s::text IS NULL OR store = %(store)s) ORDER BY store, n;

-- gaps_of: numbers that an epoch has no more, for good.
SELECT from_seq, to_seq FROM gap WHERE store = %(store)s AND epoch = %(epoch)s AND why = 'not kept at the store';

-- changed: stores of which something was heard or archived since.
SELECT s.name FROM store AS s
WHERE EXISTS (SELECT 1 FROM health AS h WHERE h.store = s.name AND h.arrived > %(since)s)
    OR EXISTS (SELECT 1 FROM chain AS c WHERE c.store = s.name AND c.head_at > %(since)s)
    OR EXISTS (SELECT 1 FROM fork AS f WHERE f.store = s.name AND f.last_seen > %(since)s)
ORDER BY s.name;

-- figures: counts for the metrics, by which alarms ring: a store that was revoked says nothing any more, and what a store does not keep never comes.
SELECT (SELECT count(*) FROM store WHERE joined_at IS NOT NULL AND revoked_at IS NULL),
    (SELECT count(*) FROM health JOIN store ON name = health.store
        WHERE revoked_at IS NULL AND arrived < %(now)s - interval '90 seconds' AND arrived >= %(now)s - interval '10 minutes'),
    (SELECT count(*) FROM health JOIN store ON name = health.store WHERE revoked_at IS NULL AND arrived < %(now)s - interval '10 minutes'),
    (SELECT count(*) FROM open_fork), (SELECT count(*) FROM gap JOIN store ON name = gap.store
        WHERE revoked_at IS NULL AND closed_at IS NULL AND why <> 'not kept at the store'),
    (SELECT count(*) FROM consent WHERE stopped), (SELECT coalesce(sum(head_seq - coalesce(first_seq, head_seq) + 1), 0) FROM chain WHERE first_seq IS NOT NULL),
    (SELECT count(*) FROM health JOIN store ON name = health.store WHERE revoked_at IS NULL AND coalesce(body ->> 'bundle_problem', '') <> '');
