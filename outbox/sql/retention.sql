-- next_orders: the next orders that changed last before a moment, and whether something of them is open, or promised for later than that moment, or
-- somebody wrote about it since.
SELECT e.seq, o.seq, EXISTS (SELECT 1 FROM message AS m WHERE m.order_seq = o.seq AND m.open = 1)
    OR coalesce(o.body ->> '{order.promised_at}', 0) BETWEEN :before AND :farthest
    OR EXISTS (SELECT 1 FROM reply AS r WHERE r.order_ref = o.ref AND r.at BETWEEN :before AND :farthest)
FROM event AS e CROSS JOIN orders AS o ON o.seq = e.order_seq AND o.last_event = e.seq
WHERE e.seq > :after AND e.received_at < :before ORDER BY e.seq LIMIT :limit;

-- prune_attempts: of these orders.
DELETE FROM attempt WHERE seq IN (
    WITH RECURSIVE tried (seq) AS (
        SELECT m.last_attempt FROM json_each(:orders) AS w CROSS JOIN message AS m ON m.order_seq = w.value WHERE m.last_attempt > 0
        UNION ALL
        SELECT a.earlier FROM tried AS t CROSS JOIN attempt AS a ON a.seq = t.seq WHERE a.earlier > 0
    )
    SELECT seq FROM tried
);

-- prune_messages: of these orders.
DELETE FROM message WHERE order_seq IN (SELECT value FROM json_each(:orders));

-- prune_events: of these orders.
DELETE FROM event WHERE seq IN (
    WITH RECURSIVE told (seq) AS (
        SELECT o.last_event FROM json_each(:orders) AS w CROSS JOIN orders AS o ON o.seq = w.value
        UNION ALL
        SELECT e.earlier FROM told AS t CROSS JOIN event AS e ON e.seq = t.seq WHERE e.earlier > 0
    )
    SELECT seq FROM told
);

-- prune_replies: of these orders.
DELETE FROM reply WHERE order_ref IN (SELECT o.ref FROM json_each(:orders) AS w CROSS JOIN orders AS o ON o.seq = w.value);

-- prune_orders: these orders.
DELETE FROM orders WHERE seq IN (SELECT value FROM json_each(:orders));

-- prune_stray_replies: old ones that belong to no order, or to one that a restore or damage has lost.
DELETE FROM reply WHERE at < :before AND NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.ref = reply.order_ref);

-- blank_old_consent: the digest is enough.
UPDATE consent SET address = '' WHERE address <> '' AND at < :before;

-- prune_early_receipts: of attempts that never came to be known.
DELETE FROM early_receipt WHERE kept_at < :early;

-- prune_told: of events that nobody brings again any more.
DELETE FROM told WHERE at < :before;

-- prune_quarantine: what sources told and nobody came to understand.
DELETE FROM quarantine WHERE at < :before;

-- prune_aliases: of orders that are gone.
DELETE FROM alias WHERE at < :before AND NOT EXISTS (SELECT 1 FROM orders AS o WHERE o.ref = alias.ref);
