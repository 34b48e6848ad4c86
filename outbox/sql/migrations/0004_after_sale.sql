-- A return or a refund is no place where an order stands: orders that stand at one go back to where their own events put them.
-- One call for each element that is new: SQLite 3.40 (Debian 12) puts what follows such a one in a call to the wrong place.
UPDATE orders SET body = CAST(json_set(json_set(json_set(json_set(json_set(
    CAST(orders.body AS TEXT),
    '$[3]', coalesce(e.type, ''),
    '$[4]', coalesce(e.received_at, 0),
    '$[5]', coalesce(e.source, '')),
    '$[20]', coalesce(CAST(orders.body AS TEXT) ->> '$[20]', '')),
    '$[21]', CAST(orders.body AS TEXT) ->> '$[3]'),
    '$[22]', CAST(orders.body AS TEXT) ->> '$[4]'),
    '$[23]', CAST(orders.body AS TEXT) ->> '$[5]'
) AS BLOB)
FROM orders o
LEFT JOIN (SELECT order_seq, max(seq) AS seq FROM event WHERE type LIKE 'order.%' GROUP BY order_seq) newest ON newest.order_seq = o.seq
LEFT JOIN event e ON e.seq = newest.seq
WHERE o.seq = orders.seq
    AND (CAST(o.body AS TEXT) ->> '$[3]' LIKE 'refund.%' OR CAST(o.body AS TEXT) ->> '$[3]' LIKE 'return.%');

PRAGMA user_version = 4;
