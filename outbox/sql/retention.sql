-- next_orders: the next orders that changed last before a moment, and whether something of them is open, or promised for later than that moment, or
-- somebody wrote about it since; between them those of which it is known from before they were what they are: others had their number.
SELECT e.seq, o.seq, o.last_event > e.seq, EXISTS (SELECT 1 FROM message AS m WHERE m.order_seq = o.seq AND m.open = 1)
    OR coalesce(o.body ->> '{order.promised_at}', 0) BETWEEN :before AND :farthest
    OR EXISTS (SELECT 1 FROM reply AS r WHERE r.order_ref = o.ref AND r.at BETWEEN :before AND :farthest)
FROM event AS e CROSS JOIN orders AS o ON o.seq = e.order_seq AND (o.last_event = e.seq OR e.received_at < o.body ->> '{order.created_at}')
WHERE e.seq > :after AND e.received_at < :before ORDER BY e.seq LIMIT :limit;

-- order: what is known of an order, and the first event that something open tells of.
SELECT CAST(o.body AS TEXT), (SELECT min(m.event_seq) FROM message AS m WHERE m.order_seq = o.seq AND m.open = 1)
FROM orders AS o WHERE o.seq = :order;

-- events_of: all events of an order, in the order in which they came.
WITH RECURSIVE told (seq) AS (
    SELECT last_event FROM orders WHERE seq = :order
    UNION ALL
    SELECT e.earlier FROM told AS t CROSS JOIN event AS e ON e.seq = t.seq WHERE e.earlier > 0
)
SELECT e.seq, e.received_at, e.raw FROM told AS t CROSS JOIN event AS e ON e.seq = t.seq ORDER BY e.seq;

-- addresses_of: where the messages of an order go.
SELECT DISTINCT CAST(addresses AS TEXT) FROM message WHERE order_seq = :order;

-- prune_attempts: of these orders, for what was told before an event.
DELETE FROM attempt WHERE seq IN (
    WITH RECURSIVE tried (seq) AS (
        SELECT m.last_attempt FROM json_each(:orders) AS w CROSS JOIN message AS m ON m.order_seq = w.value
        WHERE m.last_attempt > 0 AND m.event_seq < :first
        UNION ALL
        SELECT a.earlier FROM tried AS t CROSS JOIN attempt AS a ON a.seq = t.seq WHERE a.earlier > 0
    )
    SELECT seq FROM tried
);

-- prune_messages: likewise.
DELETE FROM message WHERE order_seq IN (SELECT value FROM json_each(:orders)) AND event_seq < :first;

-- prune_events: likewise.
DELETE FROM event WHERE seq IN (
    WITH RECURSIVE told (seq) AS (
        SELECT o.last_event FROM json_each(:orders) AS w CROSS JOIN orders AS o ON o.seq = w.value
        UNION ALL
        SELECT e.earlier FROM told AS t CROSS JOIN event AS e ON e.seq = t.seq WHERE e.earlier > 0
    )
    SELECT seq FROM told WHERE seq < :first
);

-- prune_replies: about these orders, of until then.
DELETE FROM reply WHERE at <= :until
    AND order_ref IN (SELECT o.ref FROM json_each(:orders) AS w CROSS JOIN orders AS o ON o.seq = w.value);

-- prune_orders: these orders.
DELETE FROM orders WHERE seq IN (SELECT value FROM json_each(:orders));

-- begin_events: nothing is left of what an order's event followed.
UPDATE event SET earlier = 0 WHERE seq = :first;

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
