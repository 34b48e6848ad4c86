-- since: the events received at or after a moment, in order.
SELECT e.seq, e.source, e.id, e.type, o.ref, e.received_at, e.actor, e.raw
FROM event AS e CROSS JOIN orders AS o ON o.seq = e.order_seq
WHERE e.seq > :after AND e.received_at >= :since ORDER BY e.seq LIMIT :limit;

-- told: what a source told of one of its own orders: the events whose ids begin with that order's id, in order.
SELECT e.seq, e.source, e.id, e.type, o.ref, e.received_at, e.actor, e.raw
FROM event AS e CROSS JOIN orders AS o ON o.seq = e.order_seq
WHERE e.id >= :begin AND e.id < :end AND e.source = :source ORDER BY e.seq;

-- known: which of these messages exist.
SELECT m.id, m.seq FROM json_each(:ids) AS w CROSS JOIN message AS m ON m.id = w.value;
