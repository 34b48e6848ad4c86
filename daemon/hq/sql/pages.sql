-- store: one store with its own word on how it is.
SELECT s.name, s.grp, s.joined_at, s.revoked_at, h.arrived, h.body, c.epoch, c.head_seq, c.head_at
FROM store AS s LEFT JOIN health AS h ON h.store = s.name
LEFT JOIN LATERAL (
    SELECT epoch, head_seq, head_at FROM chain WHERE chain.store = s.name ORDER BY (epoch = h.body ->> 'epoch') IS TRUE DESC, n DESC LIMIT 1
) AS c ON true
WHERE s.name = %(store)s;

-- hours: how a store was, hour by hour.
SELECT hour, heard, line_down, queued, waited, disk_free, written FROM health_hour
WHERE store = %(store)s AND hour > %(since)s ORDER BY hour;

-- past_troubles: what was wrong with a store, the newest first.
SELECT kind, about, since, ended FROM trouble WHERE store = %(store)s AND since > %(since)s ORDER BY since DESC LIMIT 50;

-- untold: a store's customers who were not told, what was heard last first; what it brings along from before it joined counts by its own clock.
SELECT store, id, order_ref, state, channel, reason_code, type, recipient, address, attempts, created_at, updated_at, parts, price, reason_args
FROM message JOIN store AS s ON s.name = store
WHERE store = %(store)s AND state IN ('failed', 'expired', 'unknown') AND recipient = 'customer' AND arrived > %(since)s
    AND updated_at >= 1000 * extract(epoch FROM least(joined_at, %(since)s))
ORDER BY arrived DESC, updated_at DESC LIMIT 50;

-- newest_of_store: a store's messages, the newest first.
SELECT store, id, order_ref, state, channel, reason_code, type, recipient, address, attempts, created_at, updated_at, parts, price, reason_args
FROM message WHERE store = %(store)s ORDER BY created_at DESC LIMIT 20;

-- by_order: messages of an order's number, over all stores; the newest first.
SELECT store, id, order_ref, state, channel, reason_code, type, recipient, address, attempts, created_at, updated_at, parts, price, reason_args
FROM message WHERE order_ref = %(text)s AND (%(mine)s::text[] IS NULL OR store = ANY(%(mine)s)) ORDER BY created_at DESC LIMIT %(messages)s;

-- stores_of_order: which stores told of an order's number.
SELECT name FROM store AS s
WHERE (%(mine)s::text[] IS NULL OR name = ANY(%(mine)s))
    AND (EXISTS (SELECT 1 FROM message WHERE order_ref = %(ref)s AND store = s.name)
        OR EXISTS (SELECT 1 FROM audit WHERE order_ref = %(ref)s AND order_ref <> '' AND store = s.name))
ORDER BY name;

-- by_id: a message by its own number.
SELECT store, id, order_ref, state, channel, reason_code, type, recipient, address, attempts, created_at, updated_at, parts, price, reason_args
FROM message WHERE id = %(text)s AND (%(mine)s::text[] IS NULL OR store = ANY(%(mine)s)) LIMIT 50;

-- by_person: what was told to an address, by its digests; the newest first.
SELECT store, id, order_ref, state, channel, reason_code, type, recipient, address, attempts, created_at, updated_at, parts, price, reason_args
FROM message WHERE who && %(digests)s::uuid[] AND who <> '{}' AND (%(mine)s::text[] IS NULL OR store = ANY(%(mine)s))
ORDER BY created_at DESC LIMIT %(messages)s;

-- one: a message.
SELECT store, id, order_ref, state, channel, reason_code, type, recipient, address, attempts, created_at, updated_at, parts, price, reason_args
FROM message WHERE store = %(store)s AND id = %(id)s;

-- record_of_order: what stores put on record of an order, the newest of it, each in its order, whatever its clock said: by epoch and number.
SELECT store, epoch, seq, at, kind, actor, order_ref, message_id, detail, hash FROM (
    SELECT a.*, c.n FROM audit AS a JOIN chain AS c ON c.store = a.store AND c.epoch = a.epoch
    WHERE a.order_ref = %(ref)s AND a.order_ref <> '' AND (%(mine)s::text[] IS NULL OR a.store = ANY(%(mine)s))
    ORDER BY a.arrived DESC, c.n DESC, a.seq DESC LIMIT %(entries)s
) AS newest ORDER BY store, n, seq;

-- record_of_message: what its store put on record of a message, and of its order what is nearest to it: tills may give a number out each day.
SELECT store, epoch, seq, at, kind, actor, order_ref, message_id, detail, hash FROM (
    SELECT a.*, c.n FROM audit AS a JOIN chain AS c ON c.store = a.store AND c.epoch = a.epoch
    WHERE a.order_ref = %(ref)s AND a.order_ref <> '' AND a.store = %(store)s AND a.message_id IN (%(id)s, '')
    ORDER BY a.message_id DESC, abs(a.at - 1000 * extract(epoch FROM %(at)s::timestamptz)) LIMIT %(entries)s
) AS nearest ORDER BY n, seq;

-- optouts: the fleet's words on consent, the newest first; a manager's own stores', headquarters', and whose nobody can be proved to be.
SELECT kid, medium, digest, stopped, at, clock_trusted, store, epoch, seq, how, arrived FROM consent
WHERE (arrived, digest) < (%(below)s, %(digest)s::text) AND (%(mine)s::text[] IS NULL OR store = ANY(%(mine)s) OR store IN ('headquarters', ''))
ORDER BY arrived DESC, digest DESC LIMIT %(limit)s;

-- optouts_of: what is said of an address, by its digests.
SELECT c.kid, c.medium, c.digest, c.stopped, c.at, c.clock_trusted, c.store, c.epoch, c.seq, c.how, c.arrived
FROM unnest(%(kids)s::text[], %(media)s::text[], %(digests)s::text[]) AS w (kid, medium, digest)
JOIN consent AS c ON c.kid = w.kid AND c.medium = w.medium AND c.digest = w.digest ORDER BY c.arrived DESC;

-- chains: how far each store is archived, every epoch.
SELECT c.store, c.epoch, c.first_seq, c.head_seq, c.head_hash, c.head_at, h.body ->> 'signed_head' FROM chain AS c
LEFT JOIN health AS h ON h.store = c.store AND h.body ->> 'epoch' = c.epoch
WHERE (%(mine)s::text[] IS NULL OR c.store = ANY(%(mine)s)) AND c.store > %(after)s ORDER BY c.store, c.n LIMIT %(limit)s;

-- chains_of: how far one store is archived, every epoch.
SELECT c.store, c.epoch, c.first_seq, c.head_seq, c.head_hash, c.head_at, h.body ->> 'signed_head' FROM chain AS c
LEFT JOIN health AS h ON h.store = c.store AND h.body ->> 'epoch' = c.epoch WHERE c.store = %(store)s ORDER BY c.n DESC LIMIT 100;

-- forks: entries that came with two contents, the newest first.
SELECT store, epoch, seq, seen_in, first_seen, last_seen, times FROM fork
WHERE (%(mine)s::text[] IS NULL OR store = ANY(%(mine)s)) ORDER BY last_seen DESC LIMIT 100;

-- gaps: entries that are missing, the newest first.
SELECT store, epoch, from_seq, to_seq, why, seen_at, closed_at FROM gap
WHERE (%(mine)s::text[] IS NULL OR store = ANY(%(mine)s)) ORDER BY closed_at IS NULL DESC, seen_at DESC LIMIT 100;

-- before: the hashes of entries just before these, within their epochs.
SELECT a.store, a.epoch, a.seq + 1, a.hash FROM unnest(%(stores)s::text[], %(epochs)s::text[], %(seqs)s::bigint[]) AS w (store, epoch, seq)
JOIN audit AS a ON a.store = w.store AND a.epoch = w.epoch AND a.seq = w.seq - 1;
