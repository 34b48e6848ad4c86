-- known: the order of a reply that was taken before.
SELECT r.order_ref FROM json_each(:ids) AS w CROSS JOIN reply AS r
ON r.channel = :channel AND r.provider_id = w.value AND r.provider_id <> '' LIMIT 1;

-- order_of: those of these that are orders of the shop, the newest first.
SELECT o.ref, o.body FROM json_each(:orders) AS w
CROSS JOIN orders AS o ON o.seq = w.value AND NOT (o.ref LIKE '~%' AND o.body ->> '{order.source}' = 'tether')
ORDER BY w.value DESC LIMIT 50;

-- open_of: the same of open orders: ref, status, whether the customer may have got what that status says, and body.
SELECT o.ref, coalesce(o.body ->> '{order.status}', ''), EXISTS (
    SELECT 1 FROM message AS m WHERE m.order_seq = o.seq AND m.event_seq >= o.began AND m.recipient = 'customer'
        AND m.trigger = o.body ->> '{order.status}' AND m.state IN ('sent', 'delivered', 'unknown')
), o.body
FROM json_each(:orders) AS w CROSS JOIN orders AS o ON o.seq = w.value AND NOT (o.ref LIKE '~%' AND o.body ->> '{order.source}' = 'tether')
    AND coalesce(o.body ->> '{order.status}', '') NOT IN ('order.completed', 'order.cancelled', 'order.deleted')
ORDER BY w.value DESC LIMIT 50;

-- add: a new reply.
INSERT INTO reply (at, channel, provider_id, order_ref, event_seq, is_read, consent, unclear, action, address, text)
VALUES (:at, :channel, :id, :order_ref, coalesce((SELECT last_event FROM orders WHERE ref = :order_ref), 0), 0, :consent, :unclear, :action,
    :address, :text);

-- one: whether a reply was read, and the order it belongs to.
SELECT order_ref, is_read FROM reply WHERE seq = :seq;

-- mark_read: somebody has seen it.
UPDATE reply SET is_read = 1 WHERE seq = :seq;

-- all: replies, the newest first; and of each whether it came before the number of its order was given out again.
SELECT r.seq, r.order_ref, r.channel, r.address, coalesce(o.body ->> '{order.customer}.name', ''), r.text, r.at, r.is_read,
    coalesce(r.consent, iif(r.unclear, 'unclear', NULL)), r.action, r.event_seq, r.event_seq < o.began
FROM reply AS r LEFT JOIN orders AS o ON o.ref = r.order_ref WHERE r.seq < :below ORDER BY r.seq DESC LIMIT :limit;

-- unread: those that nobody has seen.
SELECT r.seq, r.order_ref, r.channel, r.address, coalesce(o.body ->> '{order.customer}.name', ''), r.text, r.at, r.is_read,
    coalesce(r.consent, iif(r.unclear, 'unclear', NULL)), r.action, r.event_seq, r.event_seq < o.began
FROM reply AS r LEFT JOIN orders AS o ON o.ref = r.order_ref
WHERE r.is_read = 0 AND r.seq < :below ORDER BY r.seq DESC LIMIT :limit;

-- of_order: those of one order; `unread`: of them those that nobody has seen.
SELECT r.seq, r.order_ref, r.channel, r.address, coalesce(o.body ->> '{order.customer}.name', ''), r.text, r.at, r.is_read,
    coalesce(r.consent, iif(r.unclear, 'unclear', NULL)), r.action, r.event_seq, r.event_seq < o.began
FROM reply AS r LEFT JOIN orders AS o ON o.ref = r.order_ref
WHERE r.order_ref = :order_ref AND r.seq < :below AND r.is_read <= 1 - :unread ORDER BY r.seq DESC LIMIT :limit;

-- some: those of these numbers.
SELECT r.seq, r.order_ref, r.channel, r.address, coalesce(o.body ->> '{order.customer}.name', ''), r.text, r.at, r.is_read,
    coalesce(r.consent, iif(r.unclear, 'unclear', NULL)), r.action, r.event_seq, r.event_seq < o.began
FROM json_each(:seqs) AS w CROSS JOIN reply AS r ON r.seq = w.value LEFT JOIN orders AS o ON o.ref = r.order_ref;
