-- next_orders: the orders that changed longest ago, and whether something of them is open.
SELECT o.updated_at, o.seq, EXISTS (SELECT 1 FROM message AS m WHERE m.order_seq = o.seq AND m.open = 1)
FROM orders AS o WHERE o.updated_at < :before AND (o.updated_at, o.seq) > (:at, :seq)
ORDER BY o.updated_at, o.seq LIMIT :limit;

-- prune_attempts: of these orders.
DELETE FROM attempt WHERE message_seq IN (
    SELECT m.seq FROM json_each(:orders) AS w CROSS JOIN message AS m ON m.order_seq = w.value
);

-- prune_messages: of these orders.
DELETE FROM message WHERE order_seq IN (SELECT value FROM json_each(:orders));

-- prune_events: of these orders.
DELETE FROM event WHERE order_seq IN (SELECT value FROM json_each(:orders));

-- prune_contacts: of these orders.
DELETE FROM contact WHERE order_seq IN (SELECT value FROM json_each(:orders));

-- prune_replies: of these orders.
DELETE FROM reply WHERE order_ref IN (SELECT o.ref FROM json_each(:orders) AS w CROSS JOIN orders AS o ON o.seq = w.value);

-- prune_orders: these orders.
DELETE FROM orders WHERE seq IN (SELECT value FROM json_each(:orders));

-- prune_stray_replies: old ones that belong to no order.
DELETE FROM reply WHERE order_ref IS NULL AND at < :before;

-- blank_old_consent: the digest is enough.
UPDATE consent SET address = '' WHERE address <> '' AND at < :before;

-- prune_early_receipts: of attempts that never came to be known.
DELETE FROM early_receipt WHERE kept_at < :early;

-- count_of: how much there is of a person.
WITH o (seq) AS (SELECT order_seq FROM contact WHERE address = :address)
SELECT
    (SELECT count(*) FROM o CROSS JOIN event AS e ON e.order_seq = o.seq),
    (SELECT count(*) FROM o CROSS JOIN message AS m ON m.order_seq = o.seq),
    (SELECT count(*) FROM o CROSS JOIN message AS m ON m.order_seq = o.seq CROSS JOIN attempt AS a ON a.message_seq = m.seq),
    (SELECT count(*) FROM reply WHERE lower(address) = :address
        OR order_ref IN (SELECT r.ref FROM o CROSS JOIN orders AS r ON r.seq = o.seq)),
    (SELECT count(*) FROM consent WHERE digest = :digest AND address <> ''),
    (SELECT count(*) FROM o);

-- open_of: what is open of a person's orders, as one JSON array.
SELECT '[' || group_concat(r.row) || ']'
FROM contact AS c CROSS JOIN message AS m ON m.order_seq = c.order_seq AND m.open = 1
CROSS JOIN message_row AS r ON r.seq = m.seq WHERE c.address = :address;

-- forget_attempts: where they went and what they said.
UPDATE attempt SET address = '', sent = NULL, receipt_detail = '' WHERE message_seq IN (
    SELECT m.seq FROM contact AS c CROSS JOIN message AS m ON m.order_seq = c.order_seq WHERE c.address = :address
);

-- forget_messages: the addresses and the words of staff.
UPDATE message SET addresses = CAST('{}' AS BLOB), body = CAST(json_set(CAST(body AS TEXT), '$[2]', NULL, '$[3]', NULL) AS BLOB)
WHERE order_seq IN (SELECT order_seq FROM contact WHERE address = :address);

-- forget_events: what was told.
UPDATE event SET raw = x'' WHERE order_seq IN (SELECT order_seq FROM contact WHERE address = :address);

-- forget_replies: what they wrote.
UPDATE reply SET address = '', text = '' WHERE lower(address) = :address OR order_ref IN (
    SELECT o.ref FROM contact AS c CROSS JOIN orders AS o ON o.seq = c.order_seq WHERE c.address = :address
);

-- forget_consent: their address in plain; what they said holds by its digest.
UPDATE consent SET address = '' WHERE digest = :digest;

-- forget_orders: who they are.
UPDATE orders SET body = CAST(json_remove(CAST(body AS TEXT), '$.customer', '$.note') AS BLOB)
WHERE seq IN (SELECT order_seq FROM contact WHERE address = :address);

-- forget_contacts: by which addresses these orders were known.
DELETE FROM contact WHERE order_seq IN (SELECT order_seq FROM contact WHERE address = :address);
