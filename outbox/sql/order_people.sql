-- write: whose orders are.
INSERT OR REPLACE INTO order_people (order_seq, digests) SELECT * FROM (VALUES (:order_seq, :digests)) WHERE column1 IS NOT NULL;

-- of_order: whose an order is.
SELECT digests FROM order_people WHERE order_seq = :order;

-- drop: they are nobody's any more.
DELETE FROM order_people WHERE order_seq IN (SELECT value FROM json_each(:orders));

-- drop_all: whose all of them are is found out anew.
DELETE FROM order_people;

-- orders_of: the orders that an address is on: in each whole part by the index, and since then one after the other.
WITH RECURSIVE part (n) AS (
    SELECT min(part) FROM person_order
    UNION ALL
    SELECT n + 1 FROM part WHERE n < (SELECT max(part) FROM person_order)
)
SELECT p.order_seq FROM part CROSS JOIN person_order AS p ON p.part = part.n AND p.digest = :digest
UNION ALL
SELECT order_seq FROM order_people
WHERE order_seq >= (SELECT coalesce(max(seq), 0) FROM orders) / 512 * 512 AND instr(digests, :digest);

-- index: the orders from one number to another go into the index, in its order.
WITH RECURSIVE each (order_seq, digests, at) AS (
    SELECT order_seq, digests, 1 FROM order_people
    WHERE order_seq BETWEEN :first AND :last
    UNION ALL
    SELECT order_seq, digests, at + 16 FROM each WHERE at + 16 <= length(digests)
)
INSERT OR IGNORE INTO person_order (part, digest, order_seq)
SELECT order_seq / 512, substr(digests, at, 16), order_seq FROM each ORDER BY 1, 2, 3;

-- newest: the number of the newest order.
SELECT coalesce(max(seq), 0) FROM orders;

-- unindex_all: it is made anew.
DELETE FROM person_order;
