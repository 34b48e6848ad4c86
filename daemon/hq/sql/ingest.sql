-- progress: how far a stream was read, held until the commit: of two processes one at a time adds to the archive.
SELECT made, seq FROM progress WHERE stream = %(stream)s FOR UPDATE;

-- begin_progress: a stream that was never read.
INSERT INTO progress (stream, made, seq, at) VALUES (%(stream)s, %(made)s, 0, %(now)s) ON CONFLICT (stream) DO NOTHING;

-- advance: it was read up to there.
UPDATE progress SET made = %(made)s, seq = %(seq)s, at = %(now)s WHERE stream = %(stream)s;

-- know_store: a store whose key is good is one of ours, though this database be younger than its joining.
INSERT INTO store (name) SELECT unnest(%(names)s::text[]) ON CONFLICT (name) DO NOTHING;

-- chains: all epochs of these stores, held until the commit.
SELECT store, epoch, n, first_seq, head_seq, head_hash, rev FROM chain WHERE store = ANY(%(stores)s) ORDER BY store, n FOR UPDATE;

-- hash_at: an archived entry's hash.
SELECT hash FROM audit WHERE store = %(store)s AND epoch = %(epoch)s AND seq = %(seq)s;

-- continues: whether an entry with that number and hash is archived under any epoch of the store.
SELECT epoch FROM audit WHERE store = %(store)s AND seq = %(seq)s AND hash = %(hash)s AND epoch = ANY(%(epochs)s) LIMIT 1;

-- keep_chain: a store's epoch, and how far it is archived now.
INSERT INTO chain (store, epoch, n, first_seq, head_seq, head_hash, head_at, rev, seen_at)
VALUES (%(store)s, %(epoch)s, %(n)s, %(first_seq)s, %(head_seq)s, %(head_hash)s, %(now)s, %(rev)s, %(now)s)
ON CONFLICT (store, epoch) DO UPDATE SET first_seq = excluded.first_seq, head_seq = excluded.head_seq,
    head_hash = excluded.head_hash, head_at = excluded.head_at, rev = excluded.rev;

-- add_entries: what `COPY` writes.
COPY audit (store, epoch, seq, at, kind, actor, order_ref, message_id, detail, hash, arrived) FROM STDIN (FORMAT BINARY);

-- keep_messages: how messages stand, unless something newer is known. What is only told anew arrived when it first did.
INSERT INTO message (store, id, epoch_n, rev, order_ref, state, channel, reason_code, type, recipient, address, attempts,
    created_at, updated_at, due_at, parts, price, who, told_at, reason_args, arrived)
SELECT store, id, epoch_n, rev, order_ref, state, channel, reason_code, type, recipient, address, attempts,
    created_at, updated_at, due_at, parts, price, who::uuid[], told_at, reason_args::jsonb, %(now)s FROM unnest(
    %(store)s::text[], %(id)s::text[], %(epoch_n)s::int[], %(rev)s::bigint[], %(order_ref)s::text[], %(state)s::text[],
    %(channel)s::text[], %(reason_code)s::text[], %(type)s::text[], %(recipient)s::text[], %(address)s::text[],
    %(attempts)s::int[], %(created_at)s::bigint[], %(updated_at)s::bigint[], %(due_at)s::bigint[], %(parts)s::int[], %(price)s::text[],
    %(who)s::text[], %(told_at)s::bigint[], %(reason_args)s::text[]
) AS w (store, id, epoch_n, rev, order_ref, state, channel, reason_code, type, recipient, address, attempts,
    created_at, updated_at, due_at, parts, price, who, told_at, reason_args)
ON CONFLICT (store, id) DO UPDATE SET epoch_n = excluded.epoch_n, rev = excluded.rev, order_ref = excluded.order_ref,
    state = excluded.state, channel = excluded.channel, reason_code = excluded.reason_code, type = excluded.type,
    recipient = excluded.recipient, address = excluded.address, attempts = excluded.attempts, created_at = excluded.created_at,
    updated_at = excluded.updated_at, due_at = excluded.due_at, parts = excluded.parts, price = excluded.price,
    who = excluded.who, told_at = excluded.told_at, reason_args = excluded.reason_args,
    arrived = CASE WHEN (excluded.state, excluded.updated_at) = (message.state, message.updated_at) THEN message.arrived ELSE excluded.arrived END
WHERE (excluded.epoch_n, excluded.rev) > (message.epoch_n, message.rev);

-- note_fork: the same entry with other content.
INSERT INTO fork (store, epoch, seq, known, other, seen_in, first_seen, last_seen)
VALUES (%(store)s, %(epoch)s, %(seq)s, %(known)s, %(other)s, %(seen_in)s, %(now)s, %(now)s)
ON CONFLICT (store, epoch, seq, other) DO UPDATE SET last_seen = excluded.last_seen, times = fork.times + 1;

-- note_gap: entries that should have come before these.
INSERT INTO gap (store, epoch, from_seq, to_seq, why, seen_at)
VALUES (%(store)s, %(epoch)s, %(from_seq)s, %(to_seq)s, %(why)s, %(now)s)
ON CONFLICT (store, epoch, from_seq, why) DO UPDATE SET to_seq = greatest(gap.to_seq, excluded.to_seq), closed_at = NULL;

-- close_gaps: what was missing has come.
UPDATE gap SET closed_at = %(now)s
WHERE closed_at IS NULL AND why = 'missing' AND store = %(store)s AND epoch = %(epoch)s AND to_seq <= %(head_seq)s;

-- close_unreadable: what could not be read has come since: what it was of, the record or the messages, goes on beyond it.
UPDATE gap SET closed_at = %(now)s
WHERE closed_at IS NULL AND why LIKE %(why)s AND store = ANY(%(stores)s) AND seen_at < %(now)s;

-- ask_again: the store is to send again from its mark; not more often than it can. When it was asked by a clock that was ahead doesn't count.
UPDATE store SET again = again + 1, again_at = %(now)s
WHERE name = ANY(%(names)s) AND (
    again_at IS NULL OR again_at NOT BETWEEN %(now)s - make_interval(secs => %(patience)s) AND %(now)s + interval '5 minutes'
)
RETURNING name;
